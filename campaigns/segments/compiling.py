"""A segment's syntax tree → one SELECT of customer ids, alike on SQLite and PostgreSQL.

All conditions on one event name become conditional aggregates of *one* grouped sub-query, joined once: one pass over
the index, not a sub-query a condition. Values are always bound; only the name ``order`` is written into the SQL,
because a partial index is used only where its predicate can be seen. Every part is two-valued, as the syntax tree says.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from campaigns.segments.behaviour import Rows, deeds, grants
from campaigns.segments.comparisons import STRETCHES
from campaigns.segments.days import today
from campaigns.segments.figures import Among, Figures, outermost
from campaigns.segments.indexes import unindexed
from campaigns.segments.instants import Span, span_compared, span_of
from campaigns.segments.needs import Key, asks_of_customers, key_of, last_within, needed
from campaigns.segments.predicates import Test, age, attribute, birthday, numeric, satisfied, textual, within
from campaigns.segments.reading import cycle
from campaigns.segments.syntax import (
    ATTRIBUTE,
    FIELDS,
    Aggregate,
    Behaved,
    Comparison,
    Condition,
    Consented,
    Either,
    EventTest,
    Every,
    FieldTest,
    Granted,
    InSegment,
    Negation,
    Reachable,
    SegmentDefinition,
    Share,
    Tagged,
    walk,
)
from core.draws import DRAW_MODULUS, salt_coefficients
from core.errors import Refused
from core.ids import ANONYMOUS
from core.money import MICRO
from storage.outbox.columns import table
from storage.tables import Consent, Customer, CustomerTag, Identity

MAX_INLINED = 800
"""Conditions in one statement with all named segments written out: SQLite nests expressions 1,000 deep at most."""

_customers = table(Customer)
_tags = table(CustomerTag)
_identities = table(Identity)
_consents = table(Consent)


def compile_segment(
    name: str, segments: Mapping[str, SegmentDefinition], *, now: datetime, zone: ZoneInfo, among: Among | None = None
) -> Select[Any]:
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
) -> Select[Any]:
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


class _Compiler:
    def __init__(self, now: datetime, zone: ZoneInfo, among: Among | None) -> None:
        self._now = now
        self._zone = zone
        self._among = among
        self._day = today(now, zone)
        self._figures: dict[Key, Figures] = {}
        self._joined: dict[Key, FromClause] = {}
        self._needs: Mapping[Key, Span] = {}
        self._id: ColumnElement[str] = _customers.c.id

    def select(self, condition: Condition) -> Select[Any]:
        # Twice over the tree: the figures must be known before the sub-queries that carry them can be named.
        self._needs = needed(condition, self._now, self._zone)
        for part in walk(condition):
            if isinstance(part, EventTest):
                self._register(part)
        source = self._source(asks_of_customers(condition))
        query = (
            select(self._id.label("id"))
            .select_from(source)
            .where(self._test(condition), unindexed(self._id) < ANONYMOUS)
        )
        return query if self._among is None else query.where(self._among(self._id))

    def _source(self, asked_of_customers: bool) -> FromClause:  # noqa: FBT001
        """All customers, or those who have the events that are needed; the other figures beside them."""
        joined = {
            key: figures.subquery(number, self._among, self._now)
            for number, (key, figures) in enumerate(self._figures.items())
        }
        self._joined = joined
        first = next((key for key in joined if key in self._needs), None)
        if first is None:
            source: FromClause = _customers
        else:
            source, self._id = joined[first], joined[first].c.customer_id
            if asked_of_customers:
                source = source.join(_customers, _customers.c.id == self._id)
        for key, figures in joined.items():
            if key != first:
                source = source.join(figures, figures.c.customer_id == self._id, isouter=key not in self._needs)
        return source

    def _one_of(self, rows: Select[Any], customer: ColumnElement[str]) -> Test:
        """Whether the customer has any of ``rows``, whose customers are in the column ``customer``."""
        if self._among is not None:  # a look-up for each of a few beats a list of everybody
            return rows.where(customer == self._id).exists()
        found: Test = self._id.in_(rows)
        return found

    def _register(self, part: EventTest) -> None:
        if not part.figures:
            return
        key = key_of(part)
        figures = self._figures.setdefault(key, Figures(part.event, part.where, self._day))
        for aggregate, _ in part.figures:
            span = self._span(part, aggregate)
            figures.column("sum" if aggregate == "average" else aggregate, span, part.of)
            if aggregate == "average":
                figures.column("amounts", span, part.of)

    def _span(self, part: EventTest, aggregate: Aggregate) -> Span:
        span = span_of(part.window, self._now, self._zone)
        return last_within(span, self._needs.get(key_of(part))) if aggregate == "last" else span

    def _test(self, condition: Condition) -> Test:
        match condition:
            case Every(conditions):
                return and_(true(), *map(self._test, conditions))
            case Either(conditions):
                return or_(false(), *map(self._test, conditions))
            case Negation(inner):
                return not_(self._test(inner))
            case InSegment(name):  # pragma: no cover  written out before
                raise Refused(f"segment {name!r} was not written out")
            case EventTest():
                return self._events(condition)
            case FieldTest(field, comparisons):
                return and_(true(), *(self._field(field, comparison) for comparison in comparisons))
            case Share():
                return _drawn(condition)
            case _:
                return self._related(condition)

    def _related(self, condition: Reachable | Consented | Tagged | Behaved | Granted) -> Test:
        """Conditions on rows that belong to a customer."""
        match condition:
            case Reachable(channel, reachable):
                has: Select[Any] = select(_identities.c.customer_id).where(
                    self._few(_identities.c.channel) == channel, _identities.c.reachable == true()
                )
                found = self._one_of(has, _identities.c.customer_id)
                return found if reachable else not_(found)
            case Consented():
                return self._one_of(self._agreed(condition), _identities.c.customer_id)
            case Tagged(tag):
                return self._one_of(select(_tags.c.customer_id).where(_tags.c.tag == tag), _tags.c.customer_id)
            case Behaved():
                return self._behaved(condition)
            case Granted(_, _, window):
                rows = grants(condition, self._now)
                return self._one_of(self._in_span(rows, span_of(window, self._now, self._zone)), rows.customer)

    def _few(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # of a few customers every row is read, by the customer; SQLite would rather read a whole channel
        return column if self._among is None else unindexed(column)

    def _agreed(self, part: Consented) -> Select[Any]:
        agreed = (
            select(_identities.c.customer_id)
            .join(_consents, _consents.c.identity_id == _identities.c.id)
            .where(_consents.c.purpose == part.purpose, _consents.c.granted == true())
        )
        return agreed.where(self._few(_identities.c.channel) == part.channel) if part.channel else agreed

    def _in_span(self, rows: Rows, span: Span) -> Select[Any]:
        query = rows.query.where(rows.at.is_not(None), within(rows.at, span))
        return query if self._among is None else query.where(self._among(rows.customer))

    def _behaved(self, part: Behaved) -> Test:
        span = span_of(part.window, self._now, self._zone)
        tests: list[Test] = []
        for deed in part.did:
            rows = deeds(part, deed)
            query = self._in_span(rows, span)
            if not part.count:
                tests.append(self._one_of(query, rows.customer))
                continue
            grouped = query.group_by(rows.customer)
            for comparison in part.count:
                test = numeric(func.count(), comparison, 1)
                if satisfied(comparison, 0):  # whoever has no row at all satisfies it too
                    tests.append(not_(self._id.in_(grouped.having(not_(test)))))
                else:
                    tests.append(self._id.in_(grouped.having(test)))
        for deed in part.did_not:
            rows = deeds(part, deed)
            tests.append(not_(self._one_of(self._in_span(rows, span), rows.customer)))
        return and_(true(), *tests)

    def _events(self, part: EventTest) -> Test:
        tests: list[Test] = []
        for aggregate, comparisons in part.figures:
            figures, joined = self._figures[key_of(part)], self._joined[key_of(part)]
            span = self._span(part, aggregate)

            def figure(
                name: str, figures: Figures = figures, joined: FromClause = joined, span: Span = span
            ) -> ColumnElement[Any]:
                column: ColumnElement[Any] = joined.c[figures.column(name, span, part.of)]
                return column

            tests += [self._figure(aggregate, comparison, figure) for comparison in comparisons]
        span = span_of(part.window, self._now, self._zone)
        for asked, latest in ((part.latest, True), (part.earliest, False)):
            if asked:
                those = outermost(part.event, part.where, span, asked, latest=latest, day=self._day, among=self._among)
                tests.append(self._id.in_(those))
        return and_(true(), *tests)

    def _figure(
        self, aggregate: Aggregate, comparison: Comparison, figure: Callable[[str], ColumnElement[Any]]
    ) -> Test:
        match aggregate:
            case "count":
                return numeric(func.coalesce(figure("count"), 0), comparison, 1)
            case "sum":
                return numeric(func.coalesce(figure("sum"), 0), comparison, MICRO)
            case "average":
                # sum against value x amounts: whole numbers, the same on both databases
                amounts = func.coalesce(figure("amounts"), 0)
                return and_(amounts > 0, numeric(figure("sum"), comparison, MICRO, amounts))
            case _:
                column = figure(aggregate)
                return and_(column.is_not(None), within(column, span_compared(comparison, self._now, self._zone)))

    def _field(self, field: str, comparison: Comparison) -> Test:
        if field.startswith(ATTRIBUTE):
            return attribute(_customers.c.attributes, field.removeprefix(ATTRIBUTE), comparison, self._day)
        if FIELDS[field] == "age":
            return age(_customers.c.birthday, comparison, self._day)
        column: ColumnElement[Any] = _customers.c[field]
        if comparison.word in STRETCHES:
            return birthday(column, comparison, self._day)
        if FIELDS[field] == "moment":
            return within(column, span_compared(comparison, self._now, self._zone))
        return textual(column, comparison)


def _drawn(part: Share) -> Test:
    """Whether the customer's salted draw lies in the share: :func:`core.draws.salted_draw` in SQL."""
    a, b = (literal(number, BigInteger()) for number in salt_coefficients(part.salt))
    drawn = (a * _customers.c.draw + b) % literal(DRAW_MODULUS, BigInteger())
    low, high = (int(bound * DRAW_MODULUS / 100) for bound in (part.low, part.high))
    return and_(drawn >= literal(low, BigInteger()), drawn < literal(high, BigInteger()))
