"""Which column of a file is which field: guessed from its header in English, Russian or Persian, or told.

The tables below are the guess: to teach it a header, add it to its line. Headers are compared folded, with ``_ - . /``
read as spaces.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from core.errors import OtklikError
from core.installed import plugins
from core.text import folded
from storage.imports.sources import OTHER_KEYS

Kind = Literal["customers", "events"]

REJECTED_LINE, REJECTED_REASON = "rejected_line", "rejected_reason"
"""Columns that a file of rejected rows begins with; they are passed over when it is imported again."""
IGNORED = ""

CUSTOMER_HEADERS: Mapping[str, str] = {
    "external_id": "external id, id, customer id, client id, user id, customer, customer number, customer no,"
    " contact id,"
    " ид, ид клиента, id клиента, код, код клиента, номер клиента, клиент,"
    " شناسه, شناسه مشتری, کد مشتری, کد, شماره مشتری",
    "first_name": "first name, firstname, given name, forename, имя, نام, نام کوچک",
    "last_name": "last name, lastname, surname, family name, фамилия, نام خانوادگی",
    "name": "name, full name, fullname, customer name, client name, contact name, display name,"
    " имя клиента, полное имя, имя и фамилия, نام کامل, نام و نام خانوادگی, نام مشتری",
    "last_first_name": "last name first name, фио, ф и о, фамилия имя, фамилия имя отчество, фио клиента",
    "email": "email, e mail, mail, email address, e mail address, customer email, client email,"
    " почта, эл почта, электронная почта, адрес электронной почты, имейл, мейл, емейл,"
    " ایمیل, پست الکترونیک, پست الکترونیکی, رایانامه",
    "phone": "phone, phone number, mobile, mobile phone, mobile number, cell, cell phone, telephone, tel,"
    " customer phone,"
    " телефон, тел, номер телефона, мобильный, мобильный телефон, сотовый, телефон клиента,"
    " تلفن, شماره تلفن, موبایل, شماره موبایل, تلفن همراه, شماره همراه, شماره تماس",
    "sms": "sms, sms number, sms phone, смс, номер для смс, پیامک, شماره پیامک",
    "whatsapp": "whatsapp, whats app, whatsapp number, whatsapp phone, wa, ватсап, вотсап, вацап, واتساپ,"
    " واتس اپ, شماره واتساپ",
    "telegram": "telegram, telegram id, telegram chat id, telegram user id, tg, tg id, chat id,"
    " телеграм, телеграмм, id телеграм, تلگرام, شناسه تلگرام",
    "locale": "locale, language, lang, preferred language, язык, язык общения, زبان",
    "zone": "zone, time zone, timezone, tz, часовой пояс, таймзона, منطقه زمانی",
    "country": "country, country code, страна, код страны, کشور",
    "city": "city, town, город, شهر",
    "gender": "gender, sex, пол, جنسیت",
    "birthday": "birthday, birth date, birthdate, date of birth, dob, день рождения, дата рождения, تاریخ تولد, تولد",
    "consent_marketing": "consent marketing, marketing consent, marketing opt in, opt in, subscribed, newsletter,"
    " accepts marketing, согласие, согласие на рассылку, подписан, подписка, رضایت, رضایت بازاریابی, عضو خبرنامه",
    "consent_email": "consent email, email consent, email opt in, accepts email, email subscribed,"
    " согласие email, согласие на email, согласие на почту, رضایت ایمیل",
    "consent_sms": "consent sms, sms consent, sms opt in, accepts sms, согласие sms, согласие смс,"
    " согласие на смс, رضایت پیامک",
    "consent_whatsapp": "consent whatsapp, whatsapp consent, whatsapp opt in, согласие whatsapp, رضایت واتساپ",
    "consent_telegram": "consent telegram, telegram consent, telegram opt in, согласие telegram,"
    " согласие телеграм, رضایت تلگرام",
    "consent_at": "consent at, consent date, consent time, consented at, opt in date, opt in time, subscribed at,"
    " дата согласия, дата подписки, تاریخ رضایت",
    "consent_source": "consent source, opt in source, источник согласия, منبع رضایت",
    "consent_wording": "consent wording, consent text, текст согласия, متن رضایت",
    "consent_document": "consent document, consent version, privacy version, документ согласия, версия согласия,"
    " سند رضایت, نسخه رضایت",
    "attributes": "attributes",
}  # fmt: skip
EVENT_HEADERS: Mapping[str, str] = {
    "external_id": "external id, id, order id, event id, order, order number, order no, order name, transaction id,"
    " invoice, invoice id, invoice number, receipt number,"
    " номер заказа, заказ, id заказа, код заказа, номер, номер чека, чек,"
    " شماره سفارش, شناسه سفارش, کد سفارش, سفارش, شماره فاکتور",
    "customer": "customer, customer id, customer external id, client id, client, user id, customer number,"
    " contact id, buyer id,"
    " клиент, id клиента, ид клиента, код клиента, номер клиента, покупатель,"
    " مشتری, شناسه مشتری, کد مشتری, شماره مشتری",
    "name": "event, event name, event type, name, type, событие, тип события, رویداد, نوع رویداد",
    "at": "at, date, time, datetime, timestamp, ordered at, order date, order time, created at, created, occurred at,"
    " event date, event time, purchase date, purchased at, date time, invoice date,"
    " дата, время, дата заказа, дата и время, дата покупки, когда, создан,"
    " تاریخ, زمان, تاریخ سفارش, تاریخ خرید, تاریخ و زمان",
    "amount": "amount, total, total price, sum, value, revenue, price, order total, order amount, grand total, paid,"
    " сумма, сумма заказа, итого, стоимость, цена, к оплате,"
    " مبلغ, مبلغ سفارش, مبلغ کل, جمع, جمع کل, قیمت",
    "quantity": "quantity, qty, items, count, units, количество, кол во, штук, تعداد",
    "currency": "currency, currency code, валюта, ارز, واحد پول",
    "properties": "properties, attributes",
}  # fmt: skip
_OPEN_FIELD: Mapping[Kind, str] = {"customers": "attributes", "events": "properties"}
CURRENCIES: Mapping[str, str] = {
    **{code.lower(): code for code in (
        "USD", "EUR", "GBP", "RUB", "IRR", "KZT", "BYN", "UAH", "UZS", "GEL", "AMD", "AZN", "KGS", "TRY", "AED", "SAR",
        "INR", "CNY", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "CAD", "AUD", "BRL", "MXN", "ZAR",
    )},
    "$": "USD", "€": "EUR", "£": "GBP", "₽": "RUB", "руб": "RUB", "рублей": "RUB", "ریال": "IRR", "﷼": "IRR",
}  # fmt: skip
"""Ends of a header such as ``amount_usd`` or ``Сумма, руб.`` that name the money."""

_SEPARATORS = re.compile(r"[\s_\-./,;:()\[\]№#*]+")
_BOOLEANS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?", re.ASCII)


class UnmappedColumns(OtklikError):
    """The file's columns do not give what an import needs, or ``--map`` names what is not there."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file. ``field`` is what it means, empty: passed over. ``kind``: what its texts become."""

    index: int
    header: str
    field: str
    told: bool = False
    kind: Literal["text", "number", "boolean"] = "text"


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns of a file, in its order. ``currency`` comes from the header of the amount, if it tells."""

    kind: Kind
    columns: tuple[Column, ...]
    currency: str = ""

    def index(self, field: str) -> int | None:
        """Where ``field`` stands in a row."""
        return next((column.index for column in self.columns if column.field == field), None)


def fields(kind: Kind) -> tuple[str, ...]:
    """Every field that ``--map`` may name."""
    return tuple(_headers(kind))


@lru_cache(maxsize=2)
def _headers(kind: Kind) -> Mapping[str, str]:
    """By field, the headers that mean it. A plugin's channel has a column for its addresses and one for consent."""
    if kind == "events":
        return EVENT_HEADERS
    addresses = {channel: f"{channel}, {channel} id, {channel} address" for channel in plugins()}
    consents = {
        f"consent_{channel}": f"{channel} consent, {channel} opt in, согласие {channel}, رضایت {channel}"
        for channel in plugins()
    }
    return {
        **CUSTOMER_HEADERS,
        **{name: told for name, told in (addresses | consents).items() if name not in CUSTOMER_HEADERS},
    }


def guess_columns(
    kind: Kind,
    headers: Sequence[str],
    *,
    told: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    sample: Sequence[Sequence[Any]] = (),
    text: Iterable[str] = (),
) -> ColumnMap:
    """What each header means.

    ``told`` is field → header and goes first; a header with no field becomes ``attributes.NAME`` (customers) or
    ``properties.NAME`` (events). Such a column becomes numbers where every filled cell of ``sample`` is a plain number
    without a leading zero, and booleans where each is true or false, unless ``text`` names it.

    Raises:
        UnmappedColumns: if ``told`` or ``ignore`` name an unknown field or header.
    """
    told_fields = _told(kind, headers, told or {})
    passed_over = {_header_index(headers, name) for name in ignore}
    as_text = {_header_index(headers, name) for name in text}
    taken = set(told_fields.values())
    columns: list[Column] = []
    currency = ""
    for index, header in enumerate(headers):
        if index in told_fields:
            columns.append(Column(index, header, told_fields[index], told=True))
        elif index in passed_over or header in (REJECTED_LINE, REJECTED_REASON):
            columns.append(Column(index, header, IGNORED, told=index in passed_over))
        else:
            field, _ = _guess(kind, header)
            if not field or field in taken:
                field = f"{_OPEN_FIELD[kind]}.{header}"
            taken.add(field)
            columns.append(Column(index, header, field))
        if columns[-1].field == "amount":
            currency = _guess(kind, header)[1]
    typed = tuple(
        replace(column, kind=_kind(sample, column.index))
        if "." in column.field and column.index not in as_text
        else column
        for column in columns
    )
    return ColumnMap(kind, typed, currency)


def name_of(header: str) -> str:
    """A header as it is compared."""
    return " ".join(_SEPARATORS.sub(" ", folded(header)).split())


@lru_cache(maxsize=2)
def _aliases(kind: Kind) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, names in _headers(kind).items():
        for name in (field, *names.split(",")):
            found.setdefault(name_of(name), field)
    return found


def _guess(kind: Kind, header: str) -> tuple[str, str]:
    """(field, currency) of a header; empty where it tells nothing."""
    if header == OTHER_KEYS:
        return _OPEN_FIELD[kind], ""
    name = name_of(header)
    aliases = _aliases(kind)
    if name in aliases:
        return aliases[name], ""
    words = name.split()
    if len(words) > 1 and words[-1] in CURRENCIES:
        field = aliases.get(" ".join(words[:-1]), "")
        if field == "amount":
            return field, CURRENCIES[words[-1]]
    return "", ""


def _told(kind: Kind, headers: Sequence[str], told: Mapping[str, str]) -> dict[int, str]:
    known = set(fields(kind))
    found: dict[int, str] = {}
    for field, header in told.items():
        if field not in known and not field.startswith(f"{_OPEN_FIELD[kind]}."):
            raise UnmappedColumns(
                f"{field!r} is not a field of {kind}; the fields are {', '.join(fields(kind))} "
                f"and {_OPEN_FIELD[kind]}.NAME"
            )
        index = _header_index(headers, header)
        if index in found:
            raise UnmappedColumns(f"column {header!r} is mapped twice, to {found[index]} and to {field}")
        found[index] = field
    return found


def _header_index(headers: Sequence[str], wanted: str) -> int:
    for match in (str, name_of):
        for index, header in enumerate(headers):
            if match(header) == match(wanted):
                return index
    raise UnmappedColumns(f"the file has no column {wanted!r}; its columns are {', '.join(headers)}")


def _kind(sample: Sequence[Sequence[Any]], index: int) -> Literal["text", "number", "boolean"]:
    cells = [row[index] for row in sample if index < len(row)]
    filled = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    if filled and all(_NUMBER.fullmatch(cell) for cell in filled):
        return "number"
    return "boolean" if filled and all(cell.lower() in _BOOLEANS for cell in filled) else "text"


def typed(text: str, kind: str) -> int | float | str:
    """A cell as its column's kind; what does not fit stays text."""
    if kind == "number":
        return number_or_text(text)
    return _BOOLEANS.get(text.lower(), text) if kind == "boolean" else text


def number_or_text(text: str) -> int | float | str:
    """A plain number as one; anything else as it stands."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)
