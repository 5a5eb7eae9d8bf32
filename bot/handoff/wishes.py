"""What a message says about wanting a person: asked for, or angry. Pure; in English, Russian and Persian.

Only short, plain signs count: a word that asks stands alone or in a short request; a word of anger may stand anywhere.
Both lists grow by ``desk: {human: […], angry: […]}`` of ``otklik.yaml``; ``angry: {ru: […]}`` stands instead of the
built-in words of that language.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import chain

from bot.flows.escapes import Escape, escape
from campaigns.definition.desk import Desk
from core.text import folded

ASKED, ANGRY, VIP = "asked", "angry", "vip"
"""Why a person is wanted."""
LONGEST_REQUEST = 120
_WORD = re.compile(r"[^\W_]+")
_ASKING = (
    "speak to a human", "talk to a human", "speak to a person", "talk to a person", "real person", "human please",
    "speak to someone", "talk to someone", "customer service", "live agent",
    "позовите оператора", "позовите человека", "свяжите с оператором", "соедините с оператором", "живой человек",
    "живым человеком", "с менеджером", "нужен оператор", "хочу поговорить с человеком",
    "با اپراتور", "با یک نفر", "با پشتیبان", "با کارشناس", "آدم واقعی", "انسان واقعی",
)  # fmt: skip
_ANGRY: Mapping[str, tuple[str, ...]] = {
    "en": (
        "awful", "terrible", "outrageous", "disgusting", "furious", "scam", "scammers", "ripped off", "lawyer",
        "complaint", "never again", "unacceptable",
    ),
    "ru": (
        "ужас", "ужасно", "безобразие", "возмутительно", "отвратительно", "мошенники", "обман", "обманули",
        "в суд", "роспотребнадзор", "жалоба", "жалобу", "верните деньги",
    ),
    "fa": ("افتضاح", "افتضاحه", "کلاهبردار", "کلاهبرداری", "شکایت", "عصبانی", "مزخرف", "پولم را پس"),
}  # fmt: skip


def wish(text: str, desk: Desk) -> str:
    """Why the words want a person: :data:`ASKED`, :data:`ANGRY`, or empty: they do not."""
    if escape(text) is Escape.HUMAN:
        return ASKED
    said = _words(text[:2000])
    if len(text) <= LONGEST_REQUEST and _has(said, (*_ASKING, *desk.human)):
        return ASKED
    return ANGRY if _has(said, chain.from_iterable({**_ANGRY, **desk.angry}.values())) else ""


def _words(text: str) -> str:
    """The words of a text between single spaces, one before and one after: a sign is found whole only."""
    return f" {' '.join(_WORD.findall(folded(text)))} "


def _has(said: str, signs: Iterable[str]) -> bool:
    return any(_words(sign) in said for sign in signs)
