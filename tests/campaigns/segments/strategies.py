"""Random segments as a marketer could write them, and a small town of customers who sit on the edges."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from campaigns.periods import Period
from campaigns.segments.instants import midnight
from tests.campaigns.segments.evaluator import Person
from tests.conftest import NOW

ZONE = ZoneInfo("Europe/Berlin")
PERIODS = ("2h", "1d", "30d", "2mo", "1y", "400d")
DAYS = ("2026-11-30", "2026-10-25", "2026-03-29", "2025-12-01", "2027-01-01")
AMOUNTS = (0, 1, 19.99, 20, 50.5, 100)
COUNTRIES = ("DE", "RU", "IR", "de")
TICK = timedelta(microseconds=1)


def edges() -> list[datetime]:
    """Instants at, just before and just after every bound that a segment can draw."""
    found = [NOW, NOW + TICK, NOW - TICK]
    for text in PERIODS:
        at = Period.parse(text).before(NOW, ZONE)
        found += [at - TICK, at, at + TICK]
    for text in DAYS:
        at = midnight(datetime.fromisoformat(text).date(), ZONE)
        found += [at - TICK, at, at + timedelta(days=1) - TICK, at + timedelta(days=1)]
    return found


def town(size: int, seed: int) -> list[Person]:
    """``size`` customers; the same for the same seed."""
    chance = random.Random(seed)
    instants = edges()
    people = []
    for index in range(size):
        attributes: dict[str, Any] = {}
        if chance.random() < 0.8:
            attributes["vip"] = chance.choice([True, False, "yes", 1])
        if chance.random() < 0.8:
            attributes["points"] = chance.choice([0, 5, 5.5, 10, -3, "10", "", None])
        if chance.random() < 0.8:
            attributes["любимый жанр"] = chance.choice(["проза", "стихи", "про", "2026-10-25", "a'b\"c%_"])
        fields = {
            "first_name": chance.choice(["Anna", "Анна", "", "O'Hara", "50%_"]),
            "country": chance.choice([*COUNTRIES, ""]),
            "birthday": chance.choice([None, "1990-10-25", "2026-10-25", "2000-01-01"]),
            "external_id": chance.choice([None, str(index)]),
            "created_at": chance.choice(instants),
        }
        events = [
            (chance.choice(["order", "order", "visit"]), chance.choice(instants),
             chance.choice([None, *(int(amount * 1_000_000) for amount in AMOUNTS)]))
            for _ in range(chance.choice([0, 0, 1, 2, 4]))
        ]  # fmt: skip
        reach = [
            (channel, chance.random() < 0.6, frozenset({"marketing"} if chance.random() < 0.5 else ()))
            for channel in ("email", "sms")
            if chance.random() < 0.6
        ]
        people.append(Person(fields, attributes, events, reach))
    return people


_texts = st.sampled_from(["DE", "RU", "Anna", "Анна", "O'Hara", "про", "'; DROP TABLE customers; --", "%", "_", "10"])
_numbers = st.sampled_from([0, 1, 5, 5.5, 10, 20, 19.99, 40.5])
_order_words = st.sampled_from(["above", "below", "at_least", "at_most"])
_moments = st.one_of(st.sampled_from(PERIODS), st.sampled_from(DAYS))


def _compared(words: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.dictionaries(words, values, min_size=1, max_size=2),
        values.flatmap(
            lambda low: values.filter(lambda high: type(high) is type(low)).map(lambda high: {"between": [low, high]})
        ),
    )


_figures = _compared(
    st.sampled_from(["is", "is_not", "above", "below", "at_least", "at_most"]),
    _numbers.filter(lambda n: isinstance(n, int)),
)
_sums = _compared(
    st.sampled_from(["is", "is_not", "above", "below", "at_least", "at_most"]), st.sampled_from([0, 1, 20, 40, 70])
) | st.sampled_from([19.99, 50.5]).map(lambda value: {"at_least": value})
_recencies = st.one_of(
    _compared(_order_words, st.sampled_from(PERIODS)), _compared(_order_words, st.sampled_from(DAYS))
)
_windows = st.fixed_dictionaries(
    {},
    optional={"within": st.sampled_from(PERIODS), "not_within": st.sampled_from(PERIODS),
              "since": st.sampled_from(DAYS), "before": st.sampled_from(DAYS)},
)  # fmt: skip
_events = st.builds(
    lambda event, figures, window: {"event": event, **figures, **window},
    st.sampled_from(["order", "visit", "never-happened"]),
    st.fixed_dictionaries(
        {}, optional={"count": _figures, "sum": _sums, "average": _sums, "first": _recencies, "last": _recencies}
    ),
    _windows,
)
_equalities = st.one_of(
    st.fixed_dictionaries({"is": _texts}), st.fixed_dictionaries({"is_not": _texts}),
    st.fixed_dictionaries({"in": st.lists(_texts, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"not_in": st.lists(_texts, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"is_set": st.booleans()}),
    st.fixed_dictionaries({"contains": _texts}), st.fixed_dictionaries({"starts_with": _texts}),
)  # fmt: skip
_attribute_values = st.one_of(_texts, _numbers, st.booleans())
_attributes = st.one_of(
    _equalities,
    st.fixed_dictionaries({"is": _attribute_values}),
    st.fixed_dictionaries({"not_in": st.lists(_attribute_values, min_size=1, max_size=3)}),
    st.dictionaries(_order_words, _numbers, min_size=1, max_size=2),
    st.dictionaries(_order_words, st.sampled_from(DAYS), min_size=1, max_size=2),
)
_fields = st.one_of(
    st.tuples(st.sampled_from(["first_name", "country", "external_id"]), _equalities),
    st.tuples(
        st.just("birthday"),
        st.one_of(_compared(_order_words, st.sampled_from(DAYS)), st.fixed_dictionaries({"is_set": st.booleans()})),
    ),
    st.tuples(st.just("created_at"), _recencies),
    st.tuples(st.sampled_from(["attributes.vip", "attributes.points", "attributes.любимый жанр"]), _attributes),
).map(lambda pair: {"field": pair[0], **pair[1]})
_others = st.sampled_from([
    {"channel": "email", "reachable": True}, {"channel": "sms", "reachable": False}, {"consent": "marketing"},
    {"consent": "marketing", "channel": "sms"}, {"consent": "transactional"}, {"segment": "base"}, {"segment": "outer"},
])  # fmt: skip

conditions: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(_events, _fields, _others),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=8,
)
"""Conditions as plain data, the way that ``segments.yaml`` says them."""

BASE: dict[str, Any] = {
    "base": {"where": {"event": "order", "last": {"above": "30d"}}},
    "outer": {"where": {"any": [{"segment": "base"}, {"not": {"field": "country", "is": "DE"}}]}},
}
"""Segments that random conditions may name."""

assert NOW.tzinfo is UTC
