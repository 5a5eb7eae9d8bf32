"""Alembic's entry: runs on the connection that :mod:`storage.migrate` passes."""

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString

from storage.tables import metadata
from storage.tables.search import is_told
from storage.types import WORD_LENGTH, Instant, Word


def render(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write plain types into a migration: it must mean the same when our own types have changed."""
    if kind != "type":
        return False
    if isinstance(item, Instant):
        return "sa.BigInteger()"
    if isinstance(item, Word):
        return f"sa.String(length={WORD_LENGTH})"
    if isinstance(item, AutoString):
        return "sa.String()"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render,
    include_name=is_told,
)
with context.begin_transaction():
    context.run_migrations()
