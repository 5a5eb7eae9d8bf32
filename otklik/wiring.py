"""Wiring: the one place that knows which part satisfies which protocol. The type checker proves it here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from campaigns.links import Addresses
from core.clock import Clock, SystemClock, VirtualClock
from otklik.settings import Configuration, load_settings
from storage import migrate
from storage.store import Store


@asynccontextmanager
async def open_store(configuration: Configuration | None = None) -> AsyncIterator[Store]:
    """The configured store, migrated; its SQLite folder is made if it is not there.

    Raises:
        ConfigurationError, StoreUnavailable: in words.
    """
    settings = (configuration or load_settings()).settings
    url = make_url(settings.database_url) if settings.database_url.startswith("sqlite") else None
    if url is not None and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    async with await Store.open(settings.database_url) as store:
        await migrate.upgrade(store)
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
    )
