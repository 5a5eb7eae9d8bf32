"""Assignment: which agent gets a customer who waits. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Policy = Literal["least_busy", "round_robin", "manual"]
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent as assignment sees them. ``available``: online and on shift. ``chats`` they hold now."""

    id: str
    available: bool
    capacity: int
    chats: int = 0
    languages: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    last_given: datetime | None = None

    def takes(self, queue: str) -> bool:
        """Whether another chat of this queue may go to them."""
        return self.available and self.chats < self.capacity and (not self.skills or queue in self.skills)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A customer who waits. ``had`` is the agent they had lately, ``language`` a two-letter code or empty."""

    conversation_id: str
    queue: str
    language: str = ""
    had: str = ""
    priority: int = 1
    since: datetime = _NEVER


def in_turn(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Who is next: the more urgent first, then who waits longest."""
    return sorted(waiting, key=lambda one: (-one.priority, one.since, one.conversation_id))


def chosen(one: Waiting, candidates: Sequence[Candidate], policy: Policy) -> Candidate | None:
    """Who gets them: the agent they had, else one who speaks their language, else anybody; None: they wait on."""
    able = [candidate for candidate in candidates if candidate.takes(one.queue)]
    if policy == "manual" or not able:
        return None
    had = next((candidate for candidate in able if candidate.id == one.had), None)
    if had is not None:
        return had
    speaking = [candidate for candidate in able if one.language and one.language in candidate.languages]
    among = speaking or able
    if policy == "round_robin":
        return min(among, key=lambda each: (each.last_given or _NEVER, each.id))
    return min(among, key=lambda each: (each.chats / each.capacity, each.last_given or _NEVER, each.id))
