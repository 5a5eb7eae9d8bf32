"""The textbook's segments, each against its own words in plain Python."""

import random
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from campaigns.periods import Period
from campaigns.segments.compiling import compile_segment
from campaigns.segments.reading import read_segments
from core.ids import new_id
from core.reading.problems import Problems
from core.reading.yaml import read_yaml
from storage.store import Store
from tests.campaigns.segments.evaluator import Did, Person
from tests.campaigns.segments.settling import settle
from tests.campaigns.segments.strategies import TICK, ZONE
from tests.conftest import NOW

SEGMENTS = read_segments(read_yaml("include: textbook\n", "segments.yaml"), "segments.yaml", Problems())


def ago(period: str) -> datetime:
    return Period.parse(period).before(NOW, ZONE)


def orders(person: Person) -> list[Did]:
    return [own for own in person.events if own.name == "order" and own.at <= NOW]


def score(person: Person) -> int | None:
    """What they gave when they were last asked within the year."""
    given = [own for own in person.events if own.name == "nps" and ago("1y") <= own.at <= NOW]
    return max(given, key=lambda own: (own.at, own.number)).properties["score"] if given else None


def this_weeks(birthday: str | None) -> bool:
    monday = NOW.astimezone(ZONE).date() - timedelta(days=NOW.astimezone(ZONE).weekday())
    week = {(day.month, day.day) for day in (monday + timedelta(days=n) for n in range(7))}
    return birthday is not None and (date.fromisoformat(birthday).month, date.fromisoformat(birthday).day) in week


WORDS: Mapping[str, Callable[[Person], bool]] = {
    "new": lambda p: ago("1mo") <= p.fields["created_at"] <= NOW
    or (bool(orders(p)) and min(own.at for own in orders(p)) >= ago("1mo")),
    "regular": lambda p: sum(own.at >= ago("6mo") for own in orders(p)) > 3,
    "vip": lambda p: sum(own.amount or 0 for own in orders(p) if own.at >= ago("1y")) >= 1000 * 10**6,
    "dormant": lambda p: bool(orders(p)) and max(own.at for own in orders(p)) < ago("1y"),
    "at_risk": lambda p: sum(own.at >= ago("1y") for own in orders(p)) >= 2
    and max(own.at for own in orders(p)) < ago("90d"),
    "birthday_week": lambda p: this_weeks(p.fields["birthday"]),
    "never_bought": lambda p: not orders(p),
    "promoters": lambda p: score(p) is not None and (score(p) or 0) >= 9,
    "passives": lambda p: score(p) in (7, 8),
    "detractors": lambda p: score(p) is not None and (score(p) or 0) <= 6,
}  # fmt: skip


def _shop(size: int, seed: int) -> dict[str, Person]:
    chance = random.Random(seed)
    instants = [
        ago(text) + shift
        for text in ("2h", "20d", "1mo", "90d", "6mo", "11mo", "1y", "2y") for shift in (-TICK, TICK, timedelta())
    ]  # fmt: skip
    people = {}
    for _ in range(size):
        often = chance.choice(
            [[], instants, [at for at in instants if at > ago("6mo")], [at for at in instants if at < ago("90d")]]
        )
        bought = [
            Did("order", chance.choice(often), chance.choice([None, 10**6, 250 * 10**6, 500 * 10**6]), {}, number)
            for number in range(chance.choice([1, 2, 4, 6]) if often else 0)
        ]
        asked = [
            Did("nps", chance.choice(instants), None, {"score": chance.choice([0, 6, 7, 8, 9, 10])}, 10 + number)
            for number in range(chance.choice([0, 1, 3]))
        ]
        born = chance.choice([None, "1990-11-29", "1990-11-30", "1984-12-02", "1990-12-06", "1990-12-07"])
        created = chance.choice(instants)
        people[new_id()] = Person({"created_at": created, "birthday": born}, {}, [*bought, *asked])
    return people


async def test_each_means_what_it_says(store: Store) -> None:
    people = _shop(250, seed=3)
    async with store.write() as connection:
        await settle(connection, people)
    assert {*SEGMENTS} == {*WORDS}
    async with store.read() as connection:
        for name, words in WORDS.items():
            found: set[Any] = set(await connection.scalars(compile_segment(name, SEGMENTS, now=NOW, zone=ZONE)))
            assert found == {id_ for id_, person in people.items() if words(person)}, name
            assert 0 < len(found) < len(people), name


@pytest.mark.parametrize("name", sorted(WORDS))
def test_each_is_described(name: str) -> None:
    assert len(SEGMENTS[name].description) > 10
