"""Whether a condition of a flow holds. Pure.

A value that is not there fails every test but ``is_not`` and ``not_in``.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.flows.definition import ANSWERS, CUSTOMER, Condition, Test
from campaigns.segments.syntax import ATTRIBUTE
from core.text import folded, latin_digits


def holds(
    condition: Condition,
    *,
    answers: Mapping[str, Any],
    customer: Mapping[str, Any],
    tags: frozenset[str],
    segments: frozenset[str],
) -> bool:
    """Whether it holds for this customer, with these answers."""

    def inner(part: Condition) -> bool:
        return holds(part, answers=answers, customer=customer, tags=tags, segments=segments)

    return (
        all(passes(test, value_of(test.name, answers, customer)) for test in condition.tests)
        and segments.issuperset(condition.segments)
        and tags.issuperset(condition.tags)
        and (not condition.any or any(map(inner, condition.any)))
        and not any(map(inner, condition.none))
    )


def value_of(name: str, answers: Mapping[str, Any], customer: Mapping[str, Any]) -> Any:
    """What ``answers.topic`` or ``customer.city`` is now; None where there is nothing."""
    if name.startswith(ANSWERS):
        found: Any = answers
        for key in name.removeprefix(ANSWERS).split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found
    column = name.removeprefix(CUSTOMER)
    if column.startswith(ATTRIBUTE):
        return (customer.get("attributes") or {}).get(column.removeprefix(ATTRIBUTE))
    return customer.get(column)


def passes(test: Test, value: Any) -> bool:
    """Whether ``value`` passes the test."""
    if test.word == "is_set":
        return (value not in (None, "", [], {})) == bool(test.values[0])
    if value in (None, ""):
        return test.word in ("is_not", "not_in")
    match test.word:
        case "is" | "in":
            return any(_same(value, wanted) for wanted in test.values)
        case "is_not" | "not_in":
            return not any(_same(value, wanted) for wanted in test.values)
        case "contains":
            return folded(str(test.values[0])) in folded(str(value))
    order = _order(value, test.values[0])
    match test.word:
        case "above":
            return order is not None and order > 0
        case "below":
            return order is not None and order < 0
        case "at_least":
            return order is not None and order >= 0
        case _:
            return order is not None and order <= 0


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return str(value).lower() == str(wanted).lower()
    order = _order(value, wanted) if not isinstance(wanted, str) else None
    return order == 0 or folded(str(value)) == folded(str(wanted))


def _order(value: Any, wanted: Any) -> int | None:
    """Below, equal or above: as numbers where both are, else as ISO days or texts; None where they do not compare."""
    left, right = _number(value), _number(wanted)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    if left is not None or right is not None:
        return None
    return (str(value) > str(wanted)) - (str(value) < str(wanted))


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(latin_digits(str(value)).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
