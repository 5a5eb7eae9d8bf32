"""Events of customers: what they did in the shop, the goals that this reaches and the campaigns that it starts.

An order that arrives by the API or by an import converts the journeys that wait for it. A goal that is reached after
the journey's end stays a fact on it: the first one is logged as its conversion. The event that started a journey is
neither its goal nor waited for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Goal
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.responding.arrivals import Arrival
from campaigns.responding.attribution import Attribution
from campaigns.responding.responses import Incident, log_response, mark_answered
from campaigns.running.closing import close_enrolments
from campaigns.running.waiting import wake_waiting
from campaigns.starting.events import start_by_events
from campaigns.versions import definitions
from core.draws import customer_draw
from core.errors import StoreUnavailable
from core.ids import new_id
from core.machines.enrolment import CONVERT
from core.statuses import SENT
from storage.merging.tombstones import known_by
from storage.outbox.columns import table
from storage.statements import chunks, insert_into, insert_missing, lock_customers
from storage.store import Store
from storage.tables import Customer, Enrolment, Event, Message

_CUSTOMERS = table(Customer)
_ENROLMENTS = table(Enrolment)
_EVENTS = table(Event)
_MESSAGES = table(Message)
SWEPT_AT_ONCE = 500
"""Customers a transaction of a sweep: under 50 ms."""


@dataclass(frozen=True, slots=True)
class CustomerEvent:
    """One thing that a customer did, as a shop reports it. Unique by (source, external id); amount in micro-units."""

    source: str
    external_id: str
    customer: str
    name: str
    at: datetime
    amount_micros: int | None = None
    currency: str = ""
    properties: dict[str, Any] = field(default_factory=dict)


async def record_event(connection: AsyncConnection, event: CustomerEvent, now: datetime) -> bool:
    """Keep the event, convert the journeys whose goal it is, start what it starts; False for a repeat.

    ``event.customer`` is the shop's own number; a customer that the store does not know is created.
    """
    customer_id = await _customer(connection, event.customer, now)
    written = await connection.scalar(
        insert_into(connection, _EVENTS)
        .values(
            id=new_id(),
            customer_id=customer_id,
            name=event.name,
            at=event.at,
            amount_micros=event.amount_micros,
            currency=event.currency,
            source=event.source,
            external_id=event.external_id,
            properties=event.properties,
            content_hash="",
            recorded_at=now,
        )
        .on_conflict_do_nothing()
        .returning(_EVENTS.c.id)
    )
    if written is None:
        return False
    arrived = Arrival(customer_id, event.name, event.at, written, event.amount_micros, event.properties)
    await events_arrived(connection, [arrived], now)
    return True


async def _customer(connection: AsyncConnection, external_id: str, now: datetime) -> str:
    by_external_id = select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id == external_id)
    found = await known_by(connection, external_id)
    if found is None:
        customer_id = new_id()
        new = Customer(id=customer_id, external_id=external_id, created_at=now, updated_at=now)
        await insert_missing(connection, _CUSTOMERS, [{**new.model_dump(), "draw": customer_draw(customer_id)}])
        found = await connection.scalar(by_external_id)
    if found is None:  # inserted by another just now and deleted again before we looked
        raise StoreUnavailable("the customer of this event has just been deleted; send the event again")
    return found


async def events_arrived(connection: AsyncConnection, arrived: Iterable[Arrival], now: datetime) -> int:
    """Convert the journeys whose goal these events are, move those that wait for them, start what they start.

    Gives how many journeys ended. Set-based and by index. Events that lie before a journey's entry are not its doing.
    All their customers are locked at once, in id order: what is locked part by part can wait for another in a circle.
    """
    arrived = list(arrived)
    if not arrived:
        return 0
    await lock_customers(connection, (one.customer_id for one in arrived), shared=False)
    ended = await _move_journeys(connection, arrived, now)
    await start_by_events(connection, arrived, now)
    return ended


async def sweep_goals(store: Store, now: datetime) -> int:
    """Convert open journeys whose goal has been reached by events that came in bulk; gives how many ended.

    Goes from the open journeys to their customers' events since entry, by index, in a transaction for every
    :data:`SWEPT_AT_ONCE` customers. Run it after an import.
    """
    async with store.read() as connection:
        rows = await connection.execute(
            select(_EVENTS.c.customer_id, _EVENTS.c.name, _EVENTS.c.at, _EVENTS.c.id)
            .distinct()
            .join(_ENROLMENTS, _ENROLMENTS.c.customer_id == _EVENTS.c.customer_id)
            .where(_ENROLMENTS.c.closed_at.is_(None), _EVENTS.c.at >= _ENROLMENTS.c.entered_at, _EVENTS.c.at <= now)
        )
        by_customer = _by_customer(Arrival(*row) for row in rows)
    ended = 0
    for part in chunks(sorted(by_customer), SWEPT_AT_ONCE):
        async with store.write() as connection:
            await lock_customers(connection, part, shared=False)
            ended += await _move_journeys(connection, [one for id_ in part for one in by_customer[id_]], now)
    return ended


def _by_customer(arrived: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    by_customer: dict[str, list[Arrival]] = defaultdict(list)
    for one in arrived:
        by_customer[one.customer_id].append(one)
    return by_customer


async def _move_journeys(connection: AsyncConnection, arrived: Iterable[Arrival], now: datetime) -> int:
    """The customers are locked."""
    by_customer = _by_customer(arrived)
    ended = 0
    for part in chunks(sorted(by_customer)):
        ended += len(await wake_waiting(connection, {id_: by_customer[id_] for id_ in part}, now))
        reached = await _reached(connection, part, by_customer)
        if not reached:
            continue
        closed = await close_enrolments(
            connection,
            [row.id for row, _ in reached if row.closed_at is None],
            CONVERT,
            reason="goal",
            now=now,
        )
        await _log_conversions(connection, reached, frozenset(closed))
        ended += len(closed)
    return ended


async def _reached(
    connection: AsyncConnection, customer_ids: Sequence[str], by_customer: Mapping[str, Sequence[Arrival]]
) -> list[tuple[Any, datetime]]:
    """The journeys, open or closed, whose goal is among the events, with the first instant that reaches it."""
    rows = (
        await connection.execute(
            select(
                _ENROLMENTS.c.id, _ENROLMENTS.c.customer_id, _ENROLMENTS.c.campaign_id, _ENROLMENTS.c.version,
                _ENROLMENTS.c.entered_at, _ENROLMENTS.c.closed_at, _ENROLMENTS.c.event_id,
                _CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess,
            )
            .join(_CUSTOMERS, _CUSTOMERS.c.id == _ENROLMENTS.c.customer_id)
            .where(_ENROLMENTS.c.customer_id.in_(customer_ids))
        )
    ).all()  # fmt: skip
    if not rows:
        return []
    known = await definitions(connection, {row.version for row in rows})
    organisation = (await workspace_config(connection)).zone
    reached = []
    for row in rows:
        goal = known[row.version].goal if row.version in known else None
        if goal is None:
            continue
        zone = row.zone or row.zone_guess or organisation
        named = (one for one in by_customer[row.customer_id] if one.name == goal.event and one.id != row.event_id)
        instants = [one.at for one in named if _is_in(goal, row.entered_at, one.at, zone)]
        if instants:
            reached.append((row, min(instants)))
    return reached


def _is_in(goal: Goal, entered_at: datetime, at: datetime, zone: str) -> bool:
    """Whether ``at`` lies in the goal's time, which runs from entry in the customer's zone."""
    return at >= entered_at and (goal.within is None or at <= goal.within.after(entered_at, zone_named(zone)))


async def _log_conversions(
    connection: AsyncConnection, reached: list[tuple[Any, datetime]], closed: frozenset[str]
) -> None:
    """One conversion a journey, credited to its last campaign message that left."""
    sent = await connection.execute(
        select(_MESSAGES.c.id, _MESSAGES.c.enrolment_id, _MESSAGES.c.identity_id, _MESSAGES.c.step, _MESSAGES.c.channel)
        .where(
            _MESSAGES.c.enrolment_id.in_([row.id for row, _ in reached]),
            _MESSAGES.c.state.in_(SENT),
            _MESSAGES.c.sent_at.is_not(None),
        )
        .order_by(_MESSAGES.c.sent_at, _MESSAGES.c.id)
    )
    last = {row.enrolment_id: row for row in sent}
    for row, at in reached:
        message = last.get(row.id)
        credited = Attribution(
            message_id=message.id if message else None,
            customer_id=row.customer_id,
            enrolment_id=row.id,
            campaign_id=row.campaign_id,
            version=row.version,
            step=message.step if message else "",
            by="last_message" if message else "",
        )
        incident = Incident(
            key=f"conversion:{row.id}", kind="conversion", customer_id=row.customer_id, at=at,
            channel=message.channel if message else "", attribution=credited,
        )  # fmt: skip
        response_id = await log_response(connection, incident)
        if response_id is not None and row.id in closed:
            await mark_answered(connection, response_id, {"closed": [row.id]})
