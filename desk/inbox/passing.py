"""What an agent does with a conversation beside answering: pass it on, block it as spam, settle a send."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import ownership
from bot.handoff.record import record
from campaigns.definition import WorkspaceConfig
from campaigns.operating.unknowns import settle
from core.actors import Actor
from core.agents import Presence
from core.errors import Refused
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, Message

_AGENTS, _CONVERSATIONS, _MESSAGES = table(Agent), table(Conversation), table(Message)
BLOCKED, UNBLOCKED = "ConversationBlocked", "ConversationUnblocked"
_TEAM = (
    select(_AGENTS.c.id, _AGENTS.c.name, _AGENTS.c.presence)
    .where(_AGENTS.c.disabled_at.is_(None))
    .order_by(_AGENTS.c.name, _AGENTS.c.id)
)
HELD = (ConversationState.ASSIGNED, ConversationState.SNOOZED)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Who may get a conversation."""

    id: str
    name: str
    presence: Presence


async def colleagues(connection: AsyncConnection, me: str) -> Sequence[Colleague]:
    """Everybody else who may answer; those who are there come first."""
    found = [Colleague(*row) for row in await connection.execute(_TEAM) if row.id != me]
    order = {presence: place for place, presence in enumerate(Presence)}
    return sorted(found, key=lambda one: order[one.presence])


async def transfer(
    connection: AsyncConnection, conversation_id: str, to: str, token: int, config: WorkspaceConfig, *, actor: Actor,
    now: datetime,
) -> None:  # fmt: skip
    """Pass it on: ``agent:<id>`` or ``queue:<name>``. ``token`` is what the agent saw.

    Raises:
        NotYours: somebody was faster.
        Refused: there is no such colleague or queue.
        IllegalTransition: nobody has it, so it cannot leave them for a queue.
    """
    kind, _, name = to.partition(":")
    row = await ownership.held(connection, conversation_id)
    if row.token != token:
        raise ownership.NotYours(row.agent, row.state)
    if kind == "queue" and name in config.desk.queues:
        await ownership.leave(connection, conversation_id, actor=actor, now=now, queue=name)
        return
    there = select(_AGENTS.c.id).where(_AGENTS.c.id == name, _AGENTS.c.disabled_at.is_(None))
    if kind != "agent" or await connection.scalar(there) is None:
        raise Refused("there is no such colleague or queue any more; choose another", name="no_colleague")
    await ownership.take(connection, conversation_id, name, actor=actor, now=now, over=token)


async def block(connection: AsyncConnection, conversation_id: str, *, actor: Actor, now: datetime) -> None:
    """Spam: resolved, and what they write from now on reaches nobody, neither people nor the bot."""
    row = await ownership.held(connection, conversation_id)
    if row.blocked_at is not None:
        return
    await _set(connection, row.id, now)
    await record(connection, row.id, row.customer_id, BLOCKED, actor=actor, now=now)
    if row.state is not ConversationState.RESOLVED:
        await ownership.resolve(connection, row.id, actor=actor, now=now, why="spam")


async def unblock(connection: AsyncConnection, conversation_id: str, *, actor: Actor, now: datetime) -> None:
    """It was none: what they write next is answered again."""
    row = await ownership.held(connection, conversation_id)
    if row.blocked_at is None:
        return
    await _set(connection, row.id, None)
    await record(connection, row.id, row.customer_id, UNBLOCKED, actor=actor, now=now)


async def settle_send(
    connection: AsyncConnection, conversation_id: str, message_id: str, *, arrived: bool, actor: Actor, now: datetime
) -> None:
    """Say what became of a send that nobody knows of.

    Raises:
        Refused: it is not of this conversation's customer, or is known already.
    """
    theirs = (
        select(_MESSAGES.c.id)
        .join(_CONVERSATIONS, _CONVERSATIONS.c.customer_id == _MESSAGES.c.customer_id)
        .where(_CONVERSATIONS.c.id == conversation_id, _MESSAGES.c.id == message_id)
    )
    if await connection.scalar(theirs) is None:
        raise Refused("this message is not of this conversation", name="not_here")
    await settle(connection, [message_id], "sent" if arrived else "not-sent", actor, now)


async def _set(connection: AsyncConnection, conversation_id: str, blocked_at: datetime | None) -> None:
    await connection.execute(
        update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == conversation_id).values(blocked_at=blocked_at)
    )
