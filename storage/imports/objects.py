"""Customers and events that come as objects instead of rows of a file: checked by the same readers.

An object's keys are the fields that ``--map`` may name; an absent one, an empty text and null are the same: nothing is
said. ``attributes`` and ``properties`` are objects.
"""

from collections.abc import Callable, Mapping
from typing import Any

from storage.imports.columns import Column, ColumnMap, Kind, fields
from storage.imports.customers import CustomerRecord, ImportedConsent, customer_reader
from storage.imports.dates import instant_micros
from storage.imports.events import EventRecord, event_reader
from storage.imports.options import CustomerOptions, EventOptions

Object = Mapping[str, Any]


def customer_object_reader(options: CustomerOptions) -> Callable[[Object], CustomerRecord]:
    """The reader of one customer; it raises ValueError with the reason. Consents come apart: :func:`consent_of`."""
    columns = _columns("customers", lambda name: not name.startswith("consent_"))
    names = [column.field for column in columns.columns]
    read = customer_reader(columns, options)
    return lambda told: read([told.get(name) for name in names])


def event_object_reader(options: EventOptions) -> Callable[[Object], EventRecord]:
    """The reader of one event; it raises ValueError with the reason."""
    columns = _columns("events", lambda _: True)
    names = [column.field for column in columns.columns]
    read = event_reader(columns, options, typed=True)
    return lambda told: read([told.get(name) for name in names])


def consent_of(told: Object, home: Any) -> ImportedConsent:
    """One consent with its proof: granted, at, source, wording, document.

    Raises:
        ValueError: if ``at`` is no instant.
    """
    at = told.get("at")
    try:
        micros = instant_micros(str(at), home, "") if at else None
    except ValueError as error:
        raise ValueError(f"consent at: {error}") from None
    return ImportedConsent(
        granted=bool(told["granted"]),
        purpose=str(told.get("purpose") or "marketing"),
        at=micros,
        source=str(told.get("source") or ""),
        wording=str(told.get("wording") or ""),
        document=str(told.get("document") or ""),
    )


def _columns(kind: Kind, wanted: Callable[[str], bool]) -> ColumnMap:
    names = [name for name in fields(kind) if wanted(name)]
    return ColumnMap(kind, tuple(Column(index, name, name, told=True) for index, name in enumerate(names)))
