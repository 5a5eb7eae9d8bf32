"""Signed-in browsers: a random token in a cookie, its hash in the store. All times are machine time."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.agents import Presence, Role
from core.text import clipped
from storage.outbox.columns import table
from storage.tables import Agent, AgentSession
from storage.types import Instant

_AGENTS, _SESSIONS = table(Agent), table(AgentSession)
IDLE = timedelta(days=3)
LONGEST = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=1)
"""A session's last use is written down no more often."""
_WHO = (
    select(_AGENTS.c.id, _AGENTS.c.name, _AGENTS.c.email, _AGENTS.c.role, _AGENTS.c.locale, _AGENTS.c.zone,
           _AGENTS.c.password_until, _AGENTS.c.presence, _SESSIONS.c.hash, _SESSIONS.c.seen_at)
    .join(_SESSIONS, _SESSIONS.c.agent_id == _AGENTS.c.id)
    .where(
        _SESSIONS.c.hash == bindparam("token"), _SESSIONS.c.expires_at > bindparam("now", type_=Instant()),
        _AGENTS.c.disabled_at.is_(None),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who asks: an agent, by the session of that hash."""

    id: str
    name: str
    email: str
    role: Role
    locale: str
    zone: str
    session: str
    seen_at: datetime
    lent: bool = False
    """Whether their password was given by somebody else: they choose their own before anything."""
    presence: Presence = Presence.OFFLINE


async def open_session(connection: AsyncConnection, agent_id: str, browser: str, now: datetime) -> str:
    """A new session's token, which is shown to the browser once."""
    token = secrets.token_urlsafe(32)
    await connection.execute(delete(_SESSIONS).where(_SESSIONS.c.agent_id == agent_id, _SESSIONS.c.expires_at <= now))
    await connection.execute(
        _SESSIONS.insert().values(
            hash=_hash(token), agent_id=agent_id, browser=clipped(browser, 200), created_at=now, seen_at=now,
            expires_at=now + IDLE,
        )
    )  # fmt: skip
    return token


async def who(connection: AsyncConnection, token: str, now: datetime) -> SignedIn | None:
    """Whose token it is; None where the session is over, or its agent may not come in any more."""
    row = (await connection.execute(_WHO, {"token": _hash(token), "now": now})).first()
    if row is None:
        return None
    return SignedIn(
        row.id, row.name, row.email, row.role, row.locale, row.zone, row.hash, row.seen_at,
        row.password_until is not None, row.presence,
    )  # fmt: skip


async def browsers(connection: AsyncConnection, agent_id: str, now: datetime) -> Sequence[Any]:
    """The agent's signed-in browsers, the last used first."""
    found = select(_SESSIONS).where(_SESSIONS.c.agent_id == agent_id, _SESSIONS.c.expires_at > now)
    return (await connection.execute(found.order_by(_SESSIONS.c.seen_at.desc(), _SESSIONS.c.hash))).all()


async def seen(connection: AsyncConnection, session: str, now: datetime) -> None:
    """It was used: it lasts on, but never longer than :data:`LONGEST` in all."""
    row = (await connection.execute(select(_SESSIONS.c.created_at).where(_SESSIONS.c.hash == session))).first()
    if row is not None:
        until = min(now + IDLE, row.created_at + LONGEST)
        await connection.execute(
            update(_SESSIONS)
            .where(_SESSIONS.c.hash == session, _SESSIONS.c.seen_at < now - SEEN_EVERY)
            .values(seen_at=now, expires_at=until)
        )


async def end_session(connection: AsyncConnection, session: str) -> None:
    await connection.execute(delete(_SESSIONS).where(_SESSIONS.c.hash == session))


async def end_sessions(connection: AsyncConnection, agent_id: str, *, but: str = "") -> None:
    """Sign the agent out everywhere, ``but`` in one session."""
    await connection.execute(delete(_SESSIONS).where(_SESSIONS.c.agent_id == agent_id, _SESSIONS.c.hash != but))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
