"""Wrong passwords and codes lock an account for a while, wherever they are tried: at the door, or on one's own page.

All times are machine time.
"""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.ids import new_id
from storage.outbox.columns import table
from storage.tables import Agent, Audit

_AGENTS, _AUDIT = table(Agent), table(Audit)
TRIES = 5
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)


async def count_wrong(connection: AsyncConnection, agent_id: str, now: datetime) -> datetime | None:
    """Count a wrong try; gives until when the account is locked by it, None: not yet."""
    wrong: int | None = await connection.scalar(
        update(_AGENTS)
        .where(_AGENTS.c.id == agent_id)
        .values(wrong_passwords=_AGENTS.c.wrong_passwords + 1)
        .returning(_AGENTS.c.wrong_passwords)
    )
    if wrong is None or wrong < TRIES:
        return None
    until: datetime = now + min(LONGEST_LOCK, FIRST_LOCK * 2 ** min(wrong - TRIES, 10))
    await connection.execute(update(_AGENTS).where(_AGENTS.c.id == agent_id).values(locked_until=until))
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(), at=now, actor=str(Actor("agent", agent_id)), action="locked out", subject="agent",
            subject_id=agent_id, detail={},
        )
    )  # fmt: skip
    return until
