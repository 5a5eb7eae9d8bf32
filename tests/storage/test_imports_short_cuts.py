"""The short cuts of an import give what the long way gives."""

import base64
import io
import uuid
from unittest.mock import patch
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.addresses import email_address, parsed_phone, phone_country, phone_number, validated_email
from core.ids import new_id, new_ids
from core.money import _parsed_micros, parse_micros
from core.zones import single_zone
from storage.imports import delimited
from storage.imports.dates import _read_micros, instant_micros
from storage.imports.encodings import Encoding
from storage.imports.rejects import inert, restored

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
LETTERS = "abZ09-_+.x"


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except ValueError:
        return "refused"


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(CODES),
    st.text("0123456789", min_size=3, max_size=14),
    st.integers(0, 6),
    st.sampled_from(["", " ", "-", " ("]),
)
def test_phone_numbers_and_their_countries(code, national, cut, mark):
    text = f"+{code}{mark}{national[:cut]}{')' if '(' in mark else ''}{national[cut:]}"
    short = outcome(phone_number, text)
    assert short == outcome(parsed_phone, text)
    if short != "refused":
        number = phonenumbers.parse(short)
        region = phonenumbers.region_code_for_number(number)
        assert phone_country(short) == (region or phonenumbers.region_code_for_country_code(number.country_code))


@settings(max_examples=800, deadline=None)
@given(
    st.text(LETTERS, min_size=1, max_size=12),
    st.text(LETTERS, min_size=1, max_size=12),
    st.sampled_from(
        ["", ".org", ".com", ".test", ".local", ".invalid", ".co.uk", ".xn--p1ai", ".x--y.com", ".o-", ".ORG"]
    ),
)
def test_mail_addresses(local, domain, end):
    text = f"{local}@{domain}{end}"
    assert outcome(email_address, text) == outcome(validated_email, text)


@pytest.mark.parametrize(
    "text", [f"{'a' * 64}@example.org", f"{'a' * 65}@example.org", f"a@{'b' * 63}.org", f"a@{'b' * 64}.org"]
)
def test_long_mail_addresses(text):
    assert outcome(email_address, text) == outcome(validated_email, text)


@settings(max_examples=600, deadline=None)
@given(st.text("0123456789.,- ", max_size=20))
def test_amounts(text):
    assert outcome(parse_micros, text) == outcome(_parsed_micros, text)


@settings(max_examples=400, deadline=None)
@given(st.datetimes(), st.sampled_from(["T", " "]), st.sampled_from(["", "Z", "+03:30", "-11:00"]), st.integers(0, 99))
def test_instants(moment, mark, offset, spoiled):
    text = moment.isoformat(sep=mark, timespec="seconds") + offset
    if spoiled < len(text):
        text = f"{text[:spoiled]}9{text[spoiled + 1 :]}"
    zone = ZoneInfo("Asia/Tehran")
    assert outcome(instant_micros, text, zone) == outcome(_read_micros, text, zone, "")


def test_ids_are_uuids_of_version_7_in_rising_order():
    made = [new_id(), *new_ids(9000), new_id()]
    assert made == sorted(set(made))
    for id_ in made[:: len(made) // 500]:
        packed = base64.b32hexdecode(f"{id_.upper()}======")
        assert (uuid.UUID(bytes=packed).version, uuid.UUID(bytes=packed).variant) == (7, uuid.RFC_4122)
        assert base64.b32hexencode(packed)[:26].decode().lower() == id_


@given(st.text("=+-@\t\r' a1", max_size=6))
def test_inert_cells_come_back(cell):
    shown = inert(cell)
    assert not shown.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    if not cell.startswith("'"):
        assert restored(shown) == cell


@pytest.mark.parametrize(
    ("country", "zone"),
    [("DE", "Europe/Berlin"), ("IR", "Asia/Tehran"), ("RU", ""), ("US", ""), ("CN", ""), ("XX", "")],
)
def test_zone_of_a_country_with_one_time(country, zone):
    assert single_zone(country) == zone


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from(["a", ";", "\n", "\r\n", "\r", '"', '"b\nc"', '"d;"', " ", "\ufffd", "\0"]), max_size=20),
    st.booleans(),
    st.integers(1, 30),
)
def test_rows_read_by_the_block(pieces, clean, block):
    text = "".join(pieces)
    encoding = Encoding("utf-8", clean=clean)
    with patch.object(delimited, "_BLOCK", block):
        short = list(delimited._rows(io.StringIO(text, newline=""), 3, ";", encoding))
    with patch.object(delimited, "_plain_block", lambda *_: None):
        assert short == list(delimited._rows(io.StringIO(text, newline=""), 3, ";", encoding))
