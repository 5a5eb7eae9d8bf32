"""Agents as assignment sees them: who is there, on shift, with room, and what they speak."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.assignment import Candidate
from campaigns.periods import zone_named
from core.agents import Presence
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.tables import Agent, Conversation

_AGENTS, _CONVERSATIONS = table(Agent), table(Conversation)
SILENT = timedelta(minutes=2)
"""After so long without a sign from their browser an agent is away. Machine time."""


@dataclass(frozen=True, slots=True)
class Team:
    """The people of the desk now."""

    candidates: tuple[Candidate, ...]

    @property
    def online(self) -> int:
        """How many take chats now."""
        return sum(candidate.available for candidate in self.candidates)


async def team(connection: AsyncConnection, zone: str, now: datetime) -> Team:
    """Everybody who may answer. ``zone`` is the organisation's, for shifts of agents without one."""
    loads = await connection.execute(
        select(_CONVERSATIONS.c.agent, func.count().label("chats"))
        .where(_CONVERSATIONS.c.state == ConversationState.ASSIGNED)
        .group_by(_CONVERSATIONS.c.agent)
    )
    chats = {row.agent: int(row.chats) for row in loads}
    rows = (await connection.execute(select(_AGENTS).where(_AGENTS.c.disabled_at.is_(None)))).all()
    return Team(tuple(_candidate(row, chats.get(row.id, 0), zone, now) for row in rows))


def _candidate(row: Any, chats: int, zone: str, now: datetime) -> Candidate:
    return Candidate(
        id=row.id,
        available=row.presence is Presence.ONLINE and on_shift(row.shift, row.zone or zone, now),
        capacity=max(1, row.capacity),
        chats=chats,
        languages=frozenset(row.languages),
        skills=frozenset(row.skills),
        last_given=row.given_at,
    )


def on_shift(shift: Mapping[str, Any], zone: str, now: datetime) -> bool:
    """Whether ``now`` is in the agent's hours; without hours always. A shift over midnight belongs to its first day."""
    if not shift:
        return True
    local = now.astimezone(zone_named(zone))
    for days_ago in (0, 1):
        hours = shift.get(str((local.weekday() - days_ago) % 7))
        if not hours:
            continue
        opens, closes = (time.fromisoformat(text) for text in hours)
        over_midnight = closes <= opens
        clock = local.time()
        if days_ago == 0 and opens <= clock and (over_midnight or clock < closes):
            return True
        if days_ago == 1 and over_midnight and clock < closes:
            return True
    return False


async def mark_silent(connection: AsyncConnection, machine_now: datetime) -> list[str]:
    """Agents whose browser says nothing any more are away; gives their ids."""
    silent = (
        update(_AGENTS)
        .where(_AGENTS.c.presence == Presence.ONLINE, _AGENTS.c.presence_at < machine_now - SILENT)
        .values(presence=Presence.AWAY)
        .returning(_AGENTS.c.id)
    )
    return list(await connection.scalars(silent))
