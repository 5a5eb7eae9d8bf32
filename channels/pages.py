"""The few pages that a recipient may see: self-contained HTML, no script, no cookie, no request to anyone else."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from core.catalogue import LANGUAGES, text

LOCALES = LANGUAGES
_NOTES = frozenset({"ask", "done", "rest", "rested"})
"""Pages with a line in small print."""

_STYLE = (
    ":root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#1c2430;--soft:#5b6675;--line:#e3e6ea;"
    "--act:#c4342d;--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b212a;--ink:#e8ecf2;--soft:#9ba6b5;"
    "--line:#2a323d;--act:#e5645c;--on:#1a0605}}"
    "*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;"
    "background:var(--page);color:var(--ink);font:1.0625rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,"
    "Vazirmatn,Tahoma,sans-serif}"
    "main{width:100%;max-width:27rem;background:var(--card);border:1px solid var(--line);border-radius:1rem;"
    "padding:2rem 1.75rem;box-shadow:0 8px 30px rgb(0 0 0/.06)}"
    ".brand{margin:0 0 1.25rem;color:var(--soft);font-size:.9375rem;overflow-wrap:anywhere}"
    "h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}p{margin:0 0 .75rem;overflow-wrap:anywhere}"
    ".note{color:var(--soft);font-size:.9375rem}form{margin:1.5rem 0 0}"
    "button{width:100%;padding:.85rem 1rem;border:0;border-radius:.625rem;background:var(--act);color:var(--on);"
    "font:inherit;font-weight:600;cursor:pointer}button:hover{filter:brightness(1.06)}"
    "button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
"""Go with every page: nothing is kept, framed, indexed or told onward (the address holds a token)."""


def locale_of(wanted: str) -> str:
    """The nearest of our locales to a tag such as ``ru-RU``; English where there is none."""
    primary = wanted.replace("_", "-").partition("-")[0].lower()
    return primary if primary in LOCALES else "en"


def preferred_locale(accept_language: str) -> str:
    """The first of our locales that a browser asks for."""
    for tag in accept_language[:200].split(","):
        primary = tag.partition(";")[0].strip().replace("_", "-").partition("-")[0].lower()
        if primary in LOCALES:
            return primary
    return "en"


def ask_page(locale: str, brand: str) -> str:
    """Asks whether to unsubscribe; only the button's POST does it, since link scanners open every link."""
    return _page(locale, brand, "ask", press="page.button")


def done_page(locale: str, brand: str) -> str:
    """Says that it is done."""
    return _page(locale, brand, "done")


def ask_rest_page(locale: str, brand: str) -> str:
    """Asks whether to be quiet for a while; only the button's POST does it."""
    return _page(locale, brand, "rest", press="page.rest_button")


def rested_page(locale: str, brand: str) -> str:
    """Says that it will be quiet."""
    return _page(locale, brand, "rested")


def lost_page(locale: str) -> str:
    """Says that a link is not ours or not whole."""
    return _page(locale, "", "lost")


def busy_page(locale: str) -> str:
    """Says that nothing was recorded and to try again."""
    return _page(locale, "", "busy")


def _page(locale: str, brand: str, name: str, *, press: str = "") -> str:
    """One page; ``press`` is the text on its button, where it has one."""
    direction = "rtl" if locale == "fa" else "ltr"
    shown = escape(brand) if brand else text(locale, "page.sender")
    title, words = text(locale, f"page.{name}_title"), text(locale, f"page.{name}", brand=f"<bdi>{shown}</bdi>")
    note = f'<p class="note">{text(locale, f"page.{name}_note")}</p>' if name in _NOTES else ""
    heading = f'<p class="brand"><bdi>{escape(brand)}</bdi></p>' if brand else ""
    said = text(locale, press) if press else ""
    button = (
        f'<form method="post"><input type="hidden" name="confirm" value="yes"><button>{said}</button></form>'
        if press
        else ""
    )
    return (
        f'<!doctype html><html lang="{locale}" dir="{direction}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main>{heading}<h1>{title}</h1><p>{words}</p>{note}{button}</main>"
        "</body></html>"
    )
