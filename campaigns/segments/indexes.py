"""Which index is used, where SQLite would choose another.

Orders are read through their own partial index.
``ix_events_orders`` covers what a segment asks of an order (customer, time, amount). PostgreSQL finds it by itself;
SQLite prefers any index whose first column is compared with ``=``, which costs a look-up a row, so there it is named.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, TableClause, column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from storage.types import Id, Instant, Json


class _Orders(TableClause):
    inherit_cache = True


@compiles(_Orders)
def _plain(element: _Orders, compiler: SQLCompiler, **kw: Any) -> str:
    return str(compiler.visit_table(element, **kw))  # type: ignore[no-untyped-call]


@compiles(_Orders, "sqlite")
def _indexed(element: _Orders, compiler: SQLCompiler, asfrom: bool = False, **kw: Any) -> str:  # noqa: FBT001, FBT002
    text = str(compiler.visit_table(element, asfrom=asfrom, **kw))  # type: ignore[no-untyped-call]
    return f"{text} INDEXED BY ix_events_orders" if asfrom else text


ORDERS = _Orders(
    "events",
    column("id", Id),
    column("customer_id", Id),
    column("name", String()),
    column("at", Instant()),
    column("amount_micros", BigInteger()),
    column("properties", Json),
)
"""The events table, for conditions that say ``name = 'order'`` literally."""


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
