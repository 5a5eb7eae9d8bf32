"""What a condition takes for granted: which events a customer must have for it to hold at all.

Who has no such events need not be looked at, and what is asked of the rest may be asked of fewer events.
"""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.segments.instants import Span, span_of
from campaigns.segments.predicates import satisfied
from campaigns.segments.syntax import Condition, Either, EventTest, Every, FieldTest, PropertyTest, Share, walk

Key = tuple[str, tuple[PropertyTest, ...]]
"""Events that are read together: their name, and the filter of their properties."""


def key_of(part: EventTest) -> Key:
    """Which events are asked."""
    return part.event, part.where


def needed(condition: Condition, now: datetime, zone: ZoneInfo) -> Mapping[Key, Span]:
    """The events without which the condition does not hold: of which sort, within which span."""
    match condition:
        case EventTest() if condition.figures and _fails_without(condition):
            return {key_of(condition): span_of(condition.window, now, zone)}
        case Every(conditions):
            found: dict[Key, Span] = {}
            for inner in conditions:
                for key, span in needed(inner, now, zone).items():
                    found[key] = _narrower(found.get(key), span)
            return found
        case Either(conditions):
            each = [needed(inner, now, zone) for inner in conditions]
            shared = set.intersection(*(set(one) for one in each)) if each else set()
            return {key: Span() for key in shared}
        case _:
            return {}


def _fails_without(part: EventTest) -> bool:
    return any(
        aggregate not in ("count", "sum") or not satisfied(comparison, 0)
        for aggregate, comparisons in part.figures
        for comparison in comparisons
    )


def _narrower(known: Span | None, span: Span) -> Span:
    """Of two spans in each of which there are events, the one that :func:`last_within` can do more with."""
    if known is None or known.start is None:
        return span
    if span.start is None or span.end != known.end:
        return known
    return span if span.start > known.start else known


def last_within(asked: Span, needs: Span | None) -> Span:
    """Where to look for the last event of ``asked``, when some event lies in ``needs``.

    If that ends where ``asked`` ends and begins later, the last event of the one is the last of the other.
    """
    if needs is None or needs.start is None or needs.end != asked.end:
        return asked
    return needs if asked.start is None or needs.start > asked.start else asked


def asks_of_customers(condition: Condition) -> bool:
    """Whether any part compares a column of the customer."""
    return any(isinstance(part, FieldTest | Share) for part in walk(condition))
