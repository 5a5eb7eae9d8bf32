"""A row of an event file as a checked record, or the reason why not. Pure: no store, no clock."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson

from core.money import parse_micros
from core.text import latin_digits
from core.zones import zone
from storage.imports.columns import ColumnMap, UnmappedColumns, number_or_text
from storage.imports.customers import ID_LIMIT, open_values
from storage.imports.dates import instant_micros
from storage.imports.options import EventOptions
from storage.imports.records import as_text

_REQUIRED = {"external_id": "the event's own id (order number)", "customer": "the customer's id", "at": "the date"}


@dataclass(slots=True)
class EventRecord:
    """An event as the file has it. ``at`` is in microseconds, ``amount`` in micro-units; ``customer`` is external."""

    external_id: str
    customer: str
    name: str
    at: int
    amount: int | None
    currency: str
    properties: str
    digest: str


_OPTIONAL = ("name", "amount", "currency", "quantity")
_FIELDS = (*_REQUIRED, *_OPTIONAL)
Reader = Callable[[list[Any]], EventRecord]


def event_reader(columns: ColumnMap, options: EventOptions, *, typed: bool = False) -> Reader:
    """The function that reads one row of a file with these columns; it raises ValueError with the reason.

    ``typed`` says that cells may be something else than text.

    Raises:
        UnmappedColumns: if an id, customer or date column is missing, or amounts have no currency.
    """
    names = ", ".join(column.header for column in columns.columns)
    for field, meaning in _REQUIRED.items():
        if columns.index(field) is None:
            raise UnmappedColumns(
                f"no column is recognised as {meaning}; name it: --map {field}=COLUMN; the columns are {names}"
            )
    currency = (options.currency or columns.currency).upper()
    if columns.index("amount") is not None and not currency and columns.index("currency") is None:
        raise UnmappedColumns("the amounts have no currency; say --currency USD (or EUR, RUB, IRR …)")
    home, order = zone(options.zone), options.date_order
    index = {field: columns.index(field) for field in _FIELDS}
    keys = itemgetter(*(index[field] for field in _REQUIRED))
    name_at, amount_at, currency_at, quantity_at = (index[field] for field in _OPTIONAL)
    extra = [(c.field.partition(".")[2], c.index, c.kind) for c in columns.columns if "." in c.field]
    whole = columns.index("properties")
    mapped = [column for column in index.values() if column is not None]

    def read(cells: list[Any]) -> EventRecord:
        if typed:
            cells = list(cells)
            for column in mapped:
                cells[column] = as_text(cells[column])
        external_id, customer, when = map(str.strip, keys(cells))
        name = (name_at is not None and cells[name_at].strip()) or options.event_name
        sum_ = amount_at is not None and cells[amount_at].strip()
        quantity = quantity_at is not None and cells[quantity_at].strip()
        if not (external_id and customer and when):
            empty = "external_id" if not external_id else "at" if customer else "customer"
            raise ValueError(f"{empty}: {_REQUIRED[empty]} is empty")
        if len(external_id) > ID_LIMIT or len(customer) > ID_LIMIT or len(name) > ID_LIMIT:
            raise ValueError(f"an id or the name is longer than {ID_LIMIT} characters")
        try:
            at = instant_micros(when, home, order)
        except ValueError as error:
            raise ValueError(f"at: {error}") from None
        amount = _amount(sum_) if sum_ else None
        money = ""
        if sum_:
            money = _currency((currency_at is not None and cells[currency_at].strip()) or currency)
        properties = open_values(cells, extra, whole) if extra or whole is not None else {}
        if quantity:
            properties["quantity"] = _quantity(quantity)
        packed = orjson.dumps(properties, option=orjson.OPT_SORT_KEYS)
        told = f"{customer}\x1f{name}\x1f{at}\x1f{amount}\x1f{money}\x1f".encode()
        digest = hashlib.blake2b(told + packed, digest_size=12).hexdigest()
        return EventRecord(external_id, customer, name, at, amount, money, packed.decode(), digest)

    return read


def _amount(text: str) -> int:
    try:
        return parse_micros(text if text.isascii() else latin_digits(text).replace("٫", ".").replace("٬", ""))
    except ValueError as error:
        raise ValueError(f"amount: {error}") from None


@lru_cache(maxsize=256)
def _currency(text: str) -> str:
    code = text.upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError(f"currency: {text!r} is not an ISO 4217 code" if text else "currency: the amount has none")
    return code


@lru_cache(maxsize=1024)
def _quantity(text: str) -> int | float:
    number = number_or_text(text if text.isascii() else latin_digits(text))
    if isinstance(number, str):
        raise ValueError(f"quantity: {text!r} is not a number")  # noqa: TRY004  a wrong cell, not a wrong call
    return number
