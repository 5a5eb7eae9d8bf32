"""What customers write becomes an answer of the type that was asked for, or none."""

from datetime import date
from decimal import Decimal

import pytest

from bot.flows.days import day_in
from bot.flows.definition import AnswerType, AskStep, Choice, Limits, Words
from bot.flows.understanding import Heard, Reader, button_value, fitted, number_in, understood

TODAY = date(2026, 11, 22)
NO_LIMITS = Limits()


def _asked(type_: AnswerType, text: str, *, limits: Limits = NO_LIMITS, locale: str = "en", **heard: object) -> object:
    step = AskStep(id="q", into="q", type=type_, words=Words(texts={"": "?"}), limits=limits)
    found = understood("f", step, Heard(text=text, **heard), Reader(locale, "DE", TODAY))  # type: ignore[arg-type]
    return None if found is None else found.value


@pytest.mark.parametrize(("text", "locale", "day"), [
    ("2026-12-01", "en", date(2026, 12, 1)), ("01.12.2026", "ru", date(2026, 12, 1)),
    ("1/12/2026", "en-GB", date(2026, 12, 1)), ("12/1/2026", "en-US", date(2026, 12, 1)),
    ("1 December 2026", "en", date(2026, 12, 1)), ("December 1st, 2026", "en", date(2026, 12, 1)),
    ("the day after tomorrow", "en", date(2026, 11, 24)), ("завтра", "ru", date(2026, 11, 23)),
    ("1 декабря", "ru", date(2026, 12, 1)), ("1 января", "ru", date(2027, 1, 1)), ("فردا", "fa", date(2026, 11, 23)),
    ("۱۴۰۵/۰۹/۱۰", "fa", date(2026, 12, 1)), ("۱۰ آذر ۱۴۰۵", "fa", date(2026, 12, 1)),
    ("۱۰ آذر", "fa", date(2026, 12, 1)),
    ("10 azar 1405", "en", date(2026, 12, 1)), ("۳۰ اسفند ۱۴۰۳", "fa", date(2025, 3, 20)),
    ("1/9", "fa", date(2027, 3, 29)),
    ("30.02.2026", "ru", None), ("soon", "en", None), ("31/31/2026", "en", None), ("12", "en", None), ("", "en", None),
    ("29 February", "en", date(2028, 2, 29)), ("01.12.26", "de", date(2026, 12, 1)), ("3.4.85", "de", date(1985, 4, 3)),
])  # fmt: skip
def test_days(text: str, locale: str, day: date | None) -> None:
    assert day_in(text, today=TODAY, locale=locale) == day


def test_a_day_that_was_lies_in_the_past() -> None:
    assert day_in("1 December", today=TODAY, locale="en", past=True) == date(2025, 12, 1)


@pytest.mark.parametrize(("text", "number"), [
    ("12", 12), ("۱۲", 12), ("1 234", 1234), ("1,234.5", "1234.5"), ("1.234,5", "1234.5"), ("1,5", "1.5"),
    ("-3", -3), ("12,345,678", 12345678), ("۱٬۲۳۴٫۵", "1234.5"), ("twelve", None), ("", None), ("1e5", None),
    ("9" * 40, None), ("1-2", None),
])  # fmt: skip
def test_numbers(text: str, number: object) -> None:
    assert number_in(text) == (None if number is None else Decimal(str(number)))


def test_limits_of_a_number() -> None:
    limits = Limits(least=0, most=10)
    assert [_asked("number", text, limits=limits) for text in ("0", "10", "11", "-1", "7,5")] == [
        0,
        10,
        None,
        None,
        7.5,
    ]


def test_limits_of_a_day() -> None:
    past = Limits(last="today")
    assert _asked("date", "tomorrow", limits=past) is None
    assert _asked("date", "22 November", limits=past) == "2026-11-22"
    assert _asked("date", "23 November", limits=past) == "2025-11-23"
    assert _asked("date", "2026-12-30", limits=Limits(first="today", last="today+30d")) is None


@pytest.mark.parametrize(("text", "mask", "made"), [
    ("a-1017", "A-9999", "A-1017"), ("A1017", "A-9999", "A-1017"), ("a 1017", "A-9999", "A-1017"),
    ("A-۱۰۱۷", "A-9999", "A-1017"), ("A-101", "A-9999", None), ("1-1017", "A-9999", None), ("12345", "99999", "12345"),
])  # fmt: skip
def test_masks(text: str, mask: str, made: str | None) -> None:
    assert fitted(text, mask) == made


def test_phones_and_mails_are_the_ones_that_identities_have() -> None:
    assert _asked("phone", "+44 7700 900123") == "+447700900123"
    assert _asked("phone", "", phone="+12025550123") == "+12025550123"
    assert _asked("phone", "call me") is None
    assert _asked("email", "It is Anna@Example.org!") == "anna@example.org"
    assert _asked("email", "a@example.org or b@example.org") is None


def test_places_and_files() -> None:
    assert _asked("location", "Cafe, Harbour Lane 3, 59.9343, 30.3351") == "59.9343,30.3351"
    assert _asked("location", "14 Harbour Lane") == "14 Harbour Lane"
    assert _asked("file", "here") is None
    assert _asked("file", "", files=({"name": "a.jpg"},)) == {"name": "a.jpg"}


CHOICES = tuple(Choice(value=value, label={"en": en, "ru": ru}) for value, en, ru in (
    ("refund", "A refund", "Возврат"), ("other", "Something else", "Другое")
))  # fmt: skip


@pytest.mark.parametrize(("heard", "value"), [
    (Heard("1"), "refund"), (Heard("2."), "other"), (Heard("۲"), "other"), (Heard("возврат!"), "refund"),
    (Heard("Something Else"), "other"), (Heard("A refund", button=button_value("f", "q", "refund")), "refund"),
    (Heard("other"), "other"), (Heard("3"), None), (Heard("0"), None), (Heard("no idea"), None), (Heard(""), None),
])  # fmt: skip
def test_choices(heard: Heard, value: str | None) -> None:
    step = AskStep(id="q", into="q", type="choice", words=Words(texts={"": "?"}), choices=CHOICES)
    found = understood("f", step, heard, Reader("en", "", TODAY))
    assert (found and found.value) == value


def test_a_score_is_its_number_and_not_its_place() -> None:
    """Where the choices are numbers, "9" is nine; what an earlier list made of it does not count."""
    scores = tuple(Choice(value=str(number), label={"": str(number)}) for number in range(11))
    step = AskStep(
        id="q", into="q", type="number", words=Words(texts={"": "?"}), choices=scores, limits=Limits(least=0, most=10)
    )
    reader = Reader("en", "", TODAY)
    assert understood("f", step, Heard("9", button=button_value("f", "q", "8")), reader).value == 9  # type: ignore[union-attr]
    assert understood("f", step, Heard("", button=button_value("f", "q", "8")), reader).value == 8  # type: ignore[union-attr]
    assert understood("f", step, Heard("11"), reader) is None
