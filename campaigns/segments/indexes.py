"""Which index is used, where SQLite, which keeps no statistics here, would choose another. PostgreSQL finds it itself.

Two indexes hold all that most segments ask of events: ``ix_events_name`` by customer, ``ix_events_when`` by time.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, TableClause, column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from storage.types import Id, Instant, Json


class _ByCustomer(TableClause):
    inherit_cache = True


class _ByTime(TableClause):
    inherit_cache = True


@compiles(_ByCustomer)
@compiles(_ByTime)
def _plain(element: TableClause, compiler: SQLCompiler, **kw: Any) -> str:
    return str(compiler.visit_table(element, **kw))  # type: ignore[no-untyped-call]


@compiles(_ByCustomer, "sqlite")
def _by_customer(element: _ByCustomer, compiler: SQLCompiler, asfrom: bool = False, **kw: Any) -> str:  # noqa: FBT001, FBT002
    return _indexed(element, compiler, "ix_events_name", asfrom=asfrom, **kw)


@compiles(_ByTime, "sqlite")
def _by_time(element: _ByTime, compiler: SQLCompiler, asfrom: bool = False, **kw: Any) -> str:  # noqa: FBT001, FBT002
    return _indexed(element, compiler, "ix_events_when", asfrom=asfrom, **kw)


def _indexed(element: TableClause, compiler: SQLCompiler, index: str, *, asfrom: bool, **kw: Any) -> str:
    text = str(compiler.visit_table(element, asfrom=asfrom, **kw))  # type: ignore[no-untyped-call]
    return f"{text} INDEXED BY {index}" if asfrom else text


def _columns() -> tuple[Any, ...]:
    return (
        column("id", Id), column("customer_id", Id), column("name", String()), column("at", Instant()),
        column("amount_micros", BigInteger()), column("properties", Json),
    )  # fmt: skip


BY_CUSTOMER = _ByCustomer("events", *_columns())
"""The events of one name, customer after customer."""
BY_TIME = _ByTime("events", *_columns())
"""The events of one name, by when they were."""


class unindexed(FunctionElement[Any]):  # noqa: N801  a SQL function reads like one
    """The column as it is, but no index of it is used on SQLite, which knows nothing of how many rows have a value."""

    inherit_cache = True

    def __init__(self, sought: ColumnElement[Any]) -> None:
        super().__init__(sought)
        self.type = sought.type


@compiles(unindexed, "sqlite")
def _without(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.clauses, **kw)}"


@compiles(unindexed)
def _bare(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))
