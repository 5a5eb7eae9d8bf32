"""One row, two rows: what is said in English only."""

import pytest

from core.counting import counted


@pytest.mark.parametrize(("number", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1240, "1,240 rows")])
def test_a_number_with_its_noun(number: int, said: str) -> None:
    assert counted(number, "row") == said


def test_more_than_an_s() -> None:
    assert [counted(n, "reply is", "replies are") for n in (1, 21)] == ["1 reply is", "21 replies are"]
