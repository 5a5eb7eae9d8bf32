"""What a person should know of a message before it leaves: what is cut, what costs, what shows the wrong way round."""

import unicodedata
from collections.abc import Iterator

from campaigns.templates.advice import MANY_PARTS
from campaigns.templates.content import Rendered
from core.messages import EMAIL, SMS, OutboundMessage
from core.sms import Segments, sms_parts

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


def advice(channel: str, rendered: Rendered, message: OutboundMessage, locale: str) -> Iterator[str]:
    """What is worth knowing of a message that can be sent."""
    if channel == EMAIL:
        yield from _of_letter(rendered, message)
    if channel == SMS:
        yield from _of_sms(message.text)
    if is_right_to_left(locale):
        lines = [rendered.subject] if channel == EMAIL else message.text.splitlines()
        for line in lines:
            if base_direction(line) == "ltr" and any(base_direction(word) == "rtl" for word in line.split()):
                begins = line.strip()[:20]
                yield f"a line begins with {begins!r}: phones show it from the left; begin with a word of the language"


def _of_letter(rendered: Rendered, message: OutboundMessage) -> Iterator[str]:
    if len(rendered.subject) > SUBJECT_ON_A_PHONE:
        yield f"the subject has {len(rendered.subject)} characters; phones cut it after about {SUBJECT_ON_A_PHONE}"
    if not rendered.preview:
        yield "no preview line: mail programs show the letter's first words beside the subject"
    elif len(rendered.preview) > PREVIEW_LINE:
        yield f"the preview line has {len(rendered.preview)} characters; about {PREVIEW_LINE} are shown"
    size = len(message.html.encode())
    if size > CLIPPED_BYTES:
        yield f"the letter has {size // 1000} kB; Gmail cuts it off after {CLIPPED_BYTES // 1000} kB"
    if not message.html:
        yield "plain text only: there is no email.mjml or email.html for this reader"


def _of_sms(text: str) -> Iterator[str]:
    counted = sms_parts(text)
    rare = [character for character in dict.fromkeys(text) if sms_parts(character).encoding != "GSM-7"]
    if counted.encoding != "GSM-7" and 0 < len(rare) <= 3 and all(ord(character) < 0x3000 for character in rare):
        plain = sms_parts("".join("." if character in rare else character for character in text))
        if plain.parts < counted.parts:
            shown = " ".join(rare)
            yield f"{shown} makes it {counted.encoding}: {_parts(counted)} in place of {_parts(plain)}"
    elif counted.parts > MANY_PARTS:
        yield f"{_parts(counted)}: each is paid for"


def _parts(counted: Segments) -> str:
    return f"{counted.parts} SMS"
