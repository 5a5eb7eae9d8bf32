"""Who wants a person, by their words."""

import pytest

from bot.handoff.wishes import ANGRY, ASKED, wish
from campaigns.definition.desk import Desk

DESK = Desk.model_validate({"human": ["vera"], "angry": ["nonsense"]})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("human", ASKED), ("Operator!", ASKED), ("оператор", ASKED), ("اپراتور", ASKED),
        ("I'd like to talk to a human, please", ASKED), ("Позовите оператора, пожалуйста!", ASKED),
        ("می‌خواهم با کارشناس حرف بزنم", ASKED), ("Is Vera there?", ASKED),
        ("This is OUTRAGEOUS, where is my parcel", ANGRY), ("Вы мошенники! Верните деньги", ANGRY),
        ("این کلاهبرداری است", ANGRY), ("what nonsense", ANGRY),
        ("Where is my parcel?", ""), ("It fits a human hand, I was told by your shop; does it?", ""),
        ("Сколько стоит доставка?", ""), ("سلام، قیمت چند است؟", ""), ("", ""), ("👍", ""),
        ("complaints department", ""), ("a " * 200 + "talk to a human", ""),
    ],
)  # fmt: skip
def test_what_words_want(text: str, why: str) -> None:
    assert wish(text, DESK) == why


@pytest.mark.parametrize(
    ("text", "why"),
    [("what a pity", ANGRY), ("outrageous", ""), ("Вы мошенники!", ANGRY), ("این کلاهبرداری است", "")],
)
def test_a_languages_own_words_of_anger_stand_instead_of_ours(text: str, why: str) -> None:
    assert wish(text, Desk.model_validate({"angry": {"en": ["pity"], "fa": []}})) == why


def test_what_was_kept_by_an_earlier_release_is_read() -> None:
    kept = Desk.model_validate({"angry": ["nonsense"], "rating": True})
    assert (wish("what nonsense", kept), kept.rating) == (ANGRY, "csat")
    assert Desk.model_validate_json(kept.model_dump_json()) == kept
