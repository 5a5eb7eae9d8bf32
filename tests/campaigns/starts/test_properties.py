"""A ``where`` in Python and in SQL say the same of the same events."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from campaigns.periods import Period
from campaigns.segments.comparisons import COUNT_WORDS
from campaigns.segments.figures import properties_hold
from campaigns.segments.syntax import AMOUNT, Comparison, PropertyTest, Word
from campaigns.starting.properties import properties_match
from storage.outbox.columns import table
from storage.tables import Event
from tests.campaigns.starts.place import Place
from tests.conftest import NOW

DAY = date(2026, 12, 1)
TEXTS = ["", "a", "books", "Books", "b", "2026-12-01", "2026-12-05T10:00", "2026-11-24", "10", "true", "é", "ü b", "1%"]
NUMBERS: list[Any] = [0, 1, -1, 10, 10.5, 10.0, 0.1, 999999.999999, 10**12]
OTHERS: list[Any] = [None, True, False, [], ["books"], ["b", 10, None], [[]], {}, {"a": 1}]
WORDS: dict[str, tuple[Word, ...]] = {
    "text": ("is", "is_not", "in", "not_in", "contains", "starts_with"),
    "number": ("is", "is_not", "in", "not_in", "above", "below", "at_least", "at_most", "between"),
    "day": ("above", "below", "at_least", "at_most", "between"),
    "flag": ("is", "is_not"),
    "set": ("is_set",),
    "stretch": ("within_next", "within_last", "this"),
}  # fmt: skip


def comparison(chance: random.Random, kind: str) -> Comparison:
    word = chance.choice(WORDS[kind])
    count = 2 if word == "between" else chance.randint(1, 3) if word in ("in", "not_in") else 1
    values: list[Any]
    match kind:
        case "text":
            values = [chance.choice([text for text in TEXTS if text]) for _ in range(count)]
        case "number":
            values = [Decimal(str(chance.choice(NUMBERS))) for _ in range(count)]
        case "day":
            values = [date(2026, chance.randint(11, 12), chance.randint(1, 28)) for _ in range(count)]
        case "stretch":
            spans = [Period(chance.randint(0, 9), "d"), Period(1, "w")]
            values = [chance.choice(["day", "week", "month", "year"]) if word == "this" else chance.choice(spans)]
        case _:
            values = [chance.choice([True, False])]
    return Comparison(word, tuple(values))


async def test_python_and_sql_agree(place: Place) -> None:
    chance = random.Random(5)
    (customer,) = await place.people({"external_id": "ann"})
    values = [*TEXTS, *NUMBERS, *OTHERS]
    events = [
        Event(customer_id=customer, name="x", at=NOW, source="t", external_id=str(number), recorded_at=NOW,
              amount_micros=chance.choice([None, 0, 10_000_000, 10_500_000, -1]),
              properties={} if number == 0 else {"p": values[number % len(values)]})
        for number in range(2 * len(values))
    ]  # fmt: skip
    kept = [(one.external_id, one.properties, one.amount_micros) for one in events]
    async with place.store.session() as session:
        session.add_all(events)
    rows = table(Event)
    seen = set()
    async with place.store.read() as connection:
        for _ in range(150):
            kind = chance.choice(list(WORDS))
            tests = (PropertyTest("p", (comparison(chance, kind),)),)
            if tests[0].comparisons[0].word in COUNT_WORDS and kind == "number" and chance.random() < 0.5:
                tests = (PropertyTest(AMOUNT, tests[0].comparisons),)
            found = set(await connection.scalars(select(rows.c.external_id).where(properties_hold(rows, tests, DAY))))
            said = {key for key, own, amount in kept if properties_match(tests, own, amount, DAY)}
            assert said == found, tests
            seen.add((kind, tests[0].comparisons[0].word, bool(found)))
    assert len(seen) > 20
