"""Assignment: who gets a customer who waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.handoff.agents import on_shift
from bot.handoff.assignment import Candidate, Waiting, chosen, in_turn

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ANN = Candidate("ann", available=True, capacity=4, chats=2, languages=frozenset({"en", "ru"}), last_given=NOW)
BOB = Candidate("bob", available=True, capacity=4, chats=1, languages=frozenset({"en"}), skills=frozenset({"orders"}),
                last_given=NOW - timedelta(hours=1))  # fmt: skip
ZOE = Candidate("zoe", available=True, capacity=8, chats=3, languages=frozenset({"fa"}), last_given=NOW)
ONE = Waiting("c1", "main", since=NOW)


@pytest.mark.parametrize(
    ("one", "policy", "who"),
    [
        (ONE, "least_busy", "zoe"),  # 3 of 8; bob answers orders only
        (replace(ONE, queue="orders"), "least_busy", "bob"),
        (replace(ONE, queue="orders"), "round_robin", "bob"),
        (ONE, "round_robin", "ann"),  # as long ago as zoe; the first by name
        (replace(ONE, language="ru"), "least_busy", "ann"),
        (replace(ONE, language="de"), "least_busy", "zoe"),  # nobody speaks it: anybody
        (replace(ONE, had="ann"), "least_busy", "ann"),
        (replace(ONE, had="bob"), "least_busy", "zoe"),  # not his queue
        (replace(ONE, had="ann"), "manual", None),
    ],
)
def test_who_gets_them(one: Waiting, policy: str, who: str | None) -> None:
    found = chosen(one, [ANN, BOB, ZOE], policy)  # type: ignore[arg-type]
    assert (found and found.id) == who


@pytest.mark.parametrize("change", [{"available": False}, {"chats": 4}, {"skills": frozenset({"orders"})}])
def test_who_cannot_gets_nobody(change: dict[str, object]) -> None:
    assert chosen(replace(ONE, had="ann"), [replace(ANN, **change)], "least_busy") is None  # type: ignore[arg-type]


def test_the_urgent_and_the_patient_first() -> None:
    late, early = replace(ONE, conversation_id="late"), replace(ONE, conversation_id="early", since=NOW - timedelta(1))
    urgent = replace(ONE, conversation_id="urgent", priority=3, since=NOW + timedelta(1))
    assert [one.conversation_id for one in in_turn([late, early, urgent])] == ["urgent", "early", "late"]


@pytest.mark.parametrize(
    ("shift", "zone", "there"),
    [
        ({}, "UTC", True),
        ({"1": ["09:00", "18:00"]}, "UTC", True),
        ({"2": ["09:00", "18:00"]}, "UTC", False),
        ({"1": ["09:00", "12:00"]}, "UTC", False),  # its end is not in it
        ({"1": ["09:00", "12:00"]}, "America/New_York", False),  # seven in the morning there
        ({"0": ["20:00", "13:00"]}, "UTC", True),  # from yesterday evening on
        ({"1": ["20:00", "13:00"]}, "UTC", False),
    ],
)
def test_shifts(shift: dict[str, list[str]], zone: str, there: bool) -> None:
    assert on_shift(shift, zone, NOW) is there
