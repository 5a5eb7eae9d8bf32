"""Whether an event's properties satisfy a ``where``: in Python what ``campaigns/segments/predicates.py`` is in SQL.

A test holds the two against each other.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from campaigns.segments.comparisons import STRETCHES
from campaigns.segments.days import stretch
from campaigns.segments.syntax import AMOUNT, Comparison, PropertyTest
from core.money import MICRO

_ISO_DAY = len("2026-12-01")


def properties_match(
    tests: tuple[PropertyTest, ...], properties: Mapping[str, Any], amount_micros: int | None, day: date
) -> bool:
    """Whether every test holds; ``day`` is the organisation's present day."""
    return all(
        _amount_holds(amount_micros, one) if test.key == AMOUNT else _holds(properties.get(test.key), one, day)
        for test in tests
        for one in test.comparisons
    )


def _amount_holds(amount: int | None, comparison: Comparison) -> bool:
    bounds = [int(value * MICRO) for value in comparison.values if isinstance(value, Decimal)]
    return amount is not None and _ordered(amount, comparison.word, bounds)


def _holds(value: Any, comparison: Comparison, day: date) -> bool:
    word, values = comparison.word, comparison.values
    if word == "is_set":
        return (value not in (None, "", []) and not isinstance(value, dict)) is values[0]
    if word in ("is", "in", "is_not", "not_in"):
        return any(_equal(value, wanted) for wanted in values) is (word in ("is", "in"))
    if word == "contains":
        return isinstance(value, str | list) and str(values[0]) in value
    if word in STRETCHES:
        first, last = stretch(comparison, day)
        return isinstance(value, str) and first.isoformat() <= value[:_ISO_DAY] <= last.isoformat()
    if word == "starts_with":
        return isinstance(value, str) and value.startswith(str(values[0]))
    if isinstance(values[0], Decimal):
        return _is_number(value) and _ordered(value, word, [float(str(bound)) for bound in values])
    texts = [bound.isoformat() if isinstance(bound, date) else str(bound) for bound in values]
    return isinstance(value, str) and value != "" and _ordered(value, word, texts)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, Decimal):
        return _is_number(value) and value == float(wanted)
    return isinstance(value, str) and value == str(wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(value: Any, word: str, bounds: list[Any]) -> bool:
    match word:
        case "is":
            return bool(value == bounds[0])
        case "is_not":
            return bool(value != bounds[0])
        case "above":
            return bool(value > bounds[0])
        case "at_least":
            return bool(value >= bounds[0])
        case "below":
            return bool(value < bounds[0])
        case "at_most":
            return bool(value <= bounds[0])
        case _:
            return bool(bounds[0] <= value <= bounds[1])
