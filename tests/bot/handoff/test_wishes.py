"""Who wants a person, by their words."""

import pytest

from bot.handoff.wishes import ANGRY, ASKED, wish
from campaigns.definition.desk import Desk

DESK = Desk(human=frozenset({"vera"}), angry=frozenset({"nonsense"}))


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
