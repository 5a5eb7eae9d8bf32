"""What a person should know of a message before it leaves: what is cut, what costs, what shows the wrong way round."""

import unicodedata
from collections.abc import Iterator

from campaigns.previewing.words import say
from campaigns.templates.advice import MANY_PARTS
from campaigns.templates.content import Rendered
from core.messages import EMAIL, SMS, OutboundMessage
from core.sms import sms_parts

SUBJECT_ON_A_PHONE = 45
"""Characters of a subject that a phone's list of mails has room for."""
PREVIEW_LINE = 110
CLIPPED_BYTES = 102_000
"""Gmail shows so much of a letter's HTML; the rest, often the link that unsubscribes, is behind another page."""
RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


def is_right_to_left(locale: str) -> bool:
    """Whether the language of the locale is written from the right."""
    return locale.replace("_", "-").partition("-")[0].lower() in RIGHT_TO_LEFT


def base_direction(line: str) -> str:
    """``rtl`` or ``ltr``: where a line begins, by its first letter, as phones and browsers tell (UAX #9, P2)."""
    for character in line:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return ""


def advice(channel: str, rendered: Rendered, message: OutboundMessage, locale: str, lang: str = "en") -> Iterator[str]:
    """What is worth knowing of a message that can be sent, told in ``lang``."""
    if channel == EMAIL:
        yield from _of_letter(rendered, message, lang)
    if channel == SMS:
        yield from _of_sms(message.text, lang)
    if is_right_to_left(locale):
        lines = [rendered.subject] if channel == EMAIL else message.text.splitlines()
        for line in lines:
            if base_direction(line) == "ltr" and any(base_direction(word) == "rtl" for word in line.split()):
                yield say(lang, "note.from_left", begins=line.strip()[:20])


def _of_letter(rendered: Rendered, message: OutboundMessage, lang: str) -> Iterator[str]:
    if len(rendered.subject) > SUBJECT_ON_A_PHONE:
        yield say(lang, "note.subject", count=len(rendered.subject), limit=SUBJECT_ON_A_PHONE)
    if not rendered.preview:
        yield say(lang, "note.no_preview")
    elif len(rendered.preview) > PREVIEW_LINE:
        yield say(lang, "note.preview", count=len(rendered.preview), limit=PREVIEW_LINE)
    size = len(message.html.encode())
    if size > CLIPPED_BYTES:
        yield say(lang, "note.clipped", number=size // 1000, limit=CLIPPED_BYTES // 1000)
    if not message.html:
        yield say(lang, "note.plain")


def _of_sms(text: str, lang: str) -> Iterator[str]:
    counted = sms_parts(text)
    rare = [character for character in dict.fromkeys(text) if sms_parts(character).encoding != "GSM-7"]
    if counted.encoding != "GSM-7" and 0 < len(rare) <= 3 and all(ord(character) < 0x3000 for character in rare):
        plain = sms_parts("".join("." if character in rare else character for character in text))
        if plain.parts < counted.parts:
            signs, more = " ".join(rare), counted.parts
            yield say(lang, "note.rare", signs=signs, encoding=counted.encoding, parts=more, plain=plain.parts)
    elif counted.parts > MANY_PARTS:
        yield say(lang, "note.parts", parts=counted.parts)
