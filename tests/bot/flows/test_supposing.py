"""What simulated customers say: always an answer of the kind that was asked for, as often as is assumed."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flows.definition import AskStep, Choice, FlowBody, FlowDefinition, Limits, WebhookStep, Words
from bot.flows.supposing import assumable, counted, supposed
from bot.flows.understanding import Reader, understood
from campaigns.simulation.behaviour import Talking

TODAY = date(2026, 12, 1)
READER = Reader("en", "GB", TODAY)
WORDS = Words(texts={"": "?"})
CHOICES = tuple(Choice(value=value, label={"": value.title()}) for value in ("one", "two", "three"))
SCORES = tuple(Choice(value=str(score), label={"": str(score)}) for score in range(11))
CHANCE = st.floats(0, 1, exclude_max=True)


def _ask(**given: Any) -> AskStep:
    return AskStep(id="question", into="question", words=WORDS, **given)


@pytest.mark.parametrize(
    "step",
    [
        _ask(),
        _ask(limits=Limits(shortest=30)),
        _ask(limits=Limits(longest=4)),
        _ask(limits=Limits(like="A-9999")),
        _ask(type="number"),
        _ask(type="number", limits=Limits(least=0, most=10), choices=SCORES),
        _ask(type="number", limits=Limits(least=2.5, most=2.7)),
        _ask(type="number", limits=Limits(most=-3)),
        _ask(type="date"),
        _ask(type="date", limits=Limits(first="today", last="today+30d")),
        _ask(type="date", limits=Limits(last="today-400d")),
        _ask(type="date", limits=Limits(first="2027-05-01")),
        _ask(type="phone"),
        _ask(type="email"),
        _ask(type="location"),
        _ask(type="file"),
        _ask(type="choice", choices=CHOICES),
    ],
    ids=lambda step: f"{step.type} {step.limits.like or step.limits.least or step.limits.last}",
)
@given(CHANCE, CHANCE)
def test_what_is_made_up_is_an_answer(step: AskStep, first: float, second: float) -> None:
    heard = supposed("flow", step, Talking(), [first, second], TODAY)
    assert understood("flow", step, heard, READER) is not None


@given(st.lists(CHANCE, min_size=1, max_size=1))
def test_a_choice_is_drawn_by_its_share_and_the_rest_is_divided(chance: list[float]) -> None:
    step = _ask(type="choice", choices=CHOICES)
    found = supposed("flow", step, Talking(answers={"question": {"two": 0.5}}), [*chance, 0.0], TODAY).button
    wanted = "two" if chance[0] < 0.5 else "one" if chance[0] < 0.75 else "three"
    assert found == f"flow/question/{wanted}"


@given(CHANCE)
def test_where_all_choices_are_named_their_shares_are_weights(chance: float) -> None:
    step = _ask(type="choice", choices=CHOICES)
    shares = {"one": 0.1, "two": 0.1, "three": 0.0}
    found = supposed("flow", step, Talking(answers={"question": shares}), [chance, 0.0], TODAY).button
    assert found == ("flow/question/one" if chance < 0.5 else "flow/question/two")


def test_what_is_named_is_said_and_counted_by_name() -> None:
    step = _ask(limits=Limits(like="A-9999"))
    talking = Talking(answers={"question": {"B-1234": 1.0}})
    assert supposed("flow", step, talking, [0.99, 0.0], TODAY).text == "B-1234"
    assert counted(step, talking, "B-1234") == "B-1234"
    assert counted(step, talking, "A-0000") == ""
    assert counted(_ask(type="number"), Talking(), 7) == "7"
    assert counted(_ask(type="file"), Talking(answers={"question": {"a.jpg": 1.0}}), {"name": "a.jpg"}) == "a.jpg"


def test_what_can_be_assumed_of_a_flow() -> None:
    steps = (_ask(type="choice", choices=CHOICES), WebhookStep(id="parcel", url="https://example.org/x"))
    body = FlowBody(definition=FlowDefinition(name="flow", steps=steps))
    assert assumable({"flow": body}) == {"flow": {"question": {"one", "two", "three"}, "parcel": None}}
