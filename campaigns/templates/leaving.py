"""Whether a template itself tells its reader how to end what it belongs to, or to put it off. Pure."""

import re

from campaigns.templates.sources import TemplateSource

STOP, LATER = "stop", "later"
"""Values of buttons that every channel obeys: no more of it; not now."""
STOP_TOPIC, STOP_CHANNEL, STOP_EVERYTHING = "stop:topic", "stop:channel", "stop:everything"
NARROWING = (STOP_TOPIC, STOP_CHANNEL, STOP_EVERYTHING)
"""What somebody who said stop may choose: how much of it."""
_STOP_LINKS = ("links.unsubscribe", "links.preferences")
_LATER_LINKS = ("links.not_now", "links.preferences")
# the words are orders that every channel obeys; in small letters they need a verb: "stop by our shop" is none
_STOP_WORDS = re.compile(
    r"\b(?:STOP|СТОП)\b|(?i:\b(?:reply|send|text|write|answer|ответьте|отправьте|напишите)\s+(?:with\s+)?['\"«“]?(?:stop|стоп)\b)"
    r"|(?i:unsubscribe|отпис)|لغو|توقف|انصراف"
)
_LATER_WORDS = re.compile(r"\b(?:LATER|ПОЗЖЕ)\b|not now|не сейчас|بعداً|حالا نه", re.IGNORECASE)


def says_stop(source: TemplateSource) -> bool:
    """Whether it names a way to hear no more."""
    return _says(source, STOP, _STOP_LINKS, _STOP_WORDS)


def says_later(source: TemplateSource) -> bool:
    """Whether it names a way to be left alone for a while."""
    return _says(source, LATER, _LATER_LINKS, _LATER_WORDS)


def _says(source: TemplateSource, value: str, links: tuple[str, ...], words: re.Pattern[str]) -> bool:
    if any(button.value.source.strip() == value for button in source.buttons):
        return True
    said = source.body.source
    return any(link in said for link in links) or bool(words.search(said))
