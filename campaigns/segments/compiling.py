"""A segment's syntax tree → one SELECT of customer ids, alike on SQLite and PostgreSQL.

All conditions on one event name become conditional aggregates of *one* grouped sub-query, joined once: one pass over
the index, not a sub-query a condition. Values are always bound; only the name ``order`` is written into the SQL,
because a partial index is used only where its predicate can be seen. Every part is two-valued, as the syntax tree says.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from campaigns.segments.attributes import attribute_flag, attribute_number, attribute_text
from campaigns.segments.instants import Span, span_compared, span_of
from campaigns.segments.orders import ORDERS
from campaigns.segments.reading import cycle
from campaigns.segments.syntax import (
    ATTRIBUTE,
    FIELDS,
    Aggregate,
    Comparison,
    Condition,
    Consented,
    Either,
    EventTest,
    Every,
    FieldTest,
    InSegment,
    Negation,
    Reachable,
    SegmentDefinition,
    Value,
    walk,
)
from core.errors import Refused
from core.money import MICRO
from storage.outbox.columns import table
from storage.tables import Consent, Customer, Event, Identity
from storage.types import Instant

MAX_INLINED = 800
"""Conditions in one statement with all named segments written out: SQLite nests expressions 1,000 deep at most."""

_customers = table(Customer)
_events = table(Event)
_identities = table(Identity)
_consents = table(Consent)

Test = ColumnElement[bool]
Among = Callable[[ColumnElement[str]], ColumnElement[bool]]
"""Whether a column of customer ids is among those that are asked about, such as :func:`storage.given.given_ids`."""


def compile_segment(
    name: str, segments: Mapping[str, SegmentDefinition], *, now: datetime, zone: ZoneInfo, among: Among | None = None
) -> Select[tuple[str]]:
    """The SELECT of the ids of all customers who are in segment ``name`` at ``now``; ``zone`` is the organisation's.

    With ``among`` only some are asked about, and nobody else's rows are read: ``among=given_ids`` of ``storage.given``
    asks about the ids that the statement is executed with, ``{IDS: ids}``.

    Raises:
        Refused: if there is no such segment, or they lead in a circle, or grow beyond :data:`MAX_INLINED`.
    """
    if name not in segments:
        raise Refused(f"there is no segment {name!r}; apply it first")
    return compile_condition(InSegment(name), segments, now=now, zone=zone, among=among)


def compile_condition(
    condition: Condition,
    segments: Mapping[str, SegmentDefinition],
    *,
    now: datetime,
    zone: ZoneInfo,
    among: Among | None = None,
) -> Select[tuple[str]]:
    """As :func:`compile_segment`, for a condition without a name."""
    return _Compiler(now, zone, among).select(inlined(condition, segments))


def inlined(condition: Condition, segments: Mapping[str, SegmentDefinition]) -> Condition:
    """The condition with every named segment written out.

    Raises:
        Refused: as :func:`compile_segment`.
    """
    for part in walk(condition):
        if isinstance(part, InSegment) and (path := cycle(part.name, segments)):
            raise Refused(f"segments lead in a circle: {' → '.join([*path, path[0]])}")
    left = [MAX_INLINED]

    def written_out(part: Condition) -> Condition:
        left[0] -= 1
        if left[0] < 0:
            raise Refused(f"the segment grows beyond {MAX_INLINED} conditions with the segments it names; simplify it")
        match part:
            case InSegment(name):
                if name not in segments:
                    raise Refused(f"there is no segment {name!r}")
                if cycle(name, segments):
                    raise Refused(f"segments lead in a circle through {name!r}")
                return written_out(segments[name].condition)
            case Every(conditions):
                return Every(tuple(written_out(inner) for inner in conditions))
            case Either(conditions):
                return Either(tuple(written_out(inner) for inner in conditions))
            case Negation(inner):
                return Negation(written_out(inner))
            case _:
                return part

    return written_out(condition)


class _Figures:
    """The grouped sub-query of one event name: figures are added, then it is joined once."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._source: FromClause = ORDERS if event == "order" else _events
        self._alias = ""
        self._columns: dict[tuple[str, Span], ColumnElement[Any]] = {}

    def column(self, figure: str, span: Span) -> str:
        """The label of a figure over a span: count, sum, amounts (how many have one), first, last."""
        key = (figure, span)
        if key not in self._columns:
            within = _within(self._source.c.at, span)
            made: ColumnElement[Any]
            match figure:
                case "count":
                    made = func.count(case((within, 1)))
                case "sum":
                    made = func.coalesce(func.sum(case((within, self._source.c.amount_micros))), 0)
                case "amounts":
                    made = func.count(case((within, self._source.c.amount_micros)))
                case "first":
                    made = func.min(case((within, self._source.c.at)), type_=Instant())
                case _:
                    made = func.max(case((within, self._source.c.at)), type_=Instant())
            self._columns[key] = made.label(f"f{len(self._columns)}")
        return str(self._columns[key].key)

    def subquery(self, number: int, among: Among | None) -> FromClause:
        """The sub-query; only customers who are asked about and instants that any figure needs are read."""
        # 'order' is literal so that the planner sees the partial index's own predicate.
        named = literal_column("'order'") if self._event == "order" else self._event
        spans = [span for _, span in self._columns]
        starts = [span.start for span in spans]
        ends = [span.end for span in spans if span.end is not None]
        hull = Span(
            None if None in starts else min(start for start in starts if start is not None),
            max(ends) if len(ends) == len(spans) else None,
        )
        query = select(self._source.c.customer_id, *self._columns.values()).where(
            self._source.c.name == named, _within(self._source.c.at, hull)
        )
        if among is not None:
            query = query.where(among(self._source.c.customer_id))
        return query.group_by(self._source.c.customer_id).subquery(f"e{number}")


class _Compiler:
    def __init__(self, now: datetime, zone: ZoneInfo, among: Among | None) -> None:
        self._now = now
        self._zone = zone
        self._among = among
        self._figures: dict[str, _Figures] = {}
        self._joined: dict[str, FromClause] = {}

    def select(self, condition: Condition) -> Select[tuple[str]]:
        # Twice over the tree: the figures must be known before the sub-queries that carry them can be named.
        for part in walk(condition):
            if isinstance(part, EventTest):
                self._register(part)
        source: FromClause = _customers
        for number, (event, figures) in enumerate(self._figures.items()):
            joined = figures.subquery(number, self._among)
            self._joined[event] = joined
            source = source.outerjoin(joined, joined.c.customer_id == _customers.c.id)
        query = select(_customers.c.id).select_from(source).where(self._test(condition))
        return query if self._among is None else query.where(self._among(_customers.c.id))

    def _one_of(self, rows: Select[Any], customer: ColumnElement[str]) -> Test:
        """Whether the customer has any of ``rows``, whose customers are in the column ``customer``."""
        if self._among is not None:  # a look-up for each of a few beats a list of everybody
            return rows.where(customer == _customers.c.id).exists()
        found: Test = _customers.c.id.in_(rows)
        return found

    def _register(self, part: EventTest) -> None:
        figures, span = (
            self._figures.setdefault(part.event, _Figures(part.event)),
            span_of(part.window, self._now, self._zone),
        )
        for aggregate, _ in part.figures:
            figures.column("sum" if aggregate == "average" else aggregate, span)
            if aggregate == "average":
                figures.column("amounts", span)

    def _test(self, condition: Condition) -> Test:
        match condition:
            case Every(conditions):
                return and_(true(), *map(self._test, conditions))
            case Either(conditions):
                return or_(false(), *map(self._test, conditions))
            case Negation(inner):
                return not_(self._test(inner))
            case EventTest():
                return self._events(condition)
            case FieldTest(field, comparisons):
                return and_(true(), *(self._field(field, comparison) for comparison in comparisons))
            case Reachable(channel, reachable):
                has: Select[Any] = select(_identities.c.customer_id).where(
                    _identities.c.channel == channel, _identities.c.reachable == true()
                )
                found = self._one_of(has, _identities.c.customer_id)
                return found if reachable else not_(found)
            case Consented(purpose, channel):
                agreed = (
                    select(_identities.c.customer_id)
                    .join(_consents, _consents.c.identity_id == _identities.c.id)
                    .where(_consents.c.purpose == purpose, _consents.c.granted == true())
                )
                if channel:
                    agreed = agreed.where(_identities.c.channel == channel)
                return self._one_of(agreed, _identities.c.customer_id)
            case InSegment(name):  # pragma: no cover  written out before
                raise Refused(f"segment {name!r} was not written out")

    def _events(self, part: EventTest) -> Test:
        span, joined = span_of(part.window, self._now, self._zone), self._joined[part.event]

        def figure(name: str) -> ColumnElement[Any]:
            column: ColumnElement[Any] = joined.c[self._figures[part.event].column(name, span)]
            return column

        tests = [
            self._figure(aggregate, comparison, figure)
            for aggregate, comparisons in part.figures
            for comparison in comparisons
        ]
        return and_(true(), *tests)

    def _figure(
        self, aggregate: Aggregate, comparison: Comparison, figure: Callable[[str], ColumnElement[Any]]
    ) -> Test:
        match aggregate:
            case "count":
                return _numeric(func.coalesce(figure("count"), 0), comparison, 1)
            case "sum":
                return _numeric(func.coalesce(figure("sum"), 0), comparison, MICRO)
            case "average":
                # sum against value x amounts: whole numbers, the same on both databases
                amounts = func.coalesce(figure("amounts"), 0)
                return and_(amounts > 0, _numeric(figure("sum"), comparison, MICRO, amounts))
            case _:
                column = figure(aggregate)
                return and_(column.is_not(None), _within(column, span_compared(comparison, self._now, self._zone)))

    def _field(self, field: str, comparison: Comparison) -> Test:
        if field.startswith(ATTRIBUTE):
            return _attribute(field.removeprefix(ATTRIBUTE), comparison)
        column: ColumnElement[Any] = _customers.c[field]
        if FIELDS[field] == "moment":
            return _within(column, span_compared(comparison, self._now, self._zone))
        return _text(column, comparison)


def _within(column: ColumnElement[Any], span: Span) -> Test:
    tests = []
    if span.start is not None:
        tests.append(column >= span.start)
    if span.end is not None:
        tests.append(column <= span.end)
    return and_(true(), *tests)


def _numeric(
    column: ColumnElement[Any], comparison: Comparison, unit: int, times: ColumnElement[Any] | None = None
) -> Test:
    def bound(value: Value) -> ColumnElement[Any]:
        # Whole by construction: counts are read as whole numbers, amounts have at most six decimals.
        number = literal(int(value * unit) if isinstance(value, Decimal) else 0, BigInteger())
        return number if times is None else times * number

    return _ordered(column, comparison, bound)


def _ordered(column: ColumnElement[Any], comparison: Comparison, bound: Callable[[Value], ColumnElement[Any]]) -> Test:
    first = bound(comparison.values[0])
    match comparison.word:
        case "is":
            return column == first
        case "is_not":
            return column != first
        case "above":
            return column > first
        case "at_least":
            return column >= first
        case "below":
            return column < first
        case "at_most":
            return column <= first
        case _:
            return and_(column >= first, column <= bound(comparison.values[1]))


def _text(column: ColumnElement[Any], comparison: Comparison) -> Test:
    there: Test = and_(column.is_not(None), column != "")
    texts = [value.isoformat() if isinstance(value, date) else value for value in comparison.values]
    match comparison.word:
        case "is_set":
            return there if texts[0] is True else not_(there)
        case "is" | "in":
            return and_(there, column.in_(texts))
        case "is_not" | "not_in":
            return not_(and_(there, column.in_(texts)))
        case "contains":
            return and_(there, func.replace(column, texts[0], "") != column)
        case "starts_with":
            return and_(there, func.substr(column, 1, len(str(texts[0]))) == texts[0])
        case _:
            return and_(there, _ordered(column, comparison, lambda value: literal(str(value))))


def _attribute(key: str, comparison: Comparison) -> Test:
    column = _customers.c.attributes
    text, number, flag = attribute_text(column, key), attribute_number(column, key), attribute_flag(column, key)
    word, values = comparison.word, comparison.values
    if word == "is_set":
        there = or_(and_(text.is_not(None), text != ""), number.is_not(None), flag.is_not(None))
        return there if values[0] is True else not_(there)
    if word in ("is", "in", "is_not", "not_in"):
        equal = or_(false(), *(_equal(text, number, flag, value) for value in values))
        return equal if word in ("is", "in") else not_(equal)
    if isinstance(values[0], Decimal):
        return and_(
            number.is_not(None), _ordered(number, comparison, lambda value: literal(float(str(value)), Double()))
        )
    return _text(text, comparison)


def _equal(text: ColumnElement[str], number: ColumnElement[float], flag: ColumnElement[bool], value: Value) -> Test:
    if isinstance(value, bool):
        return and_(flag.is_not(None), flag == value)
    if isinstance(value, Decimal):
        return and_(number.is_not(None), number == float(value))
    return and_(text.is_not(None), text == str(value))
