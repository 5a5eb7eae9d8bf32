"""The timeline of one customer: everything that happened, over every table, the newest first, a page at a time.

Each kind is one query by its own index, of one page and one row more; the pages are merged here. Nothing is counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.batch import EVENT_SOURCE
from core.ids import is_id
from storage.outbox.columns import table
from storage.tables import (
    Agent,
    Audit,
    Campaign,
    ConsentRecord,
    ConversationEvent,
    Enrolment,
    EnrolmentHistory,
    Event,
    Identity,
    MergedCustomer,
    Message,
    Response,
)

_MESSAGES, _EVENTS, _RECORDS, _RESPONSES = table(Message), table(Event), table(ConsentRecord), table(Response)
_HISTORY, _ENROLMENTS, _CAMPAIGNS = table(EnrolmentHistory), table(Enrolment), table(Campaign)
_HANDOFFS, _AUDIT, _AGENTS = table(ConversationEvent), table(Audit), table(Agent)
_IDENTITIES, _TOMBSTONES = table(Identity), table(MergedCustomer)
PAGE = 40
REPLY = "reply"
"""A response that is a message as well: the message is shown."""


class Kind(StrEnum):
    """What kind of thing happened."""

    MESSAGE = "message"  # said by them, or to them
    EVENT = "event"  # what they did: orders and the like
    RESPONSE = "response"  # what they did about a message: clicks, opens, opt-outs
    CAMPAIGN = "campaign"  # steps of journeys
    CONSENT = "consent"  # given and taken back
    HANDOFF = "handoff"  # what became of their conversations, and notes
    CHANGE = "change"  # merges, and what staff changed


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last thing of the page above: what comes is older."""

    at: datetime
    id: str

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.id}"


def cursor_of(text: str) -> Cursor | None:
    """The cursor that a page's address carries; None where it carries none that we wrote."""
    at, _, id_ = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return Cursor(moment, id_) if is_id(id_) and moment.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which things: of one kind (None: all), and on one channel (empty: any)."""

    kind: Kind | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``row`` is the table's, with what was joined.

    ``who`` is the agent who did it, ``whom`` the one whom it went to, by name.
    """

    kind: Kind
    id: str
    at: datetime
    row: Any
    who: str = ""
    whom: str = ""

    @property
    def cursor(self) -> Cursor:
        """Where the next page begins, if this is the last."""
        return Cursor(self.at, self.id)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page; ``older`` leads to the next one, None at the end."""

    entries: Sequence[Entry]
    older: Cursor | None


async def timeline(
    connection: AsyncConnection, customer_id: str, filters: Filters, before: Cursor | None = None, limit: int = PAGE
) -> Timeline:
    """The newest things of a customer (``before`` one), filtered."""
    names = {row.id: row.name for row in await connection.execute(select(_AGENTS.c.id, _AGENTS.c.name))}
    found: list[Entry] = []
    for kind, source in _SOURCES.items():
        if (filters.kind is not None and kind is not filters.kind) or (filters.channel and kind not in _ON_CHANNELS):
            continue
        every, at, id_, channel = source(customer_id)
        rows = every
        if filters.channel and channel is not None:
            rows = rows.where(channel == filters.channel)
        if before is not None:
            rows = rows.where(or_(at < before.at, and_(at == before.at, id_ < before.id)))
        # which first, by their keys alone: texts are not carried through the sorting of thousands
        keys = rows.with_only_columns(id_).order_by(at.desc(), id_.desc()).limit(limit + 1)
        newest = await connection.execute(every.where(id_.in_(keys)))
        found += [Entry(kind, row.id, row.happened_at, row, *_people(row, names)) for row in newest]
    found.sort(key=lambda entry: (entry.at, entry.id), reverse=True)
    shown = found[:limit]
    return Timeline(shown, shown[-1].cursor if len(found) > limit else None)


def _people(row: Any, names: Mapping[str, str]) -> tuple[str, str]:
    """Which agent did it, and to which it went."""
    told = row._mapping  # noqa: SLF001  public API of Row
    kind, _, id_ = str(told.get("actor", "")).partition(":")
    detail = told.get("detail")
    whom = detail.get("agent", "") if isinstance(detail, Mapping) else ""
    return names.get(id_, "") if kind == "agent" else "", names.get(str(whom), "")


_Source = tuple[Select[Any], ColumnElement[Any], ColumnElement[str], ColumnElement[str] | None]


def _messages(customer_id: str) -> _Source:
    at = func.coalesce(_MESSAGES.c.sent_at, _MESSAGES.c.created_at)
    columns = (
        _MESSAGES.c.id, _MESSAGES.c.direction, _MESSAGES.c.channel, _MESSAGES.c.state, _MESSAGES.c.reason,
        _MESSAGES.c.subject, _MESSAGES.c.body, _MESSAGES.c.content, _MESSAGES.c.client_token, _MESSAGES.c.step,
        _MESSAGES.c.conversation_id, _MESSAGES.c.send_at, _CAMPAIGNS.c.name.label("campaign"),
    )  # fmt: skip
    rows = select(*columns, at.label("happened_at")).outerjoin(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id)
    return rows.where(_MESSAGES.c.customer_id == customer_id), at, _MESSAGES.c.id, _MESSAGES.c.channel


def _events(customer_id: str) -> _Source:
    rows = select(_EVENTS, _EVENTS.c.at.label("happened_at")).where(
        _EVENTS.c.customer_id == customer_id, _EVENTS.c.source != EVENT_SOURCE
    )
    return rows, _EVENTS.c.at, _EVENTS.c.id, None


def _responses(customer_id: str) -> _Source:
    rows = (
        select(_RESPONSES, _RESPONSES.c.at.label("happened_at"), _CAMPAIGNS.c.name.label("campaign"))
        .outerjoin(_CAMPAIGNS, _CAMPAIGNS.c.id == _RESPONSES.c.campaign_id)
        .where(_RESPONSES.c.customer_id == customer_id, _RESPONSES.c.kind != REPLY)
    )
    return rows, _RESPONSES.c.at, _RESPONSES.c.id, _RESPONSES.c.channel


def _steps(customer_id: str) -> _Source:
    rows = (
        select(_HISTORY, _HISTORY.c.at.label("happened_at"), _CAMPAIGNS.c.name.label("campaign"))
        .join(_ENROLMENTS, _ENROLMENTS.c.id == _HISTORY.c.enrolment_id)
        .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
        .where(_ENROLMENTS.c.customer_id == customer_id, _HISTORY.c.event != "MessagePlanned")
    )
    return rows, _HISTORY.c.at, _HISTORY.c.id, None


def _consents(customer_id: str) -> _Source:
    rows = (
        select(_RECORDS, _RECORDS.c.at.label("happened_at"), _IDENTITIES.c.channel, _IDENTITIES.c.address)
        .outerjoin(_IDENTITIES, _IDENTITIES.c.id == _RECORDS.c.identity_id)
        .where(_RECORDS.c.customer_id == customer_id)
    )
    return rows, _RECORDS.c.at, _RECORDS.c.id, _IDENTITIES.c.channel


def _handoffs(customer_id: str) -> _Source:
    rows = select(_HANDOFFS, _HANDOFFS.c.at.label("happened_at")).where(_HANDOFFS.c.customer_id == customer_id)
    return rows, _HANDOFFS.c.at, _HANDOFFS.c.id, None


def _changes(customer_id: str) -> _Source:
    """What the audit holds of the customer, of who became them, and of their addresses."""
    became = select(_TOMBSTONES.c.id).where(_TOMBSTONES.c.survivor_id == customer_id)
    addresses = select(_IDENTITIES.c.id).where(_IDENTITIES.c.customer_id == customer_id)
    of_them = and_(_AUDIT.c.subject == "customer", or_(_AUDIT.c.subject_id == customer_id,
                                                        _AUDIT.c.subject_id.in_(became)))  # fmt: skip
    of_addresses = and_(_AUDIT.c.subject == "identity", _AUDIT.c.subject_id.in_(addresses))
    rows = select(_AUDIT, _AUDIT.c.at.label("happened_at")).where(or_(of_them, of_addresses))
    return rows, _AUDIT.c.at, _AUDIT.c.id, None


_SOURCES: Mapping[Kind, Callable[[str], _Source]] = {
    Kind.MESSAGE: _messages, Kind.EVENT: _events, Kind.RESPONSE: _responses, Kind.CAMPAIGN: _steps,
    Kind.CONSENT: _consents, Kind.HANDOFF: _handoffs, Kind.CHANGE: _changes,
}  # fmt: skip
_ON_CHANNELS = frozenset({Kind.MESSAGE, Kind.RESPONSE, Kind.CONSENT})
