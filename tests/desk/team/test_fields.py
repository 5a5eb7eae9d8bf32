"""What an admin fills in: taken whole, or every mistake named."""

import pytest

from core.agents import Role
from desk.me.browsers import browser_name
from desk.team.fields import filled, is_zone

FORM = {
    "name": " Ann ", "role": "marketer", "languages": "en، RU en", "capacity": "5", "telegram": "900100",
    "locale": "fa", "zone": "Asia/Tehran", "from_0": "09:00", "to_0": "18:00", "from_6": "22:00", "to_6": "06:00",
}  # fmt: skip


def test_a_form_becomes_columns() -> None:
    assert filled(FORM, ["sales", "main", "sales"]).columns == {
        "name": "Ann", "role": Role.MARKETER, "languages": ["en", "ru"], "skills": ["main", "sales"], "capacity": 5,
        "telegram": "900100", "locale": "fa", "zone": "Asia/Tehran",
        "shift": {"0": ["09:00", "18:00"], "6": ["22:00", "06:00"]},
    }  # fmt: skip
    assert filled(FORM | {"telegram": ""}, []).columns["telegram"] is None, "unique: nobody's is no text"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 101), ("role", "owner"), ("languages", "english"), ("capacity", "0"),
        ("capacity", "101"), ("capacity", "-1"), ("capacity", "many"), ("telegram", "@ann"), ("locale", "xx"),
        ("zone", "Mars/Base"), ("zone", "../etc/passwd"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_named(field: str, value: str) -> None:
    got = filled(FORM | {field: value}, [])
    assert (got.wrong, got.columns) == ((field,), {})


@pytest.mark.parametrize("times", [("09:00", ""), ("", "18:00"), ("09:00", "09:00"), ("soon", "later")])
def test_a_day_has_both_ends(times: tuple[str, str]) -> None:
    assert filled(FORM | {"from_0": times[0], "to_0": times[1]}, []).wrong == ("shift",)


def test_every_mistake_at_once() -> None:
    assert set(filled({}, []).wrong) == {"name", "role", "capacity", "locale"}
    assert is_zone("")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140", "Edge · Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Mobile Safari/604.1", "Safari · iPhone"),
        ("curl/8.5", "curl/8.5"),
        ("", ""),
    ],
)
def test_browsers_by_name(said: str, shown: str) -> None:
    assert browser_name(said) == shown
