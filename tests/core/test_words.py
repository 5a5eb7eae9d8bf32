"""The vocabulary's own promises: ids, tokens, text, money, draws, clocks."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import VirtualClock, as_utc, from_micros, to_micros
from core.draws import DRAW_MODULUS, customer_draw, salt_coefficients, salted_draw
from core.ids import ID_LENGTH, new_id, new_ids
from core.messages import Address
from core.money import Money, parse_micros
from core.text import clipped, folded, latin_digits
from core.tokens import TOKEN_LENGTH, Signer


def test_ids_are_unique_sortable_and_safe_in_addresses() -> None:
    ids = [*(new_id() for _ in range(2000)), *new_ids(2000)]
    assert len(set(ids)) == 4000
    assert ids == sorted(ids)
    assert all(len(id_) == ID_LENGTH and id_ == id_.lower() and id_.isalnum() for id_ in ids)


@given(st.text(alphabet="0123456789abcdefghijklmnopqrstuv", min_size=26, max_size=26), st.data())
def test_a_changed_token_is_nobodys(id_: str, data: st.DataObject) -> None:
    signer = Signer("secret", "reply")
    token = signer.sign(id_)
    assert len(token) == TOKEN_LENGTH <= 64
    assert signer.verify(token.upper()) == id_  # mail servers fold case
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
    assert signer.verify(changed) is None
    assert Signer("secret", "click").verify(token) is None
    assert Signer("another", "reply").verify(token) is None


@pytest.mark.parametrize("token", ["", "x", "é" * 50, "0" * 16, "\x00" * 60])
def test_noise_is_no_token(token: str) -> None:
    assert Signer("secret", "reply").verify(token) is None


def test_text_is_folded_for_matching() -> None:
    assert folded("  كتابِ‌ علي ") == folded("کتاب علی")
    assert latin_digits("۱۲۳ ٤٥٦") == "123 456"
    assert folded("СТОП!") == "стоп!"
    assert clipped("a\x00bcdef", 4) == "abc…"


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(("text", "micros"), [("49.90", 49_900_000), ("1 234,5", 1_234_500_000), ("-3", -3_000_000)])
def test_amounts(text: str, micros: int) -> None:
    assert parse_micros(text) == micros


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1e30", "1.2.3"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_micros(text)


def test_currencies_do_not_mix() -> None:
    assert str(Money(1_500_000, "EUR") + Money(500_000, "EUR")) == "2.00 EUR"
    with pytest.raises(ValueError, match="cannot add"):
        Money(1, "EUR") + Money(1, "USD")


@given(st.text(min_size=1), st.text(min_size=1))
def test_draws_stay_in_their_field(customer: str, salt: str) -> None:
    draw = customer_draw(customer)
    a, b = salt_coefficients(salt)
    assert 0 <= salted_draw(draw, salt) < DRAW_MODULUS
    assert a * draw + b < 2**63  # the same in SQL


def test_a_salted_draw_is_even() -> None:
    below = sum(salted_draw(customer_draw(str(n)), "a/b") < DRAW_MODULUS * 0.3 for n in range(20_000))
    assert 5_700 < below < 6_300


@given(st.datetimes(timezones=st.timezones()))
def test_instants_survive_the_store(instant: datetime) -> None:
    if datetime(1, 1, 2, tzinfo=UTC) < instant < datetime(9999, 12, 30, tzinfo=UTC):
        assert from_micros(to_micros(instant)) == as_utc(instant)


def test_naive_times_are_refused_and_clocks_never_go_back() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        as_utc(datetime(2026, 1, 1))  # noqa: DTZ001
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=3))))
    clock.advance_to(datetime(2025, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2025, 12, 31, 21, tzinfo=UTC)


def test_a_value_compares_hashes_and_is_replaced_as_a_frozen_dataclass() -> None:
    one = Address("email", "anna@example.org")
    assert {one, Address("email", "anna@example.org")} == {one}
    assert dataclasses.replace(one, value="b@example.org") != one
    assert not hasattr(one, "__dict__")
