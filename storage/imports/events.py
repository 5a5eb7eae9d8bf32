"""A row of an event file as a checked record, or the reason why not. Pure: no store, no clock."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from core.money import parse_micros
from core.text import latin_digits
from core.zones import zone
from storage.imports.columns import ColumnMap, UnmappedColumns, number_or_text
from storage.imports.customers import ID_LIMIT
from storage.imports.dates import instant_micros
from storage.imports.options import EventOptions
from storage.imports.records import as_text

_REQUIRED = {"external_id": "the event's own id (order number)", "customer": "the customer's id", "at": "the date"}


@dataclass(frozen=True, slots=True)
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


Reader = Callable[[list[Any]], EventRecord]


def event_reader(columns: ColumnMap, options: EventOptions) -> Reader:
    """The function that reads one row of a file with these columns; it raises ValueError with the reason.

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
    home, order, default_name = zone(options.zone), options.date_order, options.event_name
    plain = [(c.field, c.index) for c in columns.columns if c.field and "." not in c.field and c.field != "properties"]
    extra = [(c.field.partition(".")[2], c.index, c.number) for c in columns.columns if "." in c.field]
    whole = columns.index("properties")

    def read(cells: list[Any]) -> EventRecord:
        given: dict[str, str] = {}
        for name, index in plain:
            cell = cells[index]
            text = cell.strip() if type(cell) is str else as_text(cell)
            if text:
                given[name] = text
        for field, meaning in _REQUIRED.items():
            if field not in given:
                raise ValueError(f"{field}: {meaning} is empty")
        external_id, customer, name = given["external_id"], given["customer"], given.get("name", default_name)
        if len(external_id) > ID_LIMIT or len(customer) > ID_LIMIT or len(name) > ID_LIMIT:
            raise ValueError(f"an id or the name is longer than {ID_LIMIT} characters")
        try:
            at = instant_micros(given["at"], home, order)
        except ValueError as error:
            raise ValueError(f"at: {error}") from None
        amount = money = None
        if "amount" in given:
            amount, money = _amount(given["amount"]), _currency(given.get("currency", currency))
        properties: dict[str, Any] = {}
        if "quantity" in given:
            properties["quantity"] = _quantity(given["quantity"])
        for key, index, number in extra:
            cell = cells[index]
            if type(cell) is str:
                cell = cell.strip()
                if cell:
                    properties[key] = number_or_text(cell) if number else cell
            elif cell is not None:
                properties[key] = cell
        if whole is not None and isinstance(cells[whole], dict):
            properties.update(cells[whole])
        packed = orjson.dumps(properties, option=orjson.OPT_SORT_KEYS)
        told = f"{customer}\x1f{name}\x1f{at}\x1f{amount}\x1f{money}\x1f".encode()
        digest = hashlib.blake2b(told + packed, digest_size=12).hexdigest()
        return EventRecord(external_id, customer, name, at, amount, money or "", packed.decode(), digest)

    return read


def _amount(text: str) -> int:
    try:
        return parse_micros(text if text.isascii() else latin_digits(text).replace("٫", ".").replace("٬", ""))
    except ValueError as error:
        raise ValueError(f"amount: {error}") from None


def _currency(text: str) -> str:
    code = text.upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError(f"currency: {text!r} is not an ISO 4217 code" if text else "currency: the amount has none")
    return code


def _quantity(text: str) -> int | float:
    number = number_or_text(text if text.isascii() else latin_digits(text))
    if isinstance(number, str):
        raise ValueError(f"quantity: {text!r} is not a number")
    return number
