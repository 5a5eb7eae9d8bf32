"""What an agent means by a message in a topic. Pure."""

import re
from dataclasses import dataclass

from campaigns.periods import Period

_COMMAND = re.compile(r"/([A-Za-z_]{1,32})(?:@\w+)?(?:\s+(.*))?", re.DOTALL)
LONGEST_SNOOZE = Period(1, "y")


@dataclass(frozen=True, slots=True)
class Answer:
    """Words for the customer."""

    text: str


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer that is kept under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words for colleagues only."""

    text: str


@dataclass(frozen=True, slots=True)
class Snooze:
    """Out of sight for so long."""

    period: Period


@dataclass(frozen=True, slots=True)
class Take:
    """It is mine now."""


@dataclass(frozen=True, slots=True)
class Return:
    """The bot may talk again."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """It is done."""


@dataclass(frozen=True, slots=True)
class ShowCustomer:
    """Who is this?"""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Not to be carried out. ``hint`` is the name of a text for staff, ``word`` what they wrote."""

    hint: str
    word: str = ""


Meaning = Answer | Canned | Note | Snooze | Take | Return | Resolve | ShowCustomer | Unclear


def meaning_of(text: str) -> Meaning:
    """What ``text`` asks for: a command begins with a slash, everything else is an answer to the customer.

    A word after a slash that is no command is never sent: it may be a slip of the finger on ``/note``.
    """
    text = text.strip()
    found = _COMMAND.fullmatch(text)
    if found is None:
        return Unclear("slash", text.split()[0]) if text.startswith("/") else Answer(text)
    name, rest = found[1].lower(), (found[2] or "").strip()
    match name:
        case "note":
            return Note(rest) if rest else Unclear("note_empty")
        case "take":
            return Take()
        case "return":
            return Return()
        case "resolve":
            return Resolve()
        case "customer":
            return ShowCustomer()
        case "canned":
            return Canned(rest.removeprefix("/").lower())
        case "snooze":
            return _snooze(rest)
        case _:
            return Unclear("slash", f"/{name}")


def _snooze(rest: str) -> Meaning:
    try:
        period = Period.parse(rest or "1h")
    except ValueError:
        return Unclear("snooze_form", rest)
    usable = period.amount > 0 and period.rough <= LONGEST_SNOOZE.rough
    return Snooze(period) if usable else Unclear("snooze_form", rest)
