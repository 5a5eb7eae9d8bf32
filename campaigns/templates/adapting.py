"""One message, many renderings: what a template says becomes what a channel can show. Pure.

Buttons stay buttons, become numbered lines or links; marks become spans, signs, HTML or nothing; marketing gets its
ways out, in the way that the channel has them; what is too long is shortened or refused, by the template's own rule.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from campaigns.definition import Brand
from campaigns.templates.content import Rendered
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.leaving import LATER, STOP
from campaigns.templates.letters import Action, Foot, button, footer, letter, with_block
from campaigns.templates.sources import Keyboard
from core import catalogue
from core.catalogue import language_of
from core.formatting import Formatted, plain, shortened, whatsapp
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP, Attachment, Button, Span
from core.values import value

_DIGITS = {"fa": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show. ``characters`` of one message, as its provider counts them.

    ``asks``: its app can ask the reader for their own phone number or place, from a keyboard in the place of theirs.
    ``files`` is how many one message carries, ``file_bytes`` how much they may be together; where it carries none, a
    link leads to each.
    """

    buttons: Literal["inline", "numbered", "links"] = "numbered"
    asks: bool = False
    files: int = 0
    file_bytes: int = 0
    look: Literal["spans", "signs", "plain", "html"] = "plain"
    characters: int = 4096


CAPABILITIES = {
    # Telegram's adapter sends up to four in a row
    TELEGRAM: Capabilities("inline", asks=True, files=10, file_bytes=160_000_000, look="spans", characters=4 * 4096),
    WEBCHAT: Capabilities("inline", look="spans", characters=4000),
    WHATSAPP: Capabilities("numbered", files=1, file_bytes=16 * 1024 * 1024, look="signs", characters=1600),
    SMS: Capabilities("numbered", look="plain", characters=1600),
    EMAIL: Capabilities("links", files=50, file_bytes=18_000_000, look="html", characters=512_000),
}
OTHERS = Capabilities()
"""What is expected of a plugin's channel."""


@value(frozen=True, slots=True)
class Envelope:
    """What is around a message: where it goes, in whose name, and the ways back.

    ``approved``: the words that the customer reads are the provider's own template. The addresses are empty where there
    is none; ``reply_to`` is where an answer by mail goes.
    """

    channel: str
    brand: Brand
    marketing: bool = False
    approved: bool = False
    reply_to: str = ""
    unsubscribe: str = ""
    not_now: str = ""
    preferences: str = ""


@value(frozen=True, slots=True)
class Adapted:
    """A message as its channel takes it. ``choices`` are what an answer may mean, the first one is number 1."""

    text: str
    html: str = ""
    spans: tuple[Span, ...] = ()
    buttons: tuple[Button, ...] = ()
    choices: tuple[Button, ...] = ()
    keyboard: Keyboard = "inline"
    attachments: tuple[Attachment, ...] = ()

    def as_letter(self, html: str, attachments: tuple[Attachment, ...]) -> "Adapted":
        """The same with this HTML and these files."""
        return Adapted(self.text, html, self.spans, self.buttons, self.choices, self.keyboard, attachments)


def adapt(rendered: Rendered, envelope: Envelope) -> Adapted:
    """``rendered`` for the channel of ``envelope``.

    Raises:
        TemplateFailure: if it is too long there, and its template does not say to shorten it.
    """
    can = CAPABILITIES.get(envelope.channel, OTHERS)
    choices = tuple(one for one in rendered.buttons if one.value)
    if envelope.approved:
        text = plain(_said(rendered)) if rendered.spans else rendered.text
        return Adapted(text, choices=choices)
    if can.buttons == "links":
        return _letter(rendered, envelope, can, choices)
    ways_out = _leaves(rendered, envelope)
    language = language_of(rendered.locale)
    if can.asks and (rendered.manner.keyboard == "reply" or any(one.asks for one in rendered.buttons)):
        # a key only says its own words: the way out is a line of the text
        line = ways_out and not rendered.manner.says_stop
        out = "\n\n" + catalogue.text(language, "leaving.line") if line else ""
        said = _fitting(rendered, can.characters - len(out))
        return Adapted(said.text + out, "", said.spans, rendered.buttons, choices, "reply")
    if can.buttons == "inline":
        said = _fitting(rendered, can.characters)
        shown = tuple(one for one in rendered.buttons if not one.asks)
        buttons = (*shown, *_buttons_out(rendered)) if ways_out else shown
        if can.look == "spans":
            return Adapted(said.text, spans=said.spans, buttons=buttons, choices=choices)
        return Adapted(plain(said), buttons=buttons, choices=choices)
    below = numbered(rendered.buttons, language)
    if ways_out and not rendered.manner.says_stop:
        below += [catalogue.text(language, "leaving.line")]
    tail = "".join(f"\n{line}" for line in below)
    write = whatsapp if can.look == "signs" else plain
    said = _said(rendered)
    text = write(said) if said.spans else said.text
    room = can.characters - len(tail)
    if len(text) > room:
        if rendered.manner.long != "shorten" or room < 1:
            raise _too_long(rendered, len(text), room)
        # what signs and addresses take is not known before it is cut
        most = bisect(range(1, room), room, key=lambda length: len(write(shortened(said, length))))
        text = write(shortened(said, most))
    return Adapted(text + (f"\n{tail}" if rendered.buttons else tail), choices=choices)


def numbered(buttons: Sequence[Button], language: str) -> list[str]:
    """Buttons as lines: those that answer have numbers, those that open a page have its address."""
    lines, number = [], 0
    digits = _DIGITS.get(language, {})
    for one in buttons:
        if one.url:
            lines.append(f"{one.label}: {one.url}")
        elif one.value:
            number += 1
            lines.append(f"{str(number).translate(digits)}. {one.label}")
    return lines


def _said(rendered: Rendered) -> Formatted:
    return Formatted(rendered.text, rendered.spans)


def _leaves(rendered: Rendered, envelope: Envelope) -> bool:
    """Whether ways out are to be added."""
    return envelope.marketing and not rendered.manner.own_footer


def _buttons_out(rendered: Rendered) -> list[Button]:
    language, made = language_of(rendered.locale), []
    if not rendered.manner.says_stop:
        made.append(Button(catalogue.text(language, "leaving.stop"), STOP))
    if not rendered.manner.says_later:
        made.append(Button(catalogue.text(language, "leaving.later"), LATER))
    return made


def _fitting(rendered: Rendered, characters: int) -> Formatted:
    said = _said(rendered)
    if len(said.text) <= characters:
        return said
    if rendered.manner.long != "shorten":
        raise _too_long(rendered, len(said.text), characters)
    return shortened(said, characters)


def _too_long(rendered: Rendered, length: int, characters: int) -> TemplateFailure:
    why = f"the text has {length} characters, {characters} fit; shorten it, or say long: shorten"
    return TemplateFailure(rendered.manner.path, why)


def _letter(rendered: Rendered, envelope: Envelope, can: Capabilities, choices: tuple[Button, ...]) -> Adapted:
    """A mail: HTML of ours or of somebody's own design, or text alone."""
    language = language_of(rendered.locale)
    foot = _foot(rendered, envelope, language) if _leaves(rendered, envelope) else Foot()
    said = _fitting(rendered, can.characters)
    lines = [*numbered(rendered.buttons, language)]
    text = "\n".join([(plain(said) if said.spans else said.text).rstrip(), *(["", *lines] if lines else [])])
    small = [*foot.lines, *(f"{link.label}: {link.url}" for link in foot.links if link.url)]
    text = "\n".join([text, *(["", "-- ", *small] if small else [])]) + "\n"
    actions = [Action(one.label, url) for one in rendered.buttons if (url := _leads_to(one, rendered, envelope))]
    if rendered.manner.is_formatted:
        page = letter(said, actions, foot, locale=rendered.locale, preview=rendered.preview)
        return Adapted(text, page, choices=choices)
    page = rendered.html
    if page and (actions or foot.lines or foot.links):
        below = "".join(button(action) for action in actions) + footer(foot)
        page = with_block(
            page, f'<div align="center" style="padding:0 20px 24px;font-family:sans-serif;">{below}</div>'
        )
    return Adapted(text if lines or small else rendered.text, page, choices=choices)


def _foot(rendered: Rendered, envelope: Envelope, language: str) -> Foot:
    """The ways out that the letter does not have itself, and on a letter of ours who writes and why."""

    def link(name: str, url: str) -> Action:
        return Action(_label(language, name), url)

    links = [] if rendered.manner.says_stop else [link("unsubscribe", envelope.unsubscribe)]
    links += [] if rendered.manner.says_later else [link("not_now", envelope.not_now)]
    if not rendered.manner.is_formatted:
        return Foot(links=tuple(links))
    brand = envelope.brand
    because = catalogue.text(language, "leaving.because", brand=brand.name)
    who = ", ".join(part for part in (brand.name, brand.postal_address) if part)
    return Foot((because, who), (*links, link("preferences", envelope.preferences)))


@lru_cache(maxsize=64)
def _label(language: str, name: str) -> str:
    """What a way out is called."""
    return catalogue.text(language, f"leaving.{name}")


def _leads_to(one: Button, rendered: Rendered, envelope: Envelope) -> str:
    """Where a button of a letter leads: a page, or a reply that says its label; nowhere if no mailbox is read."""
    if one.url:
        return one.url
    if not (one.value and envelope.reply_to):
        return ""
    subject = f"Re: {rendered.subject}" if rendered.subject else one.label
    return f"mailto:{quote(envelope.reply_to, safe='@+')}?subject={quote(subject)}&body={quote(one.label)}"
