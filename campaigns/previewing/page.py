"""The preview as one page: every message side by side, in phones and mail windows, without anything from outside.

The letters stand in frames without scripts; their own pictures are fetched from where they say.
"""

import base64
import re
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from campaigns.previewing.advice import is_right_to_left
from campaigns.previewing.shown import Preview, Shown
from campaigns.previewing.words import number, say
from core.catalogue import language_of
from core.messages import EMAIL, Attachment
from core.naming import channel_named

FOLDER = Path(__file__).parent
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)»”]")
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_ALWAYS, _NEVER = "(min-width:0)", "(max-width:0)"
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
_NEW_TAB = '<base target="_blank">'


def page(preview: Preview) -> str:
    """The whole page."""
    return str(
        _template().render(
            preview=preview,
            lang=language_of(preview.lang),
            say=partial(_said, preview.lang),
            bdi=Markup("<bdi>{}</bdi>").format,
            number=partial(number, preview.lang),
            rtl=is_right_to_left(preview.lang),
            steps=[(step, list(found)) for step, found in groupby(preview.messages, key=lambda one: one.speech.step)],
            title_of=partial(channel_named, preview.lang),
            style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
            linked=_linked,
            letter=_letter,
            rich=_rich,
            pictures=lambda one: list(_pictures(one)),
            files=_files,
            facts=lambda one: list(facts(one, preview.lang)),
        )
    )


def facts(shown: Shown, lang: str) -> Iterator[tuple[str, str]]:
    """(name, value) of what is known of a message, for a table in ``lang``."""
    yield say(lang, "fact.text"), f"templates/{shown.path}"
    if shown.sms is not None:
        counted = {"count": shown.sms.units, "encoding": shown.sms.encoding, "parts": shown.sms.parts}
        yield say(lang, "fact.length"), say(lang, "units.parts" if shown.sms.parts > 1 else "units", **counted)
    elif shown.speech.channel == EMAIL and shown.message is not None and shown.html:
        size = round(len(shown.message.html.encode()) / 1000)
        yield say(lang, "fact.size"), say(lang, "kilobytes", number=size)
    else:
        yield say(lang, "fact.length"), say(lang, "characters", count=len(shown.text))
    for file in shown.message.attachments if shown.message is not None else ():
        kilobytes = say(lang, "kilobytes", number=max(1, round(file.size / 1000)))
        yield say(lang, "fact.picture" if file.content_id else "fact.file"), f"{file.name}, {kilobytes}"
    if shown.window_open is not None:
        yield say(lang, "fact.window"), say(lang, "window.open" if shown.window_open else "window.closed")
    if shown.message is not None and shown.message.template is not None:
        yield say(lang, "fact.template"), shown.message.template.id
        for name, value in sorted(shown.message.template.variables.items()):
            yield say(lang, "fact.value", name=name), value
    if shown.price is not None:
        amount = number(lang, shown.price.micros / 1_000_000)
        yield say(lang, "fact.cost"), f"{amount} {shown.price.currency}"


def _said(lang: str, key: str, **values: object) -> Markup:
    """Our own words, which hold no markup, around values that are escaped."""
    safe = {name: escape(value) if isinstance(value, str) else value for name, value in values.items()}
    return Markup(say(lang, key, **safe))  # noqa: S704  see above


@lru_cache(maxsize=1)
def _template() -> Template:
    loader = FileSystemLoader(FOLDER)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("page.html")


def _linked(text: str) -> Markup:
    """``text`` with its addresses as links, everything else as it is."""
    out, position = Markup(""), 0
    for found in _LINK.finditer(text):
        link = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(found[0])
        out += escape(text[position : found.start()]) + link
        position = found.end()
    return out + escape(text[position:])


def _rich(html: str) -> Markup:
    """HTML that we made ourselves, its links beside the page."""
    opened = '<a target="_blank" rel="noopener noreferrer" href='
    # lines break by themselves in a bubble, and quotations stand alone
    lines = (
        html.replace("<br>\n", "\n")
        .replace("\n<blockquote>", "<blockquote>")
        .replace("</blockquote>\n", "</blockquote>")
    )
    return Markup(lines.replace("<a href=", opened))  # noqa: S704  safe by its maker


def _pictures(shown: Shown) -> Iterator[str]:
    """The pictures that a chat shows above its text, as addresses that hold them."""
    for file in shown.message.attachments if shown.message is not None else ():
        if file.media_type in _SHOWN and file.content and shown.speech.channel != EMAIL:
            yield f"data:{file.media_type};base64,{base64.b64encode(file.content).decode()}"


def _files(shown: Shown) -> list[Attachment]:
    """The files that stand beside a text as such."""
    files = shown.message.attachments if shown.message is not None else ()
    pictures = _SHOWN if shown.speech.channel != EMAIL else frozenset[str]()
    return [file for file in files if not file.content_id and not (file.media_type in pictures and file.content)]


def _letter(html: str, scheme: str) -> str:
    """A letter as a mail program of that colour ``scheme`` shows it; its links open beside the page.

    Browsers do not tell a frame the scheme of the page around it: the letter's questions are answered in its text.
    """
    answered = _SCHEME.sub(lambda found: _ALWAYS if found[1].lower() == scheme else _NEVER, html)
    head = _HEAD.search(answered)
    at = head.end() if head else 0
    return f"{answered[:at]}{_NEW_TAB}{answered[at:]}"
