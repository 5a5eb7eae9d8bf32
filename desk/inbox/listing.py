"""The list of conversations: views and their filters, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, bindparam, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import is_id
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
    WAITING = "waiting"  # whose last words nobody has answered, whoever holds them
    OPEN = "open"  # everybody's live chats
    SNOOZED = "snoozed"
    BOT = "bot"  # the bot talks
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: its last line's priority, the instant that its view is sorted by, and its id."""

    priority: int
    at: datetime
    id: str

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """What :meth:`__str__` wrote; None for anything else."""
        priority, _, rest = text.partition("~")
        at, _, id_ = rest.partition("~")
        try:
            instant = datetime.fromisoformat(at)
        except ValueError:
            return None
        good = is_id(id_) and priority in _PRIORITIES and instant.tzinfo is not None
        return cls(int(priority), instant, id_) if good else None

    def __str__(self) -> str:
        return f"{self.priority}~{self.at.isoformat()}~{self.id}"


_PRIORITIES = frozenset("0123")


@dataclass(frozen=True, slots=True)
class Filters:
    """What of a view. ``before`` is where the page above ends."""

    view: View
    channel: str = ""
    queue: str = ""
    priority: int | None = None
    before: Place | None = None

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "Filters":
        """The filters in a page's address; what means nothing is left out."""
        view, priority = asked.get("view", ""), asked.get("priority", "")
        return cls(
            View(view) if view in set(View) else View.OPEN,
            asked.get("channel", "")[:40].replace("\x00", ""),
            asked.get("queue", "")[:64].replace("\x00", ""),
            int(priority) if priority in _PRIORITIES else None,
            Place.read(asked.get("before", "")),
        )

    def has(self, line: "Line", me: str) -> bool:
        """Whether the list of ``me`` shows that conversation."""
        if not shows(self.view, line.state, mine=line.agent == me, waiting=line.waiting_since is not None):
            return False
        priority = self.priority is None or line.priority == self.priority
        return priority and self.channel in ("", line.channel) and self.queue in ("", line.queue)

    def address(self, **other: str) -> str:
        """The query of the page with these filters, but ``other`` ones; from its first page unless ``before`` says."""
        asked = {
            "view": self.view.value, "channel": self.channel, "queue": self.queue,
            "priority": "" if self.priority is None else str(self.priority),
        } | other  # fmt: skip
        return urlencode({name: value for name, value in asked.items() if value})

    def after(self, lines: "Sequence[Line]") -> str:
        """The query of the page after these lines; empty where they are the last."""
        if len(lines) < PAGE:
            return ""
        last = lines[-1]
        at = {View.UNASSIGNED: last.queued_at, View.WAITING: last.waiting_since}.get(self.view) or last.at
        return self.address(before=str(Place(last.priority, at, last.id)))


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
    queued_at: datetime | None = None
    token: int = 0
    blocked: bool = False

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
_LINES = select(*_COLUMNS).select_from(_JOINED).where(_CONVERSATIONS.c.id.in_(bindparam("ids", expanding=True)))


async def listed(connection: AsyncConnection, filters: Filters, me: str) -> Sequence[Line]:
    """One page of a view, the newest first; of those who wait, the most urgent or the longest first.

    Its conversations are found by an index alone; who they are is read for the page only.
    """
    found = select(_CONVERSATIONS.c.id).where(_in_view(filters.view, me))
    for name in ("channel", "queue", "priority"):
        wanted = getattr(filters, name)
        if wanted not in ("", None):
            found = found.where(_CONVERSATIONS.c[name] == wanted)
    key = _CONVERSATIONS.c[_SORTED_BY[filters.view]]
    order: tuple[Any, ...]
    if filters.view is View.UNASSIGNED:
        order = (_CONVERSATIONS.c.priority.desc(), key, _CONVERSATIONS.c.id)
    elif filters.view is View.WAITING:
        order = (key, _CONVERSATIONS.c.id)
    else:
        order = (key.desc(), _CONVERSATIONS.c.id.desc())
    if filters.before is not None:
        found = found.where(_beyond(filters.view, filters.before, key))
    ids = list(await connection.scalars(found.order_by(*order).limit(PAGE)))
    by_id = {line.id: line for line in await lines(connection, ids)}
    return [by_id[id_] for id_ in ids if id_ in by_id]


def _beyond(view: View, place: Place, key: ColumnElement[Any]) -> ColumnElement[bool]:
    """What comes after a place in the order of a view."""
    id_ = _CONVERSATIONS.c.id
    if view in (View.UNASSIGNED, View.WAITING):
        later = or_(key > place.at, and_(key == place.at, id_ > place.id))
        if view is View.WAITING:
            return later
        priority = _CONVERSATIONS.c.priority
        return or_(priority < place.priority, and_(priority == place.priority, later))
    # the first half is what the index knows
    return and_(key <= place.at, or_(key < place.at, id_ < place.id))


async def lines(connection: AsyncConnection, ids: Sequence[str]) -> Sequence[Line]:
    """These conversations as they are now."""
    return [line_of(row) for row in await connection.execute(_LINES, {"ids": list(ids)})]


def shows(view: View, state: ConversationState, *, mine: bool, waiting: bool) -> bool:
    """Whether a view has a conversation in that state; the same as :func:`_in_view` says in SQL."""
    return state in _STATES[view] and (mine or view not in OWN) and (waiting or view is not View.WAITING)


_STATES = {
    View.MINE: {_S.ASSIGNED},
    View.UNASSIGNED: {_S.QUEUED},
    View.WAITING: {_S.QUEUED, _S.ASSIGNED},
    View.OPEN: {_S.QUEUED, _S.ASSIGNED},
    View.SNOOZED: {_S.SNOOZED},
    View.BOT: {_S.BOT},
    View.RESOLVED: {_S.RESOLVED},
}
OWN = frozenset({View.MINE, View.SNOOZED})
_SORTED_BY = dict.fromkeys(View, "last_at") | {View.UNASSIGNED: "queued_at", View.WAITING: "waiting_since"}


def _in_view(view: View, me: str) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [_CONVERSATIONS.c.state.in_(sorted(_STATES[view]))]
    if view in OWN:
        found.append(_CONVERSATIONS.c.agent == me if me else false())
    if view is View.WAITING:
        found.append(_CONVERSATIONS.c.waiting_since.is_not(None))
    return and_(*found)


def line_of(row: Any) -> Line:
    return Line(
        id=row.id, customer_id=row.customer_id, name=f"{row.first_name} {row.last_name}".strip(), channel=row.channel,
        state=row.state, agent=row.agent, agent_name=row.agent_name or "", text=row.last_text, at=row.last_at,
        priority=row.priority, queue=row.queue, verified=row.verified, waiting_since=row.waiting_since,
        due=row.answer_due, snoozed_until=row.snoozed_until, queued_at=row.queued_at,
        token=row.token, blocked=row.blocked_at is not None,
    )  # fmt: skip
