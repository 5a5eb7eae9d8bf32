"""Words that are orders: stop, start, help, not now, in English, Russian and Persian.

Only the whole message counts, whatever its case, with a slash before it or punctuation after it. The English words are
those that carriers know (Twilio's standard lists); they work on every channel.
"""

import re
from enum import StrEnum

from core.text import folded


class Keyword(StrEnum):
    """What the customer orders."""

    STOP = "STOP"  # withdraws marketing on every channel
    START = "START"  # agrees to marketing on this channel again
    HELP = "HELP"  # asks who writes and how to stop it
    LATER = "LATER"  # wants no marketing for a while


_WORDS: dict[Keyword, tuple[str, ...]] = {
    Keyword.STOP: (
        "stop", "stopall", "stop all", "unsubscribe", "unsubscribe me", "cancel", "end", "quit", "optout", "opt out",
        "opt-out", "revoke",
        "стоп", "отписаться", "отпишите", "отпишите меня", "отписка", "отписать", "отмена", "отменить подписку",
        "не пишите", "не пишите мне", "больше не пишите", "хватит", "прекратите",
        "لغو", "لغو۱۱", "لغو ۱۱", "لغو عضویت", "لغو اشتراک", "توقف", "انصراف", "قطع", "نفرستید", "دیگر نفرستید",
    ),
    Keyword.START: (
        "start", "unstop", "subscribe", "resubscribe",
        "старт", "начать", "подписаться", "возобновить",
        "شروع", "عضویت", "اشتراک", "آغاز",
    ),
    Keyword.HELP: (
        "help", "info",
        "помощь", "справка", "инфо",
        "راهنما", "کمک", "راهنمایی",
    ),
    Keyword.LATER: (
        "later", "not now", "pause", "maybe later",
        "позже", "не сейчас", "пауза", "потом",
        "بعداً", "بعدا", "فعلا نه", "فعلاً نه", "الان نه", "حالا نه", "مکث",
    ),
}  # fmt: skip
_BY_WORD = {folded(word): keyword for keyword, words in _WORDS.items() for word in words}
_EDGES = re.compile(r"^[\s/\"'«»“”]+|[\s.!?…,;:؟،؛\"'«»“”]+$")
_SIGNATURE = re.compile(r"\n-- ?\n.*", re.DOTALL)
_LONGEST = 40
_AGREES_AGAIN = "yes"
_LEAVES = frozenset(folded(word) for word in ("unsubscribe", "отписаться", "لغو اشتراک"))


def keyword(text: str) -> Keyword | None:
    """The order that ``text`` is, or None."""
    return _BY_WORD.get(_whole(text))


def subject_keyword(subject: str, text: str) -> Keyword | None:
    """The order that a mail's subject is: any where nothing else is written, else only a plain "unsubscribe".

    Mail programs send that subject for List-Unsubscribe, some with words of their own in the body.
    """
    if _whole(subject) in _LEAVES:
        return Keyword.STOP
    return None if text.strip() else keyword(subject)


def may_agree_again(text: str) -> bool:
    """Whether carriers take ``text`` for START from somebody who had stopped; from others it answers a question."""
    return _whole(text) == _AGREES_AGAIN


def script_language(text: str) -> str:
    """The language that a text's first letters suggest: ``fa`` or ``ru``; empty where they suggest nothing."""
    for letter in text[:_LONGEST]:
        if "\u0400" <= letter <= "\u04ff":
            return "ru"
        if "\u0600" <= letter <= "\u06ff":
            return "fa"
    return ""


def _whole(text: str) -> str:
    """The message as one word or phrase, folded; empty if it is too long to be an order."""
    body = _SIGNATURE.sub("", text.strip()[: _LONGEST * 10])
    bare = _EDGES.sub("", folded(body))
    return bare if len(bare) <= _LONGEST else ""
