"""Rows and ids given to a statement as one parameter: many rows are inserted, changed or found by a single statement.

``executemany`` binds and steps row by row, and on SQLite asks for the interpreter back after each. A statement over
given rows runs in one go inside the database, its text never changes, and building its parameter costs a microsecond a
row. Values are as the store keeps them: words as text, instants in microseconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    Boolean,
    Dialect,
    FromClause,
    String,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

ROWS = "rows"
IDS = "ids"


class Ids(TypeDecorator[Sequence[str]]):
    """Many ids as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        ids = list(value or ())
        return ids if dialect.name == "postgresql" else as_json(ids)


class one_of(FunctionElement[bool]):  # noqa: N801  a SQL function reads like one
    """``one_of(column, ids)``: whether the column is among the ids. Its text is the same for any number of them."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """As it is: beside others SQLAlchemy would write ``… = 1`` for SQLite, which then finds no index."""
        return self


@compiles(one_of, "sqlite")
def _one_of_on_sqlite(element: one_of, compiler: SQLCompiler, **words: Any) -> str:
    sought, ids = (compiler.process(clause, **words) for clause in element.clauses)
    return f"{sought} IN (SELECT value FROM json_each({ids}))"  # noqa: S608  compiled clauses, not values


@compiles(one_of, "postgresql")
def _one_of_on_postgresql(element: one_of, compiler: SQLCompiler, **words: Any) -> str:
    sought, ids = (compiler.process(clause, **words) for clause in element.clauses)
    return f"{sought} = ANY ({ids})"


def given_ids(sought: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether ``sought`` is among the ids that are bound as :data:`IDS`."""
    return one_of(sought, bindparam(IDS, type_=Ids()))


def given(dialect: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """The given rows as a FROM clause with these ``columns``; :func:`run_given` binds them."""
    if dialect == "postgresql":
        return (
            # JSON is read once, in order: half the work of JSONB, which first sorts every row's keys
            func.json_to_recordset(cast(bindparam(ROWS, type_=Text()), JSON))
            .table_valued(*(column(name, plain(type_)) for name, type_ in columns.items()), name="given")
            .render_derived(with_types=True)
        )
    each = func.json_each(bindparam(ROWS, type_=Text())).table_valued("value", name="each")
    cells = (
        func.json_extract(each.c.value, literal_column(f"'$.{name}'"), type_=plain(kind)).label(name)
        for name, kind in columns.items()
    )
    return select(*cells).subquery("given")


def plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type that the database keeps: the rows are given past our own types."""
    return type_.impl_instance if isinstance(type_, TypeDecorator) else type_


def insert_given(dialect: str, table: Table, names: Sequence[str], **same: Any) -> Any:
    """An INSERT of the given rows' ``names``; ``same`` is alike in every row."""
    columns = {name: table.c[name].type for name in names}
    if any(isinstance(kind, JSON) for kind in columns.values()):
        raise TypeError("a JSON column cannot be given as JSON")
    rows = given(dialect, columns)
    alike: list[ColumnElement[Any]] = [literal(value, table.c[name].type) for name, value in same.items()]
    return insert(table).from_select([*names, *same], select(*(rows.c[name] for name in names), *alike))


async def run_given(
    connection: AsyncConnection, statement: Any, rows: Sequence[Mapping[str, Any]], **parameters: Any
) -> None:
    """Execute a statement over :func:`given` rows, if there are any."""
    if rows:
        await connection.execute(statement, {ROWS: as_json(rows), **parameters})


def as_json(value: Any) -> str:
    """JSON text; what no database keeps as text (a lone surrogate) is replaced."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return orjson.dumps(_replaced(value)).decode()


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {name: _replaced(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item) for item in value]
    return value
