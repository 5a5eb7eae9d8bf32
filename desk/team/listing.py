"""The team as a page shows it: who is there, how many chats they hold, whether it is their shift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.agents import on_shift, team
from desk.access.agents import everybody
from storage.outbox.columns import table
from storage.tables import Agent

_AGENTS = table(Agent)


@dataclass(frozen=True, slots=True)
class Member:
    """An agent's row and what they do now."""

    row: Any
    chats: int
    on_shift: bool


async def members(connection: AsyncConnection, zone: str, now: datetime) -> Sequence[Member]:
    """Everybody by name, those who were sent away last. ``zone`` is the organisation's."""
    chats = {each.id: each.chats for each in (await team(connection, zone, now)).candidates}
    rows = sorted(await everybody(connection), key=lambda row: row.disabled_at is not None)
    return [Member(row, chats.get(row.id, 0), on_shift(row.shift, row.zone or zone, now)) for row in rows]


async def member(connection: AsyncConnection, agent_id: str) -> Any | None:
    """One agent's row."""
    return (await connection.execute(select(_AGENTS).where(_AGENTS.c.id == agent_id))).first()
