"""Whatever a demo must show is played by somebody, however few there are; where nobody could, it is told."""

import copy
from typing import Any

import pytest

from otklik.demo.behaviour import sandbox_people
from otklik.demo.oracle import Expected, expect
from otklik.demo.parts import PARTS, fill
from otklik.demo.people import DemoCustomer, generate
from otklik.demo.play import REFERENCE

SERVED = {"sms", "whatsapp", "stop"}
"""What no operator carries to Iran, where most of the Persian demo's customers live."""


def cast(count: int, seed: int, lang: str) -> tuple[list[DemoCustomer], list[dict[str, Any]], tuple[str, ...]]:
    customers = generate(count, REFERENCE, seed, lang)
    people = sandbox_people(customers, seed, REFERENCE, lang)
    return customers, people, fill(customers, people, seed, REFERENCE)


def expected(customers: list[DemoCustomer], people: list[dict[str, Any]]) -> Expected:
    known = {
        one.external_id: {
            "consent": one.consent_at is not None, "whatsapp": one.has_whatsapp, "telegram": one.telegram != 0,
        }
        for one in customers if one.is_dormant(REFERENCE)
    }  # fmt: skip
    return expect(people, known, REFERENCE)


@pytest.mark.parametrize("lang", ["en", "ru", "fa"])
@pytest.mark.parametrize("count", [50, 51, 64, 80, 120, 220, 260, 400])
def test_every_part_is_played(lang: str, count: int) -> None:
    """The oracle, which knows nothing of parts, expects each of them."""
    for seed in range(1, 9):
        customers, people, unplayed = cast(count, seed, lang)
        happens = expected(customers, people)
        occurs = happens.deeds | {send.channel for send in happens.sends}
        assert not PARTS.keys() - set(unplayed) - occurs, (seed, unplayed)
        if count >= 80:
            assert set(unplayed) <= (SERVED if lang == "fa" else set()), seed


@pytest.mark.parametrize("lang", ["en", "ru", "fa"])
def test_a_handful_says_what_it_cannot_show(lang: str) -> None:
    customers, people, unplayed = cast(4, 7, lang)
    happens = expected(customers, people)
    assert unplayed
    assert not PARTS.keys() - set(unplayed) - happens.deeds - {send.channel for send in happens.sends}


def test_who_shows_it_already_is_left_alone() -> None:
    customers = generate(400, REFERENCE, 7, "en")
    people = sandbox_people(customers, 7, REFERENCE, "en")
    before = copy.deepcopy(people)
    assert fill(customers, people, 7, REFERENCE) == ()
    assert people == before


def test_the_same_seed_casts_the_same() -> None:
    assert cast(50, 3, "fa") == cast(50, 3, "fa")
