"""Countries that a channel does not serve: those that its settings say, and those that its provider refused lately."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.outbox.unserved import unserved_now

_NONE: frozenset[str] = frozenset()
Served = Mapping[str, frozenset[str]]


async def known_unserved(connection: AsyncConnection, stated: Served | None, now: datetime) -> Served:
    """By channel: the countries of ``stated`` with what was learned within the last day."""
    learned, given = await unserved_now(connection, now), stated or {}
    return {channel: given.get(channel, _NONE) | learned.get(channel, _NONE) for channel in {*given, *learned}}
