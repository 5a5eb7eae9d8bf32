"""How many conversations each view has, and each of its filters: counted once for everybody who looks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.machines.conversation import ConversationState
from desk.inbox.listing import Filters, View, shows
from storage.outbox.columns import table
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)
_S = ConversationState
MOST = 1000
"""Beyond it people read "1,000+": who has so many does not count them."""
_LIMIT = 5 * MOST
"""Conversations of a state that wait and are looked at for their filters."""
_TEAM = (View.UNASSIGNED, View.WAITING, View.OPEN)
_OWN = (View.MINE, View.SNOOZED)
Facets = Mapping[str, Mapping[str, int]]
"""By what (``channel``, ``priority``, ``queue``) and which: how many."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many conversations that have all of this in common."""

    state: ConversationState
    agent: str
    waiting: bool
    channel: str
    priority: int
    queue: str
    number: int


class Tallies:
    """What the views have, for any agent. The team's views are counted once, an agent's own when they are asked for."""

    def __init__(self, groups: Iterable[Group], bot: int) -> None:
        self._bot = bot
        self._own: defaultdict[str, list[Group]] = defaultdict(list)
        team: dict[View, list[Group]] = {view: [] for view in _TEAM}
        for group in groups:
            if group.agent:
                self._own[group.agent].append(group)
            for view in _TEAM:
                if shows(view, group.state, mine=False, waiting=group.waiting):
                    team[view].append(group)
        self._team = {view: _tally(found) for view, found in team.items()}
        self.team_facets: dict[View, Facets] = {view: facets for view, (_, facets) in self._team.items()}

    def told(self, me: str) -> tuple[dict[View, int], dict[View, Facets]]:
        """For one agent: the views' numbers, and their filters' in the views of their own."""
        own = {view: _tally(self._mine(view, me)) for view in _OWN}
        numbers = {view: number for view, (number, _) in (own | self._team).items()} | {View.BOT: self._bot}
        return numbers, {view: facets for view, (_, facets) in own.items()}

    def counts(self, me: str) -> dict[View, int]:
        """The views' numbers for one agent; those that are over are not counted."""
        return self.told(me)[0]

    def facets(self, me: str) -> dict[View, Facets]:
        """The filters' numbers in every view that people work through."""
        return self.told(me)[1] | self.team_facets

    def _mine(self, view: View, me: str) -> list[Group]:
        mine = self._own.get(me, ()) if me else ()
        return [group for group in mine if shows(view, group.state, mine=True, waiting=group.waiting)]


def _tally(groups: Iterable[Group]) -> tuple[int, Facets]:
    channels: dict[str, int] = {}
    priorities: dict[str, int] = {}
    queues: dict[str, int] = {}
    total = 0
    for group in groups:
        number = group.number
        total += number
        priority = str(group.priority)
        channels[group.channel] = channels.get(group.channel, 0) + number
        priorities[priority] = priorities.get(priority, 0) + number
        queues[group.queue] = queues.get(group.queue, 0) + number
    channels.pop("", None)
    queues.pop("", None)
    return total, {"channel": channels, "priority": priorities, "queue": queues}


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter that may be set, or taken away where it is the ``current`` one: how many it shows, and its address."""

    value: str
    number: int
    current: bool
    address: str


def choices(filters: Filters, facets: Mapping[View, Facets]) -> dict[str, list[Choice]]:
    """The filters of a page, by what they filter; none where there is nothing to choose."""
    found: dict[str, list[Choice]] = {}
    for by, numbers in facets.get(filters.view, {}).items():
        now = getattr(filters, by)
        current = "" if now is None else str(now)
        values = sorted({*numbers, *([current] if current else [])}, reverse=by == "priority")
        if len(values) > 1 or current:
            found[by] = [
                Choice(one, numbers.get(one, 0), one == current, filters.address(**{by: "" if one == current else one}))
                for one in values
            ]
    return found


_WAITING = _CONVERSATIONS.c.waiting_since.is_not(None).label("waiting")
_COMMON: tuple[Any, ...] = (
    _CONVERSATIONS.c.state, _CONVERSATIONS.c.agent, _WAITING, _CONVERSATIONS.c.channel, _CONVERSATIONS.c.priority,
    _CONVERSATIONS.c.queue,
)  # fmt: skip
_HELD = select(*_COMMON).where(_CONVERSATIONS.c.state.in_([_S.ASSIGNED, _S.SNOOZED]))
_QUEUED = select(select(*_COMMON).where(_CONVERSATIONS.c.state == _S.QUEUED).limit(bindparam("queued")).subquery())
_LIVE = union_all(_HELD, _QUEUED).subquery()
_GROUPS = select(_LIVE, func.count().label("number")).group_by(*_LIVE.c)
_WITH_BOT = select(func.count()).select_from(
    select(_CONVERSATIONS.c.id).where(_CONVERSATIONS.c.state == _S.BOT).limit(bindparam("bot")).subquery()
)


async def tallies(connection: AsyncConnection) -> Tallies:
    """Count once. What people hold is counted whole, what waits and what the bot has up to where nobody counts."""
    rows = (await connection.execute(_GROUPS, {"queued": _LIMIT})).all()
    with_bot = await connection.scalar(_WITH_BOT, {"bot": MOST + 1}) or 0
    return Tallies([Group(state, agent, bool(waiting), *others) for state, agent, waiting, *others in rows], with_bot)
