"""Whom a segment must look at again: who changed since it was last asked, and whom time alone may have moved.

*Written down since.* Ids sort by the moment they were made, so the rows made since some instant are a range of the
primary key; changes of a customer or an address carry their own instant. An id is made before its row is committed,
so a refresh looks back further than the last one's start: by :data:`SLACK`, and to the beginning of the oldest
transaction that was open then (PostgreSQL). Looking at somebody twice changes nothing.

*Moved by time.* Each bound of a window or an age is where it was at the last refresh and where it is now. Only events
between the two can count differently, whatever lay in between, and they are a range of an index.

What neither can tell needs everybody to be asked: a day of the calendar that ended (ages, birthdays, days of the
shop's own columns), and how a grant of an offer stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from campaigns.periods import Period
from campaigns.segments.behaviour import JOURNEY_DEEDS, MESSAGE_DEEDS, deeds, grants
from campaigns.segments.comparisons import STRETCHES
from campaigns.segments.days import today
from campaigns.segments.indexes import unindexed
from campaigns.segments.instants import Span, back
from campaigns.segments.predicates import within
from campaigns.segments.syntax import (
    Behaved,
    Comparison,
    Condition,
    Consented,
    EventTest,
    FieldTest,
    Granted,
    PropertyTest,
    Reachable,
    Window,
    walk,
)
from core.ids import id_floor
from storage.outbox.columns import table
from storage.tables import (
    Attempt,
    ConsentRecord,
    Customer,
    Enrolment,
    EnrolmentHistory,
    Event,
    Grant,
    Identity,
    Message,
    ReceiptRow,
    Response,
)

SLACK = timedelta(minutes=2)
"""How long before its commit a row's id may have been made, clocks of several machines that differ included."""

_ATTEMPTS, _RECEIPTS, _MESSAGES = table(Attempt), table(ReceiptRow), table(Message)
_CUSTOMERS, _IDENTITIES, _EVENTS = table(Customer), table(Identity), table(Event)
_ENROLMENTS, _HISTORY = table(Enrolment), table(EnrolmentHistory)
_RESPONSES, _LEDGER, _GRANTS = table(Response), table(ConsentRecord), table(Grant)


@dataclass(frozen=True, slots=True)
class Standing:
    """When a segment was last right: at which business instant, and through which machine instant it had seen all."""

    at: datetime
    through: datetime


def changed(condition: Condition, last: Standing, now: datetime, zone: ZoneInfo) -> list[Select[Any]] | None:
    """SELECTs of the ids of all customers who may have entered or left since; None if everybody must be asked.

    ``condition`` names no other segment.
    """
    parts = list(walk(condition))
    if today(last.at, zone) != today(now, zone) and any(_by_the_day(part) for part in parts):
        return None
    if any(isinstance(part, Granted) and part.state is not None for part in parts):
        return None
    moved = _Moved(last, now, zone)
    found = [*_touched(last), *_written(parts, last)]
    for part in parts:
        found += moved.by(part)
    return found


def _touched(last: Standing) -> Iterable[Select[Any]]:
    yield select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id >= id_floor(last.through))
    # some write business time there and some machine time: where the two differ, whichever looks back further
    since = min(last.at - SLACK, last.through)
    yield select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.updated_at >= since)


def _written(parts: Iterable[Condition], last: Standing) -> Iterable[Select[Any]]:
    """Rows that were made since the last refresh, or changed."""
    floor = id_floor(last.through)
    names = sorted({part.event for part in parts if isinstance(part, EventTest)})
    if names:
        yield select(_EVENTS.c.customer_id).where(_EVENTS.c.id >= floor, unindexed(_EVENTS.c.name).in_(names))
    if any(isinstance(part, Consented) for part in parts):
        yield select(_LEDGER.c.customer_id).where(_LEDGER.c.id >= floor)
    if any(isinstance(part, Consented | Reachable) for part in parts):
        yield select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.id >= floor)
        yield select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.changed_at >= last.through)
    if any(isinstance(part, Granted) for part in parts):
        yield select(_GRANTS.c.customer_id).where(_GRANTS.c.id >= floor)
    asked = {deed for part in parts if isinstance(part, Behaved) for deed in (*part.did, *part.did_not)}
    if asked - {*MESSAGE_DEEDS} - {*JOURNEY_DEEDS}:
        yield select(_RESPONSES.c.customer_id).where(_RESPONSES.c.id >= floor)
    if asked & {*MESSAGE_DEEDS, "opened"}:
        for told in (_ATTEMPTS, _RECEIPTS):
            yield (
                select(_MESSAGES.c.customer_id)
                .join(told, told.c.message_id == _MESSAGES.c.id)
                .where(told.c.id >= floor, unindexed(told.c.message_id).is_not(None))
            )
    if asked & {*JOURNEY_DEEDS}:
        yield select(_ENROLMENTS.c.customer_id).where(_ENROLMENTS.c.id >= floor)
        yield (
            select(_ENROLMENTS.c.customer_id)
            .join(_HISTORY, _HISTORY.c.enrolment_id == _ENROLMENTS.c.id)
            .where(_HISTORY.c.id >= floor)
        )


class _Moved:
    """Customers whose events, responses or first day crossed a bound between two instants."""

    def __init__(self, last: Standing, now: datetime, zone: ZoneInfo) -> None:
        self._then = last.at
        self._now = now
        self._zone = zone

    def by(self, part: Condition) -> Iterable[Select[Any]]:
        match part:
            case EventTest(event, figures, window):
                ages = [age for _, comparisons in figures for age in _ages(comparisons)]
                # up to now: an event may have been written down before its time
                for span in (Span(self._then, self._now), *self._spans([*_ages_of(window), *ages])):
                    yield select(_EVENTS.c.customer_id).where(_EVENTS.c.name == event, within(_EVENTS.c.at, span))
            case Behaved(_, did, did_not, _, _, window):
                for span in self._spans(_ages_of(window)):
                    for deed in (*did, *did_not):
                        rows = deeds(part, deed)
                        yield rows.query.where(within(rows.at, span))
            case Granted(_, _, window):
                for span in self._spans(_ages_of(window)):
                    rows = grants(part, self._now)
                    yield rows.query.where(within(rows.at, span))
            case FieldTest(field, comparisons):
                for span in self._spans(_ages(comparisons) if field == "created_at" else ()):
                    yield select(_CUSTOMERS.c.id).where(within(_CUSTOMERS.c.created_at, span))
            case _:
                return

    def _spans(self, periods: Iterable[Period]) -> Iterable[Span]:
        for period in dict.fromkeys(periods):
            bounds = sorted((back(period, self._then, self._zone), back(period, self._now, self._zone)))
            yield Span(bounds[0], bounds[1])


def _ages(comparisons: Iterable[Comparison]) -> Iterable[Period]:
    return (value for comparison in comparisons for value in comparison.values if isinstance(value, Period))


def _ages_of(window: Window) -> Iterable[Period]:
    return (period for period in (window.within, window.not_within) if period is not None)


def _by_the_day(part: Condition) -> bool:
    """Whether the condition may turn by itself at midnight."""
    match part:
        case FieldTest(field, comparisons):
            return field == "age" or _stretches(comparisons)
        case EventTest():
            return any(_stretches(test.comparisons) for test in _property_tests(part))
        case _:
            return False


def _property_tests(part: EventTest) -> tuple[PropertyTest, ...]:
    return (*part.where, *part.latest, *part.earliest)


def _stretches(comparisons: Iterable[Comparison]) -> bool:
    return any(comparison.word in STRETCHES for comparison in comparisons)
