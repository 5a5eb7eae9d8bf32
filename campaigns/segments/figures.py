"""Figures of events as grouped sub-queries: one pass over an index for all that is asked of the same events."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    true,
)

from campaigns.segments.attributes import attribute_number
from campaigns.segments.indexes import BY_CUSTOMER, BY_TIME
from campaigns.segments.instants import Span
from campaigns.segments.predicates import Test, attribute, numeric, within
from campaigns.segments.syntax import AMOUNT, PropertyTest
from core.money import MICRO
from storage.types import Instant

Among = Callable[[ColumnElement[str]], ColumnElement[bool]]
"""Whether a column of customer ids is among those that are asked about, such as :func:`storage.given.given_ids`."""
LARGEST_PROPERTY = 10**9
"""Numbers beyond are not counted: sums in millionths must stay within 64 bits."""
RECENT = timedelta(days=45)
"""Up to so long ago it is faster on SQLite to read all events of the time than those of all customers."""


def properties_hold(source: FromClause, tests: tuple[PropertyTest, ...], day: date) -> Test:
    """Whether an event satisfies every test of its properties."""
    return and_(true(), *(_property(source, test.key, one, day) for test in tests for one in test.comparisons))


def _property(source: FromClause, key: str, comparison: Any, day: date) -> Test:
    if key != AMOUNT:
        return attribute(source.c.properties, key, comparison, day)
    amount = source.c.amount_micros
    return and_(amount.is_not(None), numeric(amount, comparison, MICRO))


def _millionths(source: FromClause, key: str) -> ColumnElement[Any]:
    """A property as a whole number of millionths, so that sums are exact; NULL where it is no number."""
    value = attribute_number(source.c.properties, key)
    usable = and_(value >= -LARGEST_PROPERTY, value <= LARGEST_PROPERTY)
    return case((usable, cast(func.round(cast(value, Numeric()) * MICRO), BigInteger())))


class Figures:
    """The sub-query of one event name with one filter: figures are added, then it is joined once."""

    def __init__(self, event: str, where: tuple[PropertyTest, ...], day: date) -> None:
        self._event = event
        self._where = where
        self._day = day
        self._labels: dict[tuple[str, Span, str], str] = {}

    def column(self, figure: str, span: Span, of: str = "") -> str:
        """The label of a figure over a span: count, sum, amounts (how many have one), first, last.

        ``of`` is the property that is summed, empty for the amount.
        """
        key = (figure, span, of if figure in ("sum", "amounts") else "")
        return self._labels.setdefault(key, f"f{len(self._labels)}")

    def subquery(self, number: int, among: Among | None, now: datetime) -> FromClause:
        """The sub-query; only customers who are asked about and instants that any figure needs are read."""
        hull = self._hull()
        is_recent = hull.start is not None and now - hull.start <= RECENT
        source = BY_TIME if among is None and is_recent else BY_CUSTOMER
        columns = [_figure(source, *key, hull).label(label) for key, label in self._labels.items()]
        query = select(source.c.customer_id, *columns).where(
            source.c.name == self._event, within(source.c.at, hull), properties_hold(source, self._where, self._day)
        )
        if among is not None:
            query = query.where(among(source.c.customer_id))
        return query.group_by(source.c.customer_id).subquery(f"e{number}")

    def _hull(self) -> Span:
        spans = [span for _, span, _ in self._labels]
        starts = [span.start for span in spans if span.start is not None]
        ends = [span.end for span in spans if span.end is not None]
        return Span(min(starts) if len(starts) == len(spans) else None, max(ends) if len(ends) == len(spans) else None)


def _figure(source: FromClause, figure: str, span: Span, of: str, hull: Span) -> ColumnElement[Any]:
    def inside(value: ColumnElement[Any]) -> ColumnElement[Any]:
        # what is read at all lies in the hull
        return value if span == hull else case((within(source.c.at, span), value))

    value = _millionths(source, of) if of else source.c.amount_micros
    match figure:
        case "count":
            return func.count(inside(source.c.at))
        case "sum":
            return func.coalesce(func.sum(inside(value)), 0)
        case "amounts":
            return func.count(inside(value))
        case "first":
            return func.min(inside(source.c.at), type_=Instant())
        case _:
            return func.max(inside(source.c.at), type_=Instant())


def outermost(
    event: str,
    where: tuple[PropertyTest, ...],
    span: Span,
    tests: tuple[PropertyTest, ...],
    *,
    latest: bool,
    day: date,
    among: Among | None,
) -> Select[Any]:
    """The customers whose latest (or earliest) event of those that count satisfies the tests."""
    source = BY_CUSTOMER
    order = (source.c.at.desc(), source.c.id.desc()) if latest else (source.c.at, source.c.id)
    place = func.row_number().over(partition_by=source.c.customer_id, order_by=order)
    columns = (source.c.customer_id, source.c.properties, source.c.amount_micros)
    query = select(*columns, place.label("place")).where(
        source.c.name == event, within(source.c.at, span), properties_hold(source, where, day)
    )
    if among is not None:
        query = query.where(among(source.c.customer_id))
    ranked = query.subquery()
    return select(ranked.c.customer_id).where(ranked.c.place == literal(1), properties_hold(ranked, tests, day))
