"""Wiring: the one place that knows which part satisfies which protocol. The type checker proves it here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

from campaigns.composing.links import Addresses
from core.clock import Clock, SystemClock, VirtualClock, machine_now
from otklik.running import configure_logs
from otklik.settings import Configuration, load_settings
from storage import migrate
from storage.backup.before_migration import back_up_before_migration
from storage.store import Store

RELEASE = version("otklik")


@asynccontextmanager
async def open_store(configuration: Configuration | None = None) -> AsyncIterator[Store]:
    """The configured store, migrated (and backed up before); its SQLite folder is made if it is not there.

    Raises:
        ConfigurationError, StoreUnavailable: in words.
    """
    configuration = configuration or load_settings()
    settings = configuration.settings
    if not structlog.is_configured():  # a command whose standard output is its answer
        configure_logs(settings.log_level)
    async with open_bare_store(configuration) as store:
        if settings.backup_before_migration:
            await back_up_before_migration(
                store,
                settings.database_url,
                settings.data_dir.absolute() / "backups",
                release=RELEASE,
                now=machine_now(),
                keep=settings.backups_kept,
            )
        await migrate.upgrade(store)
        yield store


@asynccontextmanager
async def open_bare_store(configuration: Configuration) -> AsyncIterator[Store]:
    """The configured store as it is, perhaps empty or of an older release: for restoring into it."""
    url = configuration.settings.database_url
    parsed = make_url(url) if url.startswith("sqlite") else None
    if parsed is not None and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    async with await Store.open(url) as store:
        yield store


def make_clock(configuration: Configuration) -> Clock:
    """Business time: the machine's, or a virtual one that stands until it is moved."""
    start = configuration.virtual_start
    return SystemClock() if start is None else VirtualClock(start)


def addresses(configuration: Configuration) -> Addresses:
    """How the world reaches us."""
    settings = configuration.settings
    return Addresses(
        public_url=settings.public_url,
        secret=configuration.secret,
        reply_address=configuration.reply_address,
        bot_name=configuration.bot_name,
        track_clicks=settings.track_clicks,
        track_opens=settings.track_opens,
        has_preferences=True,
    )
