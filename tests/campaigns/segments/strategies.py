"""Random segments as a marketer could write them, and a small town of customers who sit on the edges."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from campaigns.periods import Period
from campaigns.segments.instants import midnight
from core.draws import DRAW_MODULUS
from tests.campaigns.segments.evaluator import Deed, Did, Person
from tests.conftest import NOW

ZONE = ZoneInfo("Europe/Berlin")
PERIODS = ("2h", "1d", "30d", "2mo", "1y", "400d")
DAYS = ("2026-11-30", "2026-10-25", "2026-03-29", "2025-12-01", "2027-01-01")
AMOUNTS = (0, 1, 19.99, 20, 50.5, 100)
COUNTRIES = ("DE", "RU", "IR", "de")
BIRTHDAYS = ("1990-10-25", "2026-10-25", "2000-01-01", "1996-02-29", "1990-02-28", "1990-03-01", "1988-12-01",
             "1991-12-08", "1991-12-09", "1970-12-31", "2008-12-02", "2008-11-30")  # fmt: skip
TAGS = ("vip", "O'Hara", "любимый")
CAMPAIGNS = ("winback", "welcome")
STEPS = ("first-mail", "last-call")
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
        if chance.random() < 0.6:
            attributes["interests"] = chance.choice([["jazz"], ["jazz", "sci-fi"], [], ["про", 10], "jazz", [True]])
        if chance.random() < 0.6:
            attributes["contract_end"] = chance.choice(["2026-12-01", "2026-12-08", "2026-12-09", "2026-11-24", "soon"])
        if chance.random() < 0.8:
            attributes["любимый жанр"] = chance.choice(["проза", "стихи", "про", "2026-10-25", "a'b\"c%_"])
        fields = {
            "first_name": chance.choice(["Anna", "Анна", "", "O'Hara", "50%_"]),
            "country": chance.choice([*COUNTRIES, ""]),
            "birthday": chance.choice([None, *BIRTHDAYS]),
            "external_id": chance.choice([None, str(index)]),
            "created_at": chance.choice(instants),
        }
        events = [
            Did(
                chance.choice(["order", "order", "visit"]), chance.choice(instants),
                chance.choice([None, *(int(amount * 1_000_000) for amount in AMOUNTS)]), _properties(chance), number,
            )
            for number in range(chance.choice([0, 0, 1, 2, 4]))
        ]  # fmt: skip
        reach = [
            (channel, chance.random() < 0.6, frozenset({"marketing"} if chance.random() < 0.5 else ()))
            for channel in ("email", "sms")
            if chance.random() < 0.6
        ]
        people.append(Person(
            fields, attributes, events, reach, frozenset(tag for tag in TAGS if chance.random() < 0.3),
            chance.choice([0, DRAW_MODULUS // 10, DRAW_MODULUS - 1, chance.randrange(DRAW_MODULUS)]),
            _one_open([_deed(chance, instants) for _ in range(chance.choice([0, 1, 2, 4]))]),
            [
                (chance.choice(["winter-10", "spring-5"]), chance.choice(instants),
                 chance.choice([None, NOW, NOW + TICK]), ended)
                for ended in chance.choice([(), ("",), ("redeemed",), ("expired", ""), ("withdrawn",)])
            ],
        ))  # fmt: skip
    return people


def _properties(chance: random.Random) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if chance.random() < 0.8:
        own["category"] = chance.choice(["books", "toys", "", "про"])
    if chance.random() < 0.8:
        own["price"] = chance.choice([0, 0.1, 10, 19.99, 40.5, "10", 10**12])
    if chance.random() < 0.3:
        own["items"] = chance.choice([["books"], ["toys", "books"], []])
    return own


def _one_open(deeds: list[Deed]) -> list[Deed]:
    """A customer is on one open journey of a campaign at a time."""
    seen: set[str] = set()
    kept = []
    for deed in deeds:
        if deed.word in ("waiting", "held"):
            if deed.campaign in seen:
                continue
            seen.add(deed.campaign)
        kept.append(deed)
    return kept


def _deed(chance: random.Random, instants: list[datetime]) -> Deed:
    campaign, at = chance.choice(CAMPAIGNS), chance.choice(instants)
    what = chance.choice(["message", "response", "response", "journey"])
    words = {
        "message": ["accepted", "delivered", "read", "failed", "rejected", "skipped"],
        "response": ["open", "click", "reply", "conversion", "opt_out", "complaint", "auto_reply"],
        "journey": ["waiting", "held", "answered", "converted", "exhausted", "exited"],
    }[what]
    if what == "journey":
        return Deed(campaign, what, chance.choice(words), at)
    return Deed(campaign, what, chance.choice(words), at, chance.choice(STEPS), chance.choice(["email", "sms"]))


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
_windows = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={"within": st.sampled_from(PERIODS), "not_within": st.sampled_from(PERIODS),
                  "since": st.sampled_from(DAYS), "before": st.sampled_from(DAYS)},
    ),
    st.just({"between": ["2025-12-01", "2026-10-25"]}),
)  # fmt: skip
_amounts = st.tuples(st.sampled_from(["above", "at_most", "is"]), st.sampled_from([0, 20, 50.5])).map(
    lambda pair: {pair[0]: pair[1]}
)
_filters = st.sampled_from(
    [["category"], ["price"], ["items"], ["amount"], ["absent"], ["category", "price"], ["amount", "category"]]
).flatmap(lambda keys: st.fixed_dictionaries({
    key: _amounts if key == "amount" else st.one_of(
        st.sampled_from(["books", "про", 10, 0.1]), st.just(["books", "toys"]), st.just({"contains": "books"}),
        st.sampled_from([{"above": 5}, {"between": [0, 10]}, {"is_set": False}, {"is_not": "toys"}]),
    )
    for key in keys
}))  # fmt: skip
_events = st.builds(
    lambda event, figures, window, filters: {"event": event, **figures, **window, **filters},
    st.sampled_from(["order", "visit", "never-happened"]),
    st.one_of(
        st.fixed_dictionaries(
            {}, optional={"count": _figures, "sum": _sums, "average": _sums, "first": _recencies, "last": _recencies}
        ),
        st.fixed_dictionaries({"of": st.just("price")}, optional={"average": _sums, "sum": _sums}).filter(
            lambda own: len(own) > 1
        ),
    ),
    _windows,
    st.one_of(
        st.just({}), st.fixed_dictionaries({}, optional={"where": _filters, "latest": _filters, "earliest": _filters})
    ),
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
_stretches = st.one_of(
    st.fixed_dictionaries({"within_next": st.sampled_from(["1d", "7d", "2w", "1mo", "3mo", "1y"])}),
    st.fixed_dictionaries({"this": st.sampled_from(["day", "week", "month", "year"])}),
)
_ages = _compared(
    st.sampled_from(["is", "is_not", "above", "below", "at_least", "at_most"]), st.sampled_from([0, 18, 30, 35, 36, 38])
)
_fields = st.one_of(
    st.tuples(st.sampled_from(["first_name", "country", "external_id"]), _equalities),
    st.tuples(
        st.just("birthday"),
        st.one_of(
            _compared(_order_words, st.sampled_from(DAYS)), st.fixed_dictionaries({"is_set": st.booleans()}), _stretches
        ),
    ),
    st.tuples(st.just("age"), st.one_of(_ages, st.fixed_dictionaries({"is_set": st.booleans()}))),
    st.tuples(
        st.just("attributes.contract_end"),
        st.one_of(
            _stretches,
            st.fixed_dictionaries({"within_last": st.sampled_from(["7d", "1mo"])}),
        ),
    ),
    st.tuples(
        st.just("attributes.interests"),
        st.one_of(
            st.fixed_dictionaries({"contains": st.sampled_from(["jazz", "про", "10", "ja"])}),
            _equalities,
        ),
    ),
    st.tuples(st.just("created_at"), _recencies),
    st.tuples(st.sampled_from(["attributes.vip", "attributes.points", "attributes.любимый жанр"]), _attributes),
).map(lambda pair: {"field": pair[0], **pair[1]})
_others = st.sampled_from([
    {"channel": "email", "reachable": True}, {"channel": "sms", "reachable": False}, {"consent": "marketing"},
    {"consent": "marketing", "channel": "sms"}, {"consent": "transactional"}, {"segment": "base"}, {"segment": "outer"},
    {"tag": "vip"}, {"tag": "O'Hara"}, {"percent": 10, "salt": "a"}, {"percent": [10, 99.5]}, {"percent": 100},
])  # fmt: skip
_deeds = st.sampled_from([
    "received", "delivered", "failed", "opened", "clicked", "replied", "converted", "opted_out", "complained",
])  # fmt: skip
_some_deeds: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]), st.tuples(_deeds).map(list), st.tuples(_deeds, _deeds).map(list)
)
_journeys = st.sampled_from(["entered", "in_progress", "answered", "completed", "exited"])
_campaigns = st.one_of(
    st.builds(
        lambda campaign, did, did_not, narrow, window: {
            "campaign": campaign, **({"did": did} if did or not did_not else {}),
            **({"did_not": did_not} if did_not else {}), **narrow, **window,
        },
        st.sampled_from(["any", "winback", "nobody-knows"]), _some_deeds,
        _some_deeds,
        st.fixed_dictionaries(
            {}, optional={"step": st.sampled_from(STEPS), "channel": st.sampled_from(["email", "sms"])}
        ),
        _windows,
    ).filter(lambda own: own.get("did") or own.get("did_not")),
    st.builds(
        lambda campaign, did, window: {"campaign": campaign, "did": did, **window},
        st.sampled_from(["any", "welcome"]), st.one_of(_journeys, _deeds), _windows,
    ),
    st.builds(
        lambda did, count, window: {"campaign": "any", "did": did, "count": count, **window},
        st.one_of(_journeys, _deeds), _figures, _windows,
    ),
)  # fmt: skip
_offers = st.builds(
    lambda own, window: {"offer": "winter-10", **own, **window},
    st.fixed_dictionaries({}, optional={"state": st.sampled_from(["open", "redeemed", "expired", "withdrawn"])}),
    _windows,
)

conditions: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(_events, _fields, _others, _campaigns, _offers),
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
