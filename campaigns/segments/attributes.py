"""Reading a JSON column on both databases: the attribute as text, number or truth, NULL where it is of another kind."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement, literal


class _Attribute(FunctionElement[Any]):
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        # The path and the key are both bound; each dialect uses its own.
        super().__init__(column, literal(key, String()), literal(f'$."{key}"', String()))


class attribute_text(_Attribute):  # noqa: N801  a SQL function reads like one
    """The attribute where it is a text."""

    name = "attribute_text"
    type = String()
    inherit_cache = True


class attribute_number(_Attribute):  # noqa: N801
    """The attribute where it is a number."""

    name = "attribute_number"
    type = Double()
    inherit_cache = True


class attribute_flag(_Attribute):  # noqa: N801
    """The attribute where it is true or false."""

    name = "attribute_flag"
    type = Boolean()
    inherit_cache = True


def _parts(element: _Attribute, compiler: SQLCompiler, which: int, **kw: Any) -> tuple[str, str]:
    # Only what the dialect uses is compiled: a bound value that stands nowhere has no type for PostgreSQL.
    clauses = list(element.clauses)
    return compiler.process(clauses[0], **kw), compiler.process(clauses[which], **kw)


@compiles(attribute_text, "sqlite")
def _sqlite_text(element: attribute_text, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _parts(element, compiler, 2, **kw)
    return f"CASE WHEN json_type({column}, {path}) = 'text' THEN json_extract({column}, {path}) END"


@compiles(attribute_number, "sqlite")
def _sqlite_number(element: attribute_number, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _parts(element, compiler, 2, **kw)
    return f"CASE WHEN json_type({column}, {path}) IN ('integer', 'real') THEN json_extract({column}, {path}) END"


@compiles(attribute_flag, "sqlite")
def _sqlite_flag(element: attribute_flag, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _parts(element, compiler, 2, **kw)
    return f"CASE WHEN json_type({column}, {path}) IN ('true', 'false') THEN json_extract({column}, {path}) END"


@compiles(attribute_text, "postgresql")
def _postgresql_text(element: attribute_text, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _parts(element, compiler, 1, **kw)
    kind = f"jsonb_typeof({column} -> {key})"
    # COLLATE "C": days compare by their characters, whatever the database's language
    return f"""(CASE WHEN {kind} = 'string' THEN {column} ->> {key} END) COLLATE "C\""""


@compiles(attribute_number, "postgresql")
def _postgresql_number(element: attribute_number, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _parts(element, compiler, 1, **kw)
    kind = f"jsonb_typeof({column} -> {key})"
    return f"CASE WHEN {kind} = 'number' THEN CAST({column} ->> {key} AS DOUBLE PRECISION) END"


@compiles(attribute_flag, "postgresql")
def _postgresql_flag(element: attribute_flag, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _parts(element, compiler, 1, **kw)
    kind = f"jsonb_typeof({column} -> {key})"
    return f"CASE WHEN {kind} = 'boolean' THEN CAST({column} ->> {key} AS BOOLEAN) END"


class attribute_holds(FunctionElement[bool]):  # noqa: N801
    """Whether the attribute is a list with the text in it; never NULL where the column is not."""

    name = "attribute_holds"
    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], key: str, text: str) -> None:
        super().__init__(column, literal(key, String()), literal(f'$."{key}"', String()), literal(text, String()))

    def self_group(self, against: Any = None) -> Any:
        """As it is: beside others SQLAlchemy would write ``… = 1`` for SQLite."""
        return self


class attribute_filled(_Attribute):  # noqa: N801
    """Whether the attribute is a list that is not empty."""

    name = "attribute_filled"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """As :class:`attribute_holds`."""
        return self


@compiles(attribute_holds, "sqlite")
def _sqlite_holds(element: attribute_holds, compiler: SQLCompiler, **kw: Any) -> str:
    clauses = list(element.clauses)
    column, path, text = (compiler.process(clauses[at], **kw) for at in (0, 2, 3))
    each = f"SELECT 1 FROM json_each({column}, {path}) AS item WHERE item.type = 'text' AND item.atom = {text}"  # noqa: S608  compiled clauses, not values
    return f"(json_type({column}, {path}) IS 'array' AND EXISTS ({each}))"


@compiles(attribute_filled, "sqlite")
def _sqlite_filled(element: attribute_filled, compiler: SQLCompiler, **kw: Any) -> str:
    column, path = _parts(element, compiler, 2, **kw)
    return f"(json_type({column}, {path}) IS 'array' AND json_array_length({column}, {path}) > 0)"


@compiles(attribute_holds, "postgresql")
def _postgresql_holds(element: attribute_holds, compiler: SQLCompiler, **kw: Any) -> str:
    clauses = list(element.clauses)
    column, key, text = (compiler.process(clauses[at], **kw) for at in (0, 1, 3))
    holds = f"({column} -> {key}) @> to_jsonb(CAST({text} AS TEXT))"
    return f"coalesce(jsonb_typeof({column} -> {key}) = 'array' AND {holds}, false)"


@compiles(attribute_filled, "postgresql")
def _postgresql_filled(element: attribute_filled, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _parts(element, compiler, 1, **kw)
    return f"coalesce(jsonb_typeof({column} -> {key}) = 'array' AND {column} -> {key} <> '[]'::jsonb, false)"
