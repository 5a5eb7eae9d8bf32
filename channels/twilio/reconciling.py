"""Finding a message whose answer was lost, in Twilio's own list."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.messages import OutboundMessage


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What is known of a lost message: itself, when its attempt can have reached Twilio, and sids that are others'."""

    message: OutboundMessage
    not_before: datetime
    not_after: datetime
    taken: frozenset[str] = frozenset()


def the_match(facts: MessageFacts, listed: Iterable[Any], *, to: str) -> str | None:
    """The sid of the one listed message that can be ours; None for none, and for several, which nobody can tell apart.

    A template's rendered text is not known here, so there only time and recipient speak.
    """
    text = None if facts.message.template is not None else facts.message.text.strip()
    found = {
        str(entry.sid)
        for entry in listed
        if str(entry.direction).startswith("outbound")
        and entry.to == to
        and entry.sid not in facts.taken
        and (text is None or (entry.body or "").strip() == text)
        and _within(facts, entry.date_created or entry.date_sent)
    }
    return found.pop() if len(found) == 1 else None


def _within(facts: MessageFacts, instant: datetime | None) -> bool:
    return instant is not None and facts.not_before <= instant <= facts.not_after
