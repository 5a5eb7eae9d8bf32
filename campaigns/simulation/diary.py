"""The diary of a simulation: what customers and agents will do, or fail to do, by the instant."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from campaigns.simulation.acting import Act
from campaigns.simulation.chats import ChatTurn
from campaigns.simulation.talks import Overdue

Entry = Act | ChatTurn | Overdue


@dataclass(slots=True)
class Diary:
    """Entries are taken out in the order of their instants; those of one instant in that of their writing."""

    _entries: dict[datetime, list[Entry]] = field(default_factory=dict)
    _times: list[datetime] = field(default_factory=list)

    @property
    def next_at(self) -> datetime | None:
        """The first instant that has an entry."""
        return self._times[0] if self._times else None

    def write(self, at: datetime, *entries: Entry) -> None:
        """Remember these for ``at``; without any, that the clock is to stand there."""
        at = at.astimezone(UTC)
        listed = self._entries.get(at)
        if listed is None:
            heapq.heappush(self._times, at)
            listed = self._entries[at] = []
        listed.extend(entries)

    def is_due(self, now: datetime) -> bool:
        """Whether there is anything to take out."""
        return bool(self._times) and self._times[0] <= now

    def take(self) -> tuple[Sequence[Act], Sequence[ChatTurn], Sequence[Overdue]]:
        """Take out the first instant's: what customers do, what agents do, and whom flows waited for in vain."""
        entries = self._entries.pop(heapq.heappop(self._times))
        acts = [one for one in entries if isinstance(one, Act)]
        turns = [one for one in entries if isinstance(one, ChatTurn)]
        return acts, turns, [one for one in entries if isinstance(one, Overdue)]
