"""Segments in plain Python, one customer at a time: what the compiled SQL is compared with."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.periods import Period
from campaigns.segments import syntax as s

ORDER = {
    "is": operator.eq, "is_not": operator.ne, "above": operator.gt, "at_least": operator.ge,
    "below": operator.lt, "at_most": operator.le,
}  # fmt: skip


@dataclass
class Person:
    """A customer with everything a segment may ask for. ``reach`` is (channel, reachable, consented purposes)."""

    fields: Mapping[str, Any]
    attributes: Mapping[str, Any]
    events: list[tuple[str, datetime, int | None]] = field(default_factory=list)
    reach: list[tuple[str, bool, frozenset[str]]] = field(default_factory=list)


@dataclass
class World:
    """When, where and among which named segments."""

    now: datetime
    zone: ZoneInfo
    segments: Mapping[str, s.SegmentDefinition]

    def holds(self, condition: s.Condition, person: Person) -> bool:
        match condition:
            case s.Every(conditions):
                return all(self.holds(inner, person) for inner in conditions)
            case s.Either(conditions):
                return any(self.holds(inner, person) for inner in conditions)
            case s.Negation(inner):
                return not self.holds(inner, person)
            case s.InSegment(name):
                return self.holds(self.segments[name].condition, person)
            case s.Reachable(channel, reachable):
                return any(own == channel and works for own, works, _ in person.reach) is reachable
            case s.Consented(purpose, channel):
                return any(purpose in agreed and channel in ("", own) for own, _, agreed in person.reach)
            case s.FieldTest(name, comparisons):
                return all(self.field(name, comparison, person) for comparison in comparisons)
            case s.EventTest():
                return self.events(condition, person)

    def field(self, name: str, comparison: s.Comparison, person: Person) -> bool:
        if name.startswith(s.ATTRIBUTE):
            return self.value(person.attributes.get(name.removeprefix(s.ATTRIBUTE)), comparison)
        value = person.fields.get(name)
        if s.FIELDS[name] == "moment":
            return isinstance(value, datetime) and self.moment(value, comparison)
        return self.value(value, comparison)

    def value(self, value: Any, comparison: s.Comparison) -> bool:
        word = comparison.word
        wanted = [v.isoformat() if isinstance(v, date) else v for v in comparison.values]
        there = value is not None and value != ""
        if word == "is_set":
            return there is wanted[0]
        if word in ("is", "in", "is_not", "not_in"):
            equal = there and any(kind(value) == kind(w) and number(value) == number(w) for w in wanted)
            return equal if word in ("is", "in") else not equal
        if not there or kind(value) != kind(wanted[0]):
            return False
        if word == "contains":
            return wanted[0] in value
        if word == "starts_with":
            return bool(value.startswith(wanted[0]))
        return ordered(number(value), word, [number(w) for w in wanted])

    def counts(self, at: datetime, window: s.Window) -> bool:
        day = at.astimezone(self.zone).date()
        return (
            at <= self.now
            and (window.within is None or at >= window.within.before(self.now, self.zone))
            and (window.not_within is None or at < window.not_within.before(self.now, self.zone))
            and (window.since is None or day >= window.since)
            and (window.before is None or day < window.before)
        )

    def events(self, test: s.EventTest, person: Person) -> bool:
        found = [(at, a) for name, at, a in person.events if name == test.event and self.counts(at, test.window)]
        amounts = [amount for _, amount in found if amount is not None]
        for figure, comparisons in test.figures:
            for comparison in comparisons:
                micros = [value * 1_000_000 for value in comparison.values if isinstance(value, Decimal)]
                match figure:
                    case "count":
                        good = ordered(len(found), comparison.word, list(comparison.values))
                    case "sum":
                        good = ordered(sum(amounts), comparison.word, micros)
                    case "average":
                        good = bool(amounts) and ordered(
                            sum(amounts), comparison.word, [value * len(amounts) for value in micros]
                        )
                    case "first":
                        good = bool(found) and self.moment(min(at for at, _ in found), comparison)
                    case _:
                        good = bool(found) and self.moment(max(at for at, _ in found), comparison)
                if not good:
                    return False
        return True

    def moment(self, at: datetime, comparison: s.Comparison) -> bool:
        first = comparison.values[0]
        if isinstance(first, date):
            return ordered(at.astimezone(self.zone).date(), comparison.word, sorted(comparison.values))
        ago = sorted(v.before(self.now, self.zone) for v in comparison.values if isinstance(v, Period))
        match comparison.word:  # an age is above where the instant is before
            case "above":
                return at < ago[0]
            case "at_least":
                return at <= ago[0]
            case "below":
                return at > ago[0]
            case "at_most":
                return at >= ago[0]
            case _:
                return ago[0] <= at <= ago[1]


def ordered(value: Any, word: str, wanted: list[Any]) -> bool:
    return bool(wanted[0] <= value <= wanted[1]) if word == "between" else bool(ORDER[word](value, wanted[0]))


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float | Decimal) else "text"


def number(value: Any) -> Any:
    return float(value) if kind(value) == "number" else value
