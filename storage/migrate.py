"""Migrations: bring the store to the tables that this program knows, at start, without being asked."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from core.errors import ConfigurationError
from storage.store import Store

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0022"
"""The newest revision; a test compares it with the folder."""
FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x6F74_6B6C  # "otkl": two processes that start together migrate one after the other


async def upgrade(store: Store, revision: str = "head") -> bool:
    """Bring the store to ``revision``; True if anything was done.

    Raises:
        ConfigurationError: if the store was written by a newer Otklik.
    """
    async with store.read() as connection:
        current = await connection.run_sync(current_revision)
    if current == HEAD and revision == "head":
        return False
    async with store.unhurried() as connection:
        await connection.run_sync(upgrade_on, revision)
    return True


async def downgrade(store: Store, revision: str) -> None:
    """Take the store back to ``revision`` (``base``: no tables)."""
    async with store.unhurried() as connection:
        await connection.run_sync(downgrade_on, revision)


def current_revision(connection: Connection) -> str | None:
    """The revision that the store is at, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def revisions() -> frozenset[str]:
    """Every revision that this release knows."""
    return frozenset(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def upgrade_on(connection: Connection, revision: str) -> None:
    """Bring the store to ``revision`` within the caller's transaction."""
    from alembic import command
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise ConfigurationError(f"the store was written by a newer Otklik; install that version ({error})") from None


def downgrade_on(connection: Connection, revision: str) -> None:
    """Take the store back to ``revision`` within the caller's transaction."""
    from alembic import command

    command.downgrade(_config(connection), revision)
