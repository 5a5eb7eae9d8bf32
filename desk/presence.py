"""Whether an agent is there: by their own word, and by their browser's signs of life."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.agents import Presence
from storage.outbox.columns import table
from storage.tables import Agent

_AGENTS = table(Agent)


async def set_presence(
    connection: AsyncConnection, agent_id: str, presence: Presence, *, seen_at: datetime | None = None
) -> None:
    """Say it. ``seen_at`` (machine time) is the browser's sign: once it falls silent, the agent is away."""
    await connection.execute(
        update(_AGENTS).where(_AGENTS.c.id == agent_id).values(presence=presence, presence_at=seen_at)
    )


async def sign_of_life(connection: AsyncConnection, agent_id: str, now: datetime) -> None:
    """Their browser is open (machine time); it does not change what they said themselves."""
    await connection.execute(
        update(_AGENTS).where(_AGENTS.c.id == agent_id, _AGENTS.c.presence != Presence.OFFLINE).values(presence_at=now)
    )
