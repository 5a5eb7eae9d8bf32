"""Wrong passwords and codes lock an account for a while, wherever they are tried: at the door, or on one's own page.

A try is counted before it is looked at and taken back when it was right: any number of tries at the same moment are as
many as one after another. All times are machine time.
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.ids import new_id
from storage.outbox.columns import table
from storage.tables import Agent, Audit

_AGENTS, _AUDIT = table(Agent), table(Audit)
TRIES = 5
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)


async def admit(connection: AsyncConnection, agent_id: str, now: datetime) -> bool:
    """Count a try; False while the account is locked. One too many is still looked at, and locks for those after it."""
    wrong: int | None = await connection.scalar(
        update(_AGENTS)
        .where(_AGENTS.c.id == agent_id, or_(_AGENTS.c.locked_until.is_(None), _AGENTS.c.locked_until <= now))
        .values(wrong_passwords=_AGENTS.c.wrong_passwords + 1)
        .returning(_AGENTS.c.wrong_passwords)
    )
    if wrong is None:
        return False
    if wrong >= TRIES:
        until: datetime = now + min(LONGEST_LOCK, FIRST_LOCK * 2 ** min(wrong - TRIES, 10))
        await connection.execute(update(_AGENTS).where(_AGENTS.c.id == agent_id).values(locked_until=until))
    return True


async def take_back(connection: AsyncConnection, agent_id: str) -> None:
    """The last try was no wrong one, but proved nothing yet: what was counted before it stays."""
    await connection.execute(
        update(_AGENTS)
        .where(_AGENTS.c.id == agent_id, _AGENTS.c.wrong_passwords > 0)
        .values(wrong_passwords=_AGENTS.c.wrong_passwords - 1, locked_until=None)
    )


async def forgive(connection: AsyncConnection, agent_id: str) -> None:
    """Whoever it is has proved it: nothing is counted any more."""
    await connection.execute(
        update(_AGENTS).where(_AGENTS.c.id == agent_id).values(wrong_passwords=0, locked_until=None)
    )


async def locked_by(connection: AsyncConnection, agent_id: str, now: datetime) -> bool:
    """Whether a try that was wrong has locked the account, which is then written down."""
    locked = select(_AGENTS.c.id).where(_AGENTS.c.id == agent_id, _AGENTS.c.locked_until > now)
    if await connection.scalar(locked) is None:
        return False
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(), at=now, actor=str(Actor("agent", agent_id)), action="locked out", subject="agent",
            subject_id=agent_id, detail={},
        )
    )  # fmt: skip
    return True
