"""The list of conversations: views with their counts, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, Customer

_CONVERSATIONS, _CUSTOMERS, _AGENTS = table(Conversation), table(Customer), table(Agent)
_S = ConversationState
PAGE = 50


class View(StrEnum):
    """Which conversations are shown."""

    MINE = "mine"  # those that I hold
    UNASSIGNED = "unassigned"  # who waits for anybody
    OPEN = "open"  # everybody's live chats
    SNOOZED = "snoozed"
    BOT = "bot"  # the bot talks
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Filters:
    """What of a view. ``before`` is the last line of the page above: its ``at`` and id."""

    view: View
    channel: str = ""
    queue: str = ""
    before: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A conversation in the list. ``waiting_since`` and ``due``: since when the customer waits, and by when not."""

    id: str
    customer_id: str
    name: str
    channel: str
    state: ConversationState
    agent: str
    agent_name: str
    text: str
    at: datetime
    priority: int
    queue: str
    verified: bool
    waiting_since: datetime | None
    due: datetime | None
    snoozed_until: datetime | None

    @property
    def late(self) -> datetime | None:
        """When waiting becomes too long; None where nobody waits."""
        return self.due if self.waiting_since is not None else None


_COLUMNS = (
    _CONVERSATIONS,
    _CUSTOMERS.c.first_name,
    _CUSTOMERS.c.last_name,
    _AGENTS.c.name.label("agent_name"),
)
_JOINED = _CONVERSATIONS.join(_CUSTOMERS, _CUSTOMERS.c.id == _CONVERSATIONS.c.customer_id).outerjoin(
    _AGENTS, _AGENTS.c.id == _CONVERSATIONS.c.agent
)


async def listed(connection: AsyncConnection, filters: Filters, me: str) -> Sequence[Line]:
    """One page of a view, the newest first; of those who wait for anybody, the most urgent and the longest first."""
    rows = select(*_COLUMNS).select_from(_JOINED).where(_in_view(filters.view, me))
    if filters.channel:
        rows = rows.where(_CONVERSATIONS.c.channel == filters.channel)
    if filters.queue:
        rows = rows.where(_CONVERSATIONS.c.queue == filters.queue)
    if filters.view is View.UNASSIGNED:
        order: tuple[Any, ...] = (
            _CONVERSATIONS.c.priority.desc(), _CONVERSATIONS.c.queued_at, _CONVERSATIONS.c.id,
        )  # fmt: skip
    else:
        order = (_CONVERSATIONS.c.last_at.desc(), _CONVERSATIONS.c.id.desc())
        if filters.before is not None:
            at, id_ = filters.before
            earlier = and_(_CONVERSATIONS.c.last_at == at, _CONVERSATIONS.c.id < id_)
            rows = rows.where((_CONVERSATIONS.c.last_at < at) | earlier)
    found = await connection.execute(rows.order_by(*order).limit(PAGE))
    return [line_of(row) for row in found]


async def lines(connection: AsyncConnection, ids: Sequence[str]) -> Sequence[Line]:
    """These conversations as they are now."""
    found = await connection.execute(select(*_COLUMNS).select_from(_JOINED).where(_CONVERSATIONS.c.id.in_(ids)))
    return [line_of(row) for row in found]


async def counts(connection: AsyncConnection, me: str) -> dict[View, int]:
    """How many each live view has; those that are over are not counted."""
    mine = (_CONVERSATIONS.c.agent == me).label("mine")
    rows = await connection.execute(
        select(_CONVERSATIONS.c.state, mine, func.count().label("number"))
        .where(_CONVERSATIONS.c.state != _S.RESOLVED)
        .group_by(_CONVERSATIONS.c.state, mine)
    )
    found = dict.fromkeys((View.MINE, View.UNASSIGNED, View.OPEN, View.SNOOZED, View.BOT), 0)
    for row in rows:
        for view in found:
            if shows(view, row.state, mine=bool(row.mine)):
                found[view] += row.number
    return found


def shows(view: View, state: ConversationState, *, mine: bool) -> bool:
    """Whether a view has a conversation in that state; the same as :func:`_in_view` says in SQL."""
    return state in _STATES[view] and (mine or view not in _OWN)


_STATES = {
    View.MINE: {_S.ASSIGNED},
    View.UNASSIGNED: {_S.QUEUED},
    View.OPEN: {_S.QUEUED, _S.ASSIGNED},
    View.SNOOZED: {_S.SNOOZED},
    View.BOT: {_S.BOT},
    View.RESOLVED: {_S.RESOLVED},
}
_OWN = frozenset({View.MINE, View.SNOOZED})


def _in_view(view: View, me: str) -> ColumnElement[bool]:
    states = _CONVERSATIONS.c.state.in_(sorted(_STATES[view]))
    own = _CONVERSATIONS.c.agent == me if me else false()
    return and_(states, own) if view in _OWN else states


def line_of(row: Any) -> Line:
    return Line(
        id=row.id, customer_id=row.customer_id, name=f"{row.first_name} {row.last_name}".strip(), channel=row.channel,
        state=row.state, agent=row.agent, agent_name=row.agent_name or "", text=row.last_text, at=row.last_at,
        priority=row.priority, queue=row.queue, verified=row.verified, waiting_since=row.waiting_since,
        due=row.answer_due, snoozed_until=row.snoozed_until,
    )  # fmt: skip
