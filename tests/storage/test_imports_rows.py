"""One row at a time: what is understood, and why the rest is refused."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.clock import from_micros
from storage.imports import CustomerOptions, EventOptions, UnmappedColumns, guess_columns
from storage.imports.customers import customer_reader
from storage.imports.dates import instant_micros, iso_date
from storage.imports.events import event_reader


def customer(options=None, **row):
    columns = guess_columns("customers", list(row))
    return customer_reader(columns, options or CustomerOptions(country="RU"))(list(row.values()))


def event(options=None, **row):
    columns = guess_columns("events", list(row))
    return event_reader(columns, options or EventOptions(currency="USD"))(list(row.values()))


def addresses(record):
    return [(address.channel, address.value) for address in record.addresses]


def test_a_phone_column_gives_sms_and_whatsapp_only_where_a_column_says_so():
    phone = "8 900 000-00-01"
    assert addresses(customer(id="1", phone=phone)) == [("sms", "+79000000001")]
    assert addresses(customer(id="1", phone=phone, whatsapp="да")) == [
        ("sms", "+79000000001"),
        ("whatsapp", "+79000000001"),
    ]
    assert addresses(customer(id="1", phone=phone, whatsapp="нет")) == [("sms", "+79000000001")]
    assert addresses(customer(id="1", whatsapp="+447700900123")) == [("whatsapp", "+447700900123")]
    assert addresses(customer(id="1", phone="۰۹۰۰۰۰۰۰۰۰۱", country="ایران")) == [("sms", "+989000000001")]


def test_the_country_of_the_phone_tells_the_zone_where_it_has_one():
    assert customer(id="1", phone="+447700900123").values["zone_guess"] == "Europe/London"
    assert customer(id="1", phone="+79000000001").values["zone_guess"] == ""


def test_people_are_read_in_their_own_words():
    record = customer(
        id="7",
        фио="Петрова Анна Сергеевна",
        язык="русский",
        страна="Германия",
        пол="ж",
        birthday="۱۳۷۰/۰۱/۰۱",
        points="5",
    )
    assert record.values == {
        "first_name": "Анна Сергеевна", "last_name": "Петрова", "locale": "ru", "country": "DE", "gender": "female",
        "birthday": "1991-03-21"}  # fmt: skip
    assert record.attributes == {"points": "5"}


def test_without_an_id_column_the_address_is_the_id():
    assert customer(email="Anna@Example.ORG").external_id == "anna@example.org"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "", "email": "a@example.org"}, "id is empty"),
        ({"id": "1", "email": "nobody"}, "email: 'nobody' is not a mail address"),
        ({"id": "1", "phone": "12"}, "phone: '12' is not a phone number"),
        ({"id": "1", "telegram": "@anna"}, "telegram: '@anna' is not a Telegram chat id"),
        ({"id": "1", "whatsapp": "yes"}, "whatsapp: yes, but the row has no phone"),
        ({"id": "1", "email": "a@example.org", "consent_marketing": "maybe"}, "neither yes nor no"),
        ({"id": "1", "time zone": "Mars/Base"}, "zone: 'Mars/Base' is not a time zone"),
        ({"id": "1", "country": "Atlantis"}, "country: 'Atlantis' is not a country"),
        ({"id": "1", "language": "¿?"}, "locale: "),
        ({"id": "1", "birthday": "31.02.2000"}, "birthday: '31.02.2000' is not a date"),
        ({"id": "x" * 201}, "longer than 200"),
    ],
)
def test_a_wrong_cell_refuses_the_row_and_names_the_column(row, reason):
    with pytest.raises(ValueError, match=reason.replace("?", "\\?")):
        customer(**row)


def test_consent_of_a_channel_goes_before_consent_to_all():
    record = customer(id="1", email="a@example.org", phone="+79000000001", consent_marketing="yes", consent_sms="no")
    assert {channel: said.granted for channel, said in record.consents.items()} == {"email": True, "sms": False}


def test_an_order():
    row = {
        "order_id": "A-1",
        "customer_id": "7",
        "ordered_at": "2026-03-29 02:30",
        "amount_eur": "49,90",
        "quantity": "2",
    }
    record = event(EventOptions(), **row)
    assert event(EventOptions(currency="CHF"), **row).currency == "CHF"
    assert (record.amount, record.currency, record.properties) == (49_900_000, "EUR", '{"quantity":2}')


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"order_id": "", "customer": "1", "date": "2026-01-01"}, "external_id: .* is empty"),
        ({"order_id": "1", "customer": "", "date": "2026-01-01"}, "customer: .* is empty"),
        ({"order_id": "1", "customer": "1", "date": ""}, "at: .* is empty"),
        ({"order_id": "1", "customer": "1", "date": "03/04/2026"}, "two ways; say --date-order"),
        ({"order_id": "1", "customer": "1", "date": "2026-01-01", "amount": "1,234.50"}, "amount: "),
        ({"order_id": "1", "customer": "1", "date": "2026-01-01", "quantity": "two"}, "quantity: "),
    ],
)
def test_a_wrong_event_says_what_is_wrong(row, reason):
    with pytest.raises(ValueError, match=reason):
        event(**row)


def test_a_file_without_the_needed_columns_is_refused_whole():
    with pytest.raises(UnmappedColumns, match="--map customer=COLUMN"):
        event(order_id="1", date="2026-01-01")
    with pytest.raises(UnmappedColumns, match="--currency"):
        event(EventOptions(), order_id="1", customer="1", date="2026-01-01", amount="5")
    with pytest.raises(UnmappedColumns, match="--map external_id=COLUMN"):
        customer(colour="red")


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2026-03-31", "", "2026-03-30T20:30"),
        ("2026-03-31T14:30:05Z", "", "2026-03-31T14:30:05"),
        ("31.03.2026 14:30", "", "2026-03-31T11:00"),
        ("03/04/2026", "dmy", "2026-04-02T20:30"),
        ("03/04/2026 1:05 pm", "mdy", "2026-03-04T09:35"),
        ("۱۴۰۵/۰۱/۱۱ ۱۴:۳۰", "", "2026-03-31T11:00"),
        ("1774967405", "", "2026-03-31T14:30:05"),
    ],
)
def test_dates_as_people_write_them(text, order, expected):
    found = from_micros(instant_micros(text, ZoneInfo("Asia/Tehran"), order))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_leap_day_that_the_jalali_year_does_not_have():
    assert iso_date("1403/12/30") == "2025-03-20"
    with pytest.raises(ValueError, match="is not a date"):
        iso_date("1404/12/30")
