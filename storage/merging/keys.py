"""What the tables say of themselves: which rows are a customer's, and which columns must be theirs alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import JSON, Column, Table, TextClause, UniqueConstraint

from core.clock import from_micros, to_micros
from storage.outbox.columns import table
from storage.tables import Customer
from storage.types import Instant

OWNER = "customer_id"


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """Columns whose values no two rows share; ``where`` (SQL) where that is so for some rows only."""

    columns: tuple[str, ...]
    where: TextClause | None = None


def owned_tables() -> list[Table]:
    """Every table with rows of customers, children last."""
    return [one for one in table(Customer).metadata.sorted_tables if OWNER in one.c]


def unique_keys(place: Table) -> Iterator[UniqueKey]:
    """The table's unique keys, its primary key first."""
    yield UniqueKey(tuple(column.name for column in place.primary_key.columns))
    for constraint in sorted(
        (one for one in place.constraints if isinstance(one, UniqueConstraint)), key=lambda one: str(one.name)
    ):
        yield UniqueKey(tuple(column.name for column in constraint.columns))
    for index in sorted((one for one in place.indexes if one.unique), key=lambda one: str(one.name)):
        where = index.dialect_options["sqlite"]["where"]
        yield UniqueKey(tuple(column.name for column in index.columns), where)


def key_columns(place: Table) -> list[Column[Any]]:
    """The primary key."""
    return list(place.primary_key.columns)


def plain(value: Any) -> Any:
    """A column's value as JSON keeps it."""
    if isinstance(value, datetime):
        return to_micros(value)
    return value.value if isinstance(value, Enum) else value


def from_plain(column: Column[Any], value: Any) -> Any:
    """The value that :func:`plain` was given; a word's type reads its word itself."""
    return from_micros(value) if isinstance(column.type, Instant) and value is not None else value


def is_json(column: Column[Any]) -> bool:
    """Whether its values are JSON, which the two databases compare differently."""
    return isinstance(column.type, JSON)


def values_of(place: Table, kept: dict[str, Any]) -> dict[str, Any]:
    """Columns that were kept as JSON, as the table takes them; those that the table has lost since are left out."""
    return {name: from_plain(place.c[name], value) for name, value in kept.items() if name in place.c}


def is_row(place: Table, row: Sequence[Any]) -> Any:
    """The condition of one row by its primary key, as it was kept."""
    condition = None
    for column, value in zip(key_columns(place), row, strict=True):
        same = column == from_plain(column, value)
        condition = same if condition is None else condition & same
    return condition
