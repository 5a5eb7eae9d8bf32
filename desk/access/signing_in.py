"""Signing in: a password, then a second factor where there is one. Wrong ones lock the account for a while.

What is answered does not tell whether an address is known: nobody's password takes as long to be wrong, and so does one
that is tried while the account is locked.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.ids import new_id
from desk.access import second_factor
from desk.access.locking import admit, locked_by, take_back
from desk.access.passwords import matches
from desk.access.sessions import open_session
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, AgentRecoveryCode, Audit

_AGENTS, _AUDIT, _RECOVERY = table(Agent), table(Audit), table(AgentRecoveryCode)


class Answer(StrEnum):
    """What became of a try."""

    IN = "in"
    WRONG = "wrong"  # address, password or code, or there were too many wrong ones: later again
    OVER = "over"  # the password is right, but was lent and ran out
    CODE = "code"  # the password is right, a code is asked for


@dataclass(frozen=True, slots=True)
class Tried:
    """The answer to a try; ``token`` is the session's where it led in."""

    answer: Answer
    agent_id: str = ""
    token: str = ""
    lent: bool = False
    """Whether the password is somebody else's: they choose their own now."""


class Entrance:
    """Takes tries. ``secret`` is the workspace's, which seals second factors."""

    def __init__(self, store: Store, secret: str) -> None:
        self._store = store
        self._sealer = second_factor.Sealer(secret)

    async def sign_in(self, email: str, password: str, code: str, *, browser: str, now: datetime) -> Tried:
        """One try. ``now`` is machine time; ``browser`` is written down with the session."""
        agents = select(_AGENTS).where(_AGENTS.c.email == email.strip().casefold(), _AGENTS.c.disabled_at.is_(None))
        async with self._store.write() as connection:
            row = (await connection.execute(agents)).first()
            admitted = row is not None and await admit(connection, row.id, now)
        right = await matches(password, row.password if row is not None and admitted else "")
        if row is None or not admitted:
            return Tried(Answer.WRONG)
        tried = await self._admitted(row, code, browser, now) if right else None
        if tried is None:
            async with self._store.write() as connection:
                await locked_by(connection, row.id, now)
        return tried or Tried(Answer.WRONG)

    async def _admitted(self, row: Any, code: str, browser: str, now: datetime) -> Tried | None:
        """What a right password leads to; None where the second factor is not."""
        over = row.password_until is not None and row.password_until <= now
        if not over and (not row.totp or code.strip()):
            return await self._enter(row, code, browser, now)
        async with self._store.write() as connection:
            await take_back(connection, row.id)
        return Tried(Answer.OVER) if over else Tried(Answer.CODE, row.id)

    async def _enter(self, row: Any, code: str, browser: str, now: datetime) -> Tried | None:
        """A session for whose password is right; None where the second factor is not."""
        key = self._sealer.opened(row.totp) if row.totp else None
        step = second_factor.step_of(key, code, now) if key else None
        recovery = second_factor.recovery_code(code) if row.totp and step is None else None
        if row.totp and step is None and recovery is None:
            return None
        async with self._store.write() as connection:
            # the conditions make a code good once, also for two tries at the same moment
            if recovery is not None:
                mark = self._sealer.mark(row.id, recovery)
                used = delete(_RECOVERY).where(_RECOVERY.c.agent_id == row.id, _RECOVERY.c.hash == mark)
                if not (await connection.execute(used)).rowcount:
                    return None
            let_in = await connection.execute(
                update(_AGENTS)
                .where(
                    _AGENTS.c.id == row.id, _AGENTS.c.password == row.password, _AGENTS.c.disabled_at.is_(None),
                    _AGENTS.c.totp_step < step if step is not None else _AGENTS.c.totp == row.totp,
                )
                .values(wrong_passwords=0, locked_until=None, totp_step=step or row.totp_step)
            )  # fmt: skip
            if not let_in.rowcount:
                return None
            token = await open_session(connection, row.id, browser, now)
            await self._note(connection, row.id, "sign in" if recovery is None else "sign in by recovery code", now)
        return Tried(Answer.IN, row.id, token, lent=row.password_until is not None)

    async def _note(self, connection: AsyncConnection, agent_id: str, action: str, now: datetime) -> None:
        await connection.execute(
            _AUDIT.insert().values(
                id=new_id(), at=now, actor=str(Actor("agent", agent_id)), action=action, subject="agent",
                subject_id=agent_id, detail={},
            )
        )  # fmt: skip
