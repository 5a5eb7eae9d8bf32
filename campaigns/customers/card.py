"""One customer as an operator looks at them, and everything that is held about them, to be handed out."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.erasing import customer_traces
from storage.outbox.columns import table
from storage.personal import holdings_by_customer
from storage.tables import (
    Blob,
    BlobOwner,
    Campaign,
    Consent,
    ConsentRecord,
    Customer,
    Enrolment,
    Event,
    Identity,
    Inbound,
    MergedCustomer,
    Message,
    SegmentMembership,
    Suppression,
)

_CUSTOMERS, _IDENTITIES, _CONSENTS, _RECORDS = table(Customer), table(Identity), table(Consent), table(ConsentRecord)
_MEMBERS, _ENROLMENTS, _CAMPAIGNS = table(SegmentMembership), table(Enrolment), table(Campaign)
_EVENTS, _MESSAGES, _SUPPRESSIONS = table(Event), table(Message), table(Suppression)
_BLOBS, _OWNERS, _INBOUND = table(Blob), table(BlobOwner), table(Inbound)
_TOMBSTONES = table(MergedCustomer)
LATEST = 10


@dataclass(frozen=True, slots=True)
class CustomerCard:
    """What ``otklik customer show`` shows: plain rows, newest first, by section."""

    customer: dict[str, Any]
    identities: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    segments: list[str]
    enrolments: list[dict[str, Any]]
    events: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    merged: list[dict[str, Any]] = field(default_factory=list)
    """Customers who became this one."""


async def customer_card(connection: AsyncConnection, customer_id: str) -> CustomerCard:
    """The card of a customer who is there."""
    customer = (await connection.execute(_CUSTOMERS.select().where(_CUSTOMERS.c.id == customer_id))).one()
    identities = await _rows(
        connection,
        select(
            _IDENTITIES,
            select(func.count()).where(_SUPPRESSIONS.c.key == _IDENTITIES.c.key).scalar_subquery().label("suppressed"),
        )
        .where(_IDENTITIES.c.customer_id == customer_id)
        .order_by(_IDENTITIES.c.channel, _IDENTITIES.c.id),
    )
    consents = await _rows(
        connection,
        select(_RECORDS, _IDENTITIES.c.channel, _IDENTITIES.c.address)
        .outerjoin(_IDENTITIES, _IDENTITIES.c.id == _RECORDS.c.identity_id)
        .where(_RECORDS.c.customer_id == customer_id)
        .order_by(_RECORDS.c.at.desc(), _RECORDS.c.id.desc()),
    )
    segments = await connection.scalars(
        select(_MEMBERS.c.segment)
        .where(_MEMBERS.c.customer_id == customer_id, _MEMBERS.c.left_at.is_(None))
        .order_by(_MEMBERS.c.segment)
    )
    enrolments = await _rows(
        connection,
        select(_ENROLMENTS, _CAMPAIGNS.c.name.label("campaign"))
        .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
        .where(_ENROLMENTS.c.customer_id == customer_id)
        .order_by(_ENROLMENTS.c.entered_at.desc()),
    )
    events = _EVENTS.select().where(_EVENTS.c.customer_id == customer_id).order_by(_EVENTS.c.at.desc()).limit(LATEST)
    messages = (
        _MESSAGES.select()
        .where(_MESSAGES.c.customer_id == customer_id)
        .order_by(_MESSAGES.c.created_at.desc(), _MESSAGES.c.id.desc())
        .limit(LATEST)
    )
    counts = {
        found.name: await connection.scalar(select(func.count()).where(found.c.customer_id == customer_id)) or 0
        for found in (_EVENTS, _MESSAGES)
    }
    return CustomerCard(
        dict(customer._mapping),  # noqa: SLF001  public API of Row
        identities,
        consents,
        list(segments),
        enrolments,
        await _rows(connection, events),
        await _rows(connection, messages),
        counts,
        await _rows(connection, _TOMBSTONES.select().where(_TOMBSTONES.c.survivor_id == customer_id)),
    )


async def everything_held(connection: AsyncConnection, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that is the customer's, by table, ready for JSON: instants as RFC 3339, bytes as text or Base64."""
    found: dict[str, list[dict[str, Any]]] = {}
    for holding in reversed(holdings_by_customer()):
        rows = await connection.execute(holding.table.select().where(holding.find(customer_id)))
        found.setdefault(holding.table.name, []).extend(_plain(row._mapping) for row in rows)  # noqa: SLF001
    owned = select(_OWNERS.c.hash).where(_OWNERS.c.owner == "customer", _OWNERS.c.owner_id == customer_id)
    traces = await customer_traces(connection, customer_id)
    raw: tuple[tuple[Table, Any], ...] = (
        (_BLOBS, _BLOBS.c.hash.in_(owned) | _BLOBS.c.hash.in_(traces.blobs)),
        (_INBOUND, _INBOUND.c.id.in_(traces.inbound)),
    )
    for place, condition in raw:
        rows = await connection.execute(place.select().where(condition))
        found[place.name] = [_plain(row._mapping) for row in rows]  # noqa: SLF001
    return {str(name): rows for name, rows in found.items() if rows}  # a table's name is more than a text


async def _rows(connection: AsyncConnection, statement: Any) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in await connection.execute(statement)]  # noqa: SLF001  public API of Row


def _plain(row: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case bytes() | memoryview():
            content = bytes(value)
            try:
                return content.decode()
            except UnicodeDecodeError:
                return "base64:" + base64.b64encode(content).decode()
        case _:
            return value
