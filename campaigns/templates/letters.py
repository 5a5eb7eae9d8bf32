"""Letters that nobody designed: a text in our markup as HTML that reads well in every mail program, light and dark.

Tables and styles on the elements themselves, because that is what mail programs agree on. Nothing is fetched.
"""

import re
from collections.abc import Sequence
from html import escape

from core.formatting import Formatted, html
from core.values import value

RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_FONT = "-apple-system,'Segoe UI',Roboto,Vazirmatn,Helvetica,Arial,sans-serif"
_PARAGRAPH = "margin:0 0 18px;font-size:17px;line-height:28px;"
_LINK = "color:#0b57a4;"
_SMALL = "margin:0 0 8px;font-size:13px;line-height:21px;color:#6b7280;"
_DARK = (
    "@media (prefers-color-scheme:dark){.ot-page{background:#14171c!important}.ot-card{background:#1d2129!important}"
    ".ot-card,.ot-card p,.ot-card blockquote{color:#e8ebf0!important}.ot-card a.ot-link{color:#8ab8ec!important}"
    ".ot-foot p,.ot-foot a{color:#9aa3af!important}.ot-act{background:#e8ebf0!important;color:#14171c!important}}"
)
_PARAGRAPHS = re.compile(r"(?:<br>\n){2,}")
_QUOTE = (
    '<blockquote style="margin:0 0 18px;padding-inline-start:14px;border-inline-start:3px solid #d3d8df;'
    'color:#4b5563;">'
)
_BUTTON = (
    '<p style="margin:0 0 12px;"><a class="ot-act" href="{url}" style="display:inline-block;padding:13px 26px;'
    "border-radius:24px;background:#1c2430;color:#ffffff;font-size:16px;line-height:22px;font-weight:600;"
    'text-decoration:none;">{label}</a></p>'
)


@value(frozen=True, slots=True)
class Action:
    """Something to press: a label and where it leads (a page, or a mail that is half written)."""

    label: str
    url: str


@value(frozen=True, slots=True)
class Foot:
    """What stands below a letter: sentences, and links side by side."""

    lines: tuple[str, ...] = ()
    links: tuple[Action, ...] = ()


def is_right_to_left(locale: str) -> bool:
    """Whether the language of the locale is written from the right."""
    return locale.replace("_", "-").partition("-")[0].lower() in RIGHT_TO_LEFT


def letter(said: Formatted, actions: Sequence[Action], foot: Foot, *, locale: str, preview: str = "") -> str:
    """The whole letter."""
    direction = "rtl" if is_right_to_left(locale) else "ltr"
    side = "right" if direction == "rtl" else "left"
    hidden = (
        f'<div style="display:none;font-size:1px;line-height:1px;max-height:0;overflow:hidden;">{escape(preview)}</div>'
        if preview
        else ""
    )
    below = footer(foot)
    return (
        f'<!doctype html><html lang="{escape(locale)}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<style>:root{{color-scheme:light dark}}{_DARK}</style></head>"
        f'<body class="ot-page" style="margin:0;padding:0;background:#f3f4f6;">{hidden}'
        f'<table class="ot-page" role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="background:#f3f4f6;"><tr><td align="center" style="padding:28px 12px;">'
        f'<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="width:100%;max-width:600px;">'
        f'<tr><td class="ot-card" dir="{direction}" align="{side}" style="padding:36px 32px 26px;background:#ffffff;'
        f'border-radius:14px;font-family:{_FONT};color:#1c2430;overflow-wrap:anywhere;">'
        f"{paragraphs(said)}{''.join(button(action) for action in actions)}</td></tr>"
        + (
            f'<tr><td class="ot-foot" dir="{direction}" align="center" style="padding:22px 20px 8px;'
            f'font-family:{_FONT};">{below}</td></tr>'
            if below
            else ""
        )
        + "</table></td></tr></table></body></html>"
    )


def paragraphs(said: Formatted) -> str:
    """The text as paragraphs; quotations stand by themselves."""
    body = html(said, _LINK).replace("<a href=", '<a class="ot-link" href=')
    body = re.sub(r"(?:<br>\n)*<blockquote>", "<br>\n<br>\n<blockquote>", body)
    body = re.sub(r"</blockquote>(?:<br>\n)*", "</blockquote><br>\n<br>\n", body)
    made = []
    for part in _PARAGRAPHS.split(body):
        if part.startswith("<blockquote>"):
            inner = part.removeprefix("<blockquote>").removesuffix("</blockquote>")
            made.append(f'{_QUOTE}<p style="margin:0;font-size:17px;line-height:28px;">{inner}</p></blockquote>')
        elif part.strip():
            made.append(f'<p style="{_PARAGRAPH}">{part}</p>')
    return "".join(made)


def button(action: Action) -> str:
    """A link that looks like a button."""
    return _BUTTON.format(url=escape(action.url), label=escape(action.label))


def footer(foot: Foot) -> str:
    """The small print."""
    lines = "".join(f'<p style="{_SMALL}">{escape(line)}</p>' for line in foot.lines if line)
    links = " &nbsp;·&nbsp; ".join(
        f'<a href="{escape(link.url)}" style="color:#6b7280;">{escape(link.label)}</a>'
        for link in foot.links
        if link.url
    )
    return lines + (f'<p style="{_SMALL}">{links}</p>' if links else "")


def with_block(page: str, block: str) -> str:
    """A letter of somebody's own design with ``block`` last in its body."""
    end = page.rfind("</body>")
    end = max(end, page.rfind("</BODY>", max(end, 0)))
    return f"{page[:end]}{block}{page[end:]}" if end >= 0 else page + block
