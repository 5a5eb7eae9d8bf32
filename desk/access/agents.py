"""The people of the desk: taken on, given a password, sent away. Every change is audited."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import ownership
from core.actors import Actor
from core.addresses import email_address
from core.agents import Presence, Role
from core.errors import Refused
from core.ids import new_id
from core.machines.conversation import ConversationState
from desk.access.passwords import WeakPassword, hashed
from desk.access.sessions import end_sessions
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.tables import Agent, Audit, Conversation

LENT = timedelta(days=3)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None is taken for another: a lent password has 15 of them, 74 bits."""
_TOLD = frozenset({"name", "role", "locale", "zone", "languages", "skills", "shift", "capacity", "telegram"})
"""Columns whose new value the audit keeps."""
_AGENTS, _AUDIT, _CONVERSATIONS = table(Agent), table(Audit), table(Conversation)


class OnlyAdmin(Refused):
    """Nobody would be left who may let people in."""


class TelegramTaken(Refused):
    """A user of Telegram is one agent; ``name`` is whose it is."""

    def __init__(self, user: str, name: str) -> None:
        super().__init__(f"the Telegram user {user} is {name} already")
        self.name = name


async def add_agent(
    connection: AsyncConnection, email: str, name: str, *, actor: Actor, now: datetime, role: Role = Role.AGENT,
    **more: Any,
) -> str:  # fmt: skip
    """A new agent, without a password yet; gives the id. ``more`` are columns such as ``languages``.

    Raises:
        Refused: the address is none, or somebody has it.
    """
    try:
        address = email_address(email).casefold()
    except ValueError as error:
        raise Refused(str(error)) from None
    made = Agent(name=name.strip() or address.partition("@")[0], email=address, role=role, created_at=now, **more)
    await insert_missing(connection, _AGENTS, [made.model_dump()])
    if await connection.scalar(select(_AGENTS.c.id).where(_AGENTS.c.email == address)) != made.id:
        raise Refused(f"{address} is an agent already; see: otklik agent list")
    await note(connection, made.id, "add", actor, now, {"role": role.value})
    return made.id


async def set_password(
    connection: AsyncConnection,
    email: str,
    password: str,
    *,
    actor: Actor,
    now: datetime,
    but_session: str = "",
    until: datetime | None = None,
) -> None:
    """Set it, unlock the account, sign out everywhere ``but_session``; ``until`` lends it (machine time).

    Raises:
        Refused: nobody has that address, or the password is too weak.
    """
    row = await find(connection, email)
    try:
        hash_ = await hashed(password, email=row.email)
    except WeakPassword as error:
        raise Refused(str(error)) from None
    values = {"password": hash_, "password_until": until, "wrong_passwords": 0, "locked_until": None}
    await connection.execute(update(_AGENTS).where(_AGENTS.c.id == row.id).values(**values))
    await end_sessions(connection, row.id, but=but_session)
    await note(connection, row.id, "set password" if until is None else "lend password", actor, now)


async def lend_password(connection: AsyncConnection, email: str, *, actor: Actor, now: datetime) -> str:
    """A password that is shown once and lets in for :data:`LENT`, to choose one's own; gives it.

    Raises:
        Refused: nobody has that address.
    """
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(3))
    await set_password(connection, email, password, actor=actor, now=now, until=now + LENT)
    return password


async def disable(connection: AsyncConnection, email: str, *, actor: Actor, now: datetime) -> int:
    """No sign-in any more, signed out everywhere; their chats wait in the queue again. Gives how many do.

    Raises:
        Refused: nobody has that address.
        OnlyAdmin: nobody else is an admin.
    """
    row = await find(connection, email)
    await _keep_an_admin(connection, row)
    values = {"disabled_at": now, "presence": Presence.OFFLINE}
    await connection.execute(update(_AGENTS).where(_AGENTS.c.id == row.id).values(**values))
    await end_sessions(connection, row.id)
    held = select(_CONVERSATIONS.c.id).where(
        _CONVERSATIONS.c.agent == row.id,
        _CONVERSATIONS.c.state.in_([ConversationState.ASSIGNED, ConversationState.SNOOZED]),
    )
    theirs = list(await connection.scalars(held.order_by(_CONVERSATIONS.c.customer_id)))
    for conversation_id in theirs:
        await ownership.leave(connection, conversation_id, actor=actor, now=now)
    await note(connection, row.id, "disable", actor, now, {"left": len(theirs)})
    return len(theirs)


async def change(
    connection: AsyncConnection, email: str, values: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Set columns such as role, languages or shift; a role that was taken away counts from the next page on.

    Raises:
        Refused: nobody has that address.
        OnlyAdmin: nobody else is an admin.
        TelegramTaken: somebody has that user of Telegram.
    """
    row = await find(connection, email)
    if Role(values.get("role", row.role)) is not Role.ADMIN:
        await _keep_an_admin(connection, row)
    if values.get("telegram"):
        others = select(_AGENTS.c.name).where(_AGENTS.c.telegram == values["telegram"], _AGENTS.c.id != row.id)
        theirs = await connection.scalar(others)
        if theirs is not None:
            raise TelegramTaken(str(values["telegram"]), str(theirs))
    await connection.execute(update(_AGENTS).where(_AGENTS.c.id == row.id).values(**values))
    told = {name: values[name] for name in sorted(values.keys() & _TOLD)}
    await note(connection, row.id, "change", actor, now, {"changed": sorted(values), "to": told})


async def let_back(connection: AsyncConnection, email: str, *, actor: Actor, now: datetime) -> None:
    """Who was sent away may come in again, by a new password.

    Raises:
        Refused: nobody has that address.
    """
    row = await find(connection, email)
    values = {"disabled_at": None, "password": "", "wrong_passwords": 0, "locked_until": None}
    await connection.execute(update(_AGENTS).where(_AGENTS.c.id == row.id).values(**values))
    await note(connection, row.id, "let back", actor, now)


async def find(connection: AsyncConnection, email: str) -> Any:
    """The agent's row.

    Raises:
        Refused: nobody has that address.
    """
    row = (await connection.execute(select(_AGENTS).where(_AGENTS.c.email == email.strip().casefold()))).first()
    if row is None:
        raise Refused(f"there is no agent {email}; see: otklik agent list")
    return row


async def everybody(connection: AsyncConnection) -> Sequence[Any]:
    """Every agent's row, by name."""
    return (await connection.execute(select(_AGENTS).order_by(_AGENTS.c.name, _AGENTS.c.id))).all()


async def _keep_an_admin(connection: AsyncConnection, row: Any) -> None:
    if row.role is not Role.ADMIN or row.disabled_at is not None:
        return
    others = select(_AGENTS.c.id).where(
        _AGENTS.c.role == Role.ADMIN, _AGENTS.c.disabled_at.is_(None), _AGENTS.c.id != row.id
    )
    if await connection.scalar(others.limit(1)) is None:
        raise OnlyAdmin(f"{row.email} is the only admin; make somebody else one first")


async def note(
    connection: AsyncConnection, agent_id: str, action: str, actor: Actor, now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Keep in the audit what was done to an agent."""
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(), at=now, actor=str(actor), action=action, subject="agent", subject_id=agent_id,
            detail=dict(detail or {}),
        )
    )  # fmt: skip
