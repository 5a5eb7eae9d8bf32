"""Comparisons as SQL, alike on SQLite and PostgreSQL. Every one is true or false, never NULL; values are bound."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, and_, false, func, literal, not_, or_, true

from campaigns.segments.attributes import (
    attribute_filled,
    attribute_flag,
    attribute_holds,
    attribute_number,
    attribute_text,
)
from campaigns.segments.comparisons import STRETCHES
from campaigns.segments.days import anniversaries, birthdays_of_ages, stretch
from campaigns.segments.instants import Span
from campaigns.segments.syntax import Comparison, Value

Test = ColumnElement[bool]


def within(column: ColumnElement[Any], span: Span) -> Test:
    """Whether an instant lies in the span."""
    tests = []
    if span.start is not None:
        tests.append(column >= span.start)
    if span.end is not None:
        tests.append(column <= span.end)
    return and_(true(), *tests)


def numeric(
    column: ColumnElement[Any], comparison: Comparison, unit: int, times: ColumnElement[Any] | None = None
) -> Test:
    """A whole number of ``unit``s against numbers, each of them ``times`` over."""

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


def textual(column: ColumnElement[Any], comparison: Comparison) -> Test:
    """A text or an ISO day; empty counts as not there."""
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


def attribute(column: ColumnElement[Any], key: str, comparison: Comparison, day: date) -> Test:
    """A value in a JSON column; a list holds texts."""
    text, number, flag = attribute_text(column, key), attribute_number(column, key), attribute_flag(column, key)
    word, values = comparison.word, comparison.values
    if word == "is_set":
        single = or_(and_(text.is_not(None), text != ""), number.is_not(None), flag.is_not(None))
        there = or_(single, attribute_filled(column, key))
        return there if values[0] is True else not_(there)
    if word in ("is", "in", "is_not", "not_in"):
        equal = or_(false(), *(_equal(text, number, flag, value) for value in values))
        return equal if word in ("is", "in") else not_(equal)
    if word == "contains":
        return or_(textual(text, comparison), attribute_holds(column, key, str(values[0])))
    if word in STRETCHES:
        first, last = stretch(comparison, day)
        own = func.substr(text, 1, len("2026-12-01"))
        return and_(text.is_not(None), own >= first.isoformat(), own <= last.isoformat())
    if isinstance(values[0], Decimal):
        return and_(
            number.is_not(None), _ordered(number, comparison, lambda value: literal(float(str(value)), Double()))
        )
    return textual(text, comparison)


def _equal(text: ColumnElement[str], number: ColumnElement[float], flag: ColumnElement[bool], value: Value) -> Test:
    if isinstance(value, bool):
        return and_(flag.is_not(None), flag == value)
    if isinstance(value, Decimal):
        return and_(number.is_not(None), number == float(value))
    return and_(text.is_not(None), text == str(value))


def birthday(column: ColumnElement[Any], comparison: Comparison, day: date) -> Test:
    """A birthday that comes again within a stretch of days."""
    ranges = anniversaries(*stretch(comparison, day))
    own = func.substr(column, 6, 5)
    kept = or_(false(), *(and_(own >= first, own <= last) for first, last in ranges))
    return and_(column.is_not(None), column != "", kept)


def age(column: ColumnElement[Any], comparison: Comparison, day: date) -> Test:
    """Whole years since the birthday."""
    there = and_(column.is_not(None), column != "")
    if comparison.word == "is_set":
        return there if comparison.values[0] is True else not_(there)
    after, up_to = birthdays_of_ages(comparison, day)
    tests = [column > after] if after is not None else []
    tests += [column <= up_to] if up_to is not None else []
    found = and_(there, *tests)
    return not_(found) if comparison.word == "is_not" else found


def satisfied(comparison: Comparison, number: int) -> bool:
    """Whether a whole number satisfies a comparison with numbers: :func:`numeric` in Python."""
    first, *rest = (value for value in comparison.values if isinstance(value, Decimal))
    match comparison.word:
        case "is":
            return number == first
        case "is_not":
            return number != first
        case "above":
            return number > first
        case "at_least":
            return number >= first
        case "below":
            return number < first
        case "at_most":
            return number <= first
        case _:
            return first <= number <= rest[0]
