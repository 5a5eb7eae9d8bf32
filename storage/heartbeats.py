"""Workers' signs of life: each writes its own row every few seconds, with how its accounts stand.

Their age is measured by the database's clock, so that machines whose clocks differ can be told apart from dead ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, literal, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.standing import Standing
from storage.outbox.columns import table
from storage.statements import lease_clock
from storage.tables import Worker

_WORKERS = table(Worker)
LONG_AGO = 24 * 3600.0
"""Seconds after which a worker that fell silent is not told of any more."""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sign:
    """A worker that has not said goodbye. ``age`` is in seconds since its last sign of life."""

    worker: str
    host: str
    started_at: datetime
    age: float
    standings: tuple[Standing, ...]


async def beat(connection: AsyncConnection, worker: str, standings: Sequence[Standing]) -> None:
    """The worker lives, and its accounts stand like this."""
    said = {one.account: one.as_dict() for one in standings}
    alive = update(_WORKERS).where(_WORKERS.c.id == worker).values(seen_at=lease_clock(), standing=said)
    await connection.execute(alive)


async def signs(connection: AsyncConnection) -> Sequence[Sign]:
    """Workers that live, or fell silent within :data:`LONG_AGO`, the youngest sign first."""
    age = lease_clock() - type_coerce(_WORKERS.c.seen_at, BigInteger())
    rows = await connection.execute(
        select(_WORKERS, age.label("age"))
        .where(
            _WORKERS.c.stopped_at.is_(None), _WORKERS.c.seen_at.is_not(None),
            age < literal(int(LONG_AGO * _MICROSECONDS), BigInteger()),
        )
        .order_by(age, _WORKERS.c.id)
    )  # fmt: skip
    return [
        Sign(
            row.id, row.host, row.started_at, max(0.0, row.age / _MICROSECONDS),
            tuple(Standing.from_dict(account, kept) for account, kept in sorted((row.standing or {}).items())),
        )
        for row in rows
    ]  # fmt: skip
