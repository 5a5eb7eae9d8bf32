"""Segments in plain Python, one customer at a time: what the compiled SQL is compared with."""

import operator
from calendar import isleap
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.periods import Period
from campaigns.segments import syntax as s
from core.draws import DRAW_MODULUS, salted_draw

UTC_ZONE = ZoneInfo("UTC")
ORDER = {
    "is": operator.eq, "is_not": operator.ne, "above": operator.gt, "at_least": operator.ge,
    "below": operator.lt, "at_most": operator.le,
}  # fmt: skip


@dataclass(frozen=True)
class Did:
    """An event. ``number`` is its place among those of the customer, in the order they were written down."""

    name: str
    at: datetime
    amount: int | None
    properties: Mapping[str, Any]
    number: int


@dataclass(frozen=True)
class Deed:
    """Something that a campaign knows: a message by its state, a response by its kind, a journey by its state."""

    campaign: str
    what: str
    word: str
    at: datetime
    step: str = ""
    channel: str = ""


@dataclass
class Person:
    """A customer with everything a segment may ask for.

    ``reach`` is (channel, reachable, consented purposes), ``grants`` are (offer, granted, expires, ended by).
    """

    fields: Mapping[str, Any]
    attributes: Mapping[str, Any]
    events: list[Did] = field(default_factory=list)
    reach: list[tuple[str, bool, frozenset[str]]] = field(default_factory=list)
    tags: frozenset[str] = frozenset()
    draw: int = 0
    deeds: list[Deed] = field(default_factory=list)
    grants: list[tuple[str, datetime, datetime | None, str]] = field(default_factory=list)


DEEDS: Mapping[str, tuple[str, str]] = {
    "received": ("message", "accepted delivered read"),
    "delivered": ("message", "delivered read"),
    "failed": ("message", "failed rejected"),
    "clicked": ("response", "click"),
    "replied": ("response", "reply"),
    "converted": ("response", "conversion"),
    "opted_out": ("response", "opt_out complaint"),
    "complained": ("response", "complaint"),
    "entered": ("journey", "waiting held answered converted exhausted exited"),
    "in_progress": ("journey", "waiting held"),
    "answered": ("journey", "answered"),
    "completed": ("journey", "exhausted"),
    "exited": ("journey", "exited"),
}


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
            case s.FieldTest(name, comparisons):
                return all(self.field(name, comparison, person) for comparison in comparisons)
            case s.EventTest():
                return self.events(condition, person)
            case _:
                return self.related(condition, person)

    def related(
        self, condition: s.Reachable | s.Consented | s.Tagged | s.Share | s.Granted | s.Behaved, person: Person
    ) -> bool:
        match condition:
            case s.Reachable(channel, reachable):
                return any(own == channel and works for own, works, _ in person.reach) is reachable
            case s.Consented(purpose, channel):
                return any(purpose in agreed and channel in ("", own) for own, _, agreed in person.reach)
            case s.Tagged(tag):
                return tag in person.tags
            case s.Share(low, high, salt):
                drawn = salted_draw(person.draw, salt)
                return int(low * DRAW_MODULUS / 100) <= drawn < int(high * DRAW_MODULUS / 100)
            case s.Granted():
                return any(self.granted(condition, grant) for grant in person.grants)
            case s.Behaved():
                return self.behaved(condition, person)

    def field(self, name: str, comparison: s.Comparison, person: Person) -> bool:
        if name.startswith(s.ATTRIBUTE):
            return self.value(person.attributes.get(name.removeprefix(s.ATTRIBUTE)), comparison)
        value = person.fields.get(name if name != "age" else "birthday")
        if name == "age":
            return self.age(value, comparison)
        if name == "birthday" and comparison.word in ("within_next", "this"):
            return value is not None and any(kept(value, day) for day in self.days(comparison))
        if s.FIELDS[name] == "moment":
            return isinstance(value, datetime) and self.moment(value, comparison)
        return self.value(value, comparison)

    def value(self, value: Any, comparison: s.Comparison) -> bool:
        word = comparison.word
        if word in ("within_next", "within_last", "this"):
            return isinstance(value, str) and value[:10] in {day.isoformat() for day in self.days(comparison)}
        if isinstance(value, list):
            if word == "is_set":
                return bool(value) is comparison.values[0]
            return comparison.values[0] in value if word == "contains" else word in ("is_not", "not_in")
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

    def days(self, comparison: s.Comparison) -> list[date]:
        """Every day that the stretch has."""
        here = self.now.astimezone(self.zone).date()
        value = comparison.values[0]
        around = [here + timedelta(days=n) for n in range(-400, 401)]
        if isinstance(value, Period):
            noon = datetime(here.year, here.month, here.day, 12, tzinfo=UTC)
            if comparison.word == "within_next":
                return [day for day in around if here <= day <= value.after(noon, UTC_ZONE).date()]
            return [day for day in around if value.before(noon, UTC_ZONE).date() <= day <= here]
        match value:
            case "day":
                return [here]
            case "week":
                return [day for day in around if day.isocalendar()[:2] == here.isocalendar()[:2]]
            case "month":
                return [day for day in around if (day.year, day.month) == (here.year, here.month)]
            case _:
                return [day for day in around if day.year == here.year]

    def age(self, born: Any, comparison: s.Comparison) -> bool:
        if comparison.word == "is_set":
            return (born is not None) is comparison.values[0]
        if born is None:
            return comparison.word == "is_not"
        here, birth = self.now.astimezone(self.zone).date(), date.fromisoformat(born)
        years = here.year - birth.year - (1 if here < kept_on(birth, here.year) else 0)
        return ordered(years, comparison.word, list(comparison.values))

    def granted(self, test: s.Granted, grant: tuple[str, datetime, datetime | None, str]) -> bool:
        offer, at, expires, ended_by = grant
        state = ended_by or ("expired" if expires is not None and expires <= self.now else "open")
        return offer == test.offer and test.state in (None, state) and self.counts(at, test.window)

    def behaved(self, test: s.Behaved, person: Person) -> bool:
        def times(deed: str) -> int:
            if deed == "opened":
                ways = [("response", "open"), ("message", "read")]
            else:
                what, words = DEEDS[deed]
                ways = [(what, word) for word in words.split()]
            return sum(
                (own.what, own.word) in ways
                and test.campaign in ("", own.campaign)
                and test.step in ("", own.step)
                and test.channel in ("", own.channel)
                and self.counts(own.at, test.window)
                for own in person.deeds
            )

        if test.count:
            return all(ordered(times(test.did[0]), c.word, list(c.values)) for c in test.count)
        return all(times(deed) for deed in test.did) and not any(times(deed) for deed in test.did_not)

    def has(self, event: Did, tests: tuple[s.PropertyTest, ...]) -> bool:
        for test in tests:
            for comparison in test.comparisons:
                if test.key == "amount":
                    wanted = [v * 1_000_000 for v in comparison.values if isinstance(v, Decimal)]
                    if event.amount is None or not ordered(event.amount, comparison.word, wanted):
                        return False
                elif not self.value(event.properties.get(test.key), comparison):
                    return False
        return True

    def events(self, test: s.EventTest, person: Person) -> bool:
        found = [
            own for own in person.events
            if own.name == test.event and self.counts(own.at, test.window) and self.has(own, test.where)
        ]  # fmt: skip
        found.sort(key=lambda own: (own.at, own.number))
        if test.latest and not (found and self.has(found[-1], test.latest)):
            return False
        if test.earliest and not (found and self.has(found[0], test.earliest)):
            return False
        values = [own.properties.get(test.of) if test.of else own.amount for own in found]
        unit = 1 if not test.of else 1_000_000
        amounts = [
            round(Decimal(str(value)) * unit)
            for value in values
            if kind(value) == "number" and (not test.of or abs(value or 0) <= 10**9)  # larger numbers are not counted
        ]
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
                        good = bool(found) and self.moment(found[0].at, comparison)
                    case _:
                        good = bool(found) and self.moment(found[-1].at, comparison)
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


def kept_on(birth: date, year: int) -> date:
    """The day on which a birthday is kept in a year."""
    if (birth.month, birth.day) == (2, 29) and not isleap(year):
        return date(year, 2, 28)
    return birth.replace(year=year)


def kept(born: str, day: date) -> bool:
    """Whether somebody keeps their birthday on a day."""
    return kept_on(date.fromisoformat(born), day.year) == day
