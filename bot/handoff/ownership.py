"""Ownership: who has a conversation. Every change goes through here, in the caller's transaction.

Each takes the customer's lock first, exclusively, as an answer or an opt-out does: a dispatch that looks at the
conversation either commits before the change or sees it. ``token`` rises with every new owner; what the bot wrote
under an older one is dropped at dispatch (``campaigns.gates.ownership``), and an agent writes only while it is theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.promises import Promise
from bot.handoff.record import record
from campaigns.definition.desk import NORMAL
from core.actors import SYSTEM, Actor
from core.errors import OtklikError
from core.machines.conversation import (
    ASSIGN,
    CONVERSATION,
    QUEUE,
    REOPEN,
    RESOLVE,
    RETURN,
    SNOOZE,
    UNASSIGN,
    WAKE,
    ConversationState,
)
from core.transitions import IllegalTransition, apply
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)
_HELD = frozenset({ConversationState.ASSIGNED, ConversationState.SNOOZED})


class NotYours(OtklikError):
    """Somebody else has the conversation now. ``agent`` is who, empty where nobody has."""

    def __init__(self, agent: str, state: ConversationState) -> None:
        super().__init__("this conversation is not yours any more")
        self.agent = agent
        self.state = state


@dataclass(frozen=True, slots=True)
class Request:
    """A wish for a person. ``why``: asked, flow, campaign, no answer, angry, vip, detractor, agent.

    The agent whom the customer had gets them back where that chat ended at ``sticks_since`` or later.
    """

    why: str
    queue: str = ""
    priority: int = NORMAL
    note: str = ""
    language: str = ""
    sticks_since: datetime | None = None


async def held(connection: AsyncConnection, conversation_id: str) -> Any:
    """The conversation's row under its customer's lock and its own.

    Raises:
        OtklikError: there is none of that id.
    """
    columns = select(_CONVERSATIONS).where(_CONVERSATIONS.c.id == conversation_id)
    row = (await connection.execute(columns)).first()
    while row is not None:
        await lock_customers(connection, [row.customer_id], shared=False)
        seen = row.customer_id
        row = (await connection.execute(columns.with_for_update())).first()
        if row is not None and row.customer_id == seen:
            return row
    raise OtklikError(f"there is no conversation {conversation_id}")


async def queue(
    connection: AsyncConnection,
    conversation_id: str,
    request: Request,
    promise: Promise,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Let the customer wait for a person; False where one has them, or they wait, already."""
    row = await held(connection, conversation_id)
    event = REOPEN.event if row.state is ConversationState.RESOLVED else QUEUE.event
    try:
        state = apply(CONVERSATION, row.state, event)
    except IllegalTransition:
        return False
    values = {
        "state": state, "last_at": now, "queue": request.queue, "priority": request.priority, "queued_at": now,
        "waiting_since": row.waiting_since or now, "answer_due": promise.answer, "resolve_due": promise.resolve,
        "answered_at": None, "alerted_at": None, "snoozed_until": None, "resolved_at": None,
        "language": request.language or row.language,
    }  # fmt: skip
    if row.resolved_at is not None and request.sticks_since is not None and row.resolved_at < request.sticks_since:
        values["agent"] = ""
    await _set(connection, row, values)
    detail = {"why": request.why, "queue": request.queue, "priority": request.priority}
    await _note(connection, row, event, actor, now, request.note, detail)
    return True


async def take(
    connection: AsyncConnection,
    conversation_id: str,
    agent: str,
    *,
    actor: Actor,
    now: datetime,
    over: int | None = None,
) -> int:
    """Give the conversation to ``agent``; its new token. Whoever has it already keeps theirs.

    ``over`` is the token that the taker saw: somebody who clicks *take* must not take from who was faster.

    Raises:
        NotYours: it has changed hands since ``over``.
    """
    row = await held(connection, conversation_id)
    if row.agent == agent and row.state in _HELD:
        return int(row.token)
    if over is not None and over != row.token:
        raise NotYours(row.agent, row.state)
    state, values = row.state, dict[str, Any]()
    if state is ConversationState.RESOLVED:
        state, values = apply(CONVERSATION, state, REOPEN.event), {"resolved_at": None, "queued_at": now}
    token = int(row.token) + 1
    values |= {
        "state": apply(CONVERSATION, state, ASSIGN.event), "agent": agent, "token": token, "snoozed_until": None,
    }  # fmt: skip
    await _set(connection, row, values)
    await _note(connection, row, ASSIGN.event, actor, now, "", {"agent": agent, "from": row.agent})
    return token


async def leave(
    connection: AsyncConnection, conversation_id: str, *, actor: Actor, now: datetime, queue: str | None = None,
    note: str = "", over: int | None = None,
) -> None:  # fmt: skip
    """Back into the queue (another one, where said): its agent left, or gives it to whoever is free there.

    Here and below ``over`` is the token that somebody saw who acts upon it.

    Raises:
        NotYours: it has changed hands since ``over``.
        IllegalTransition: nobody has it.
    """
    row = await _as_seen(connection, conversation_id, over, actor)
    values: dict[str, Any] = {
        "state": apply(CONVERSATION, row.state, UNASSIGN.event), "agent": "", "token": row.token + 1, "queued_at": now,
        "snoozed_until": None,
    }  # fmt: skip
    if queue is not None:
        values["queue"] = queue
    await _set(connection, row, values)
    await _note(connection, row, UNASSIGN.event, actor, now, note, {"agent": row.agent, "queue": queue or row.queue})


async def give_back(
    connection: AsyncConnection, conversation_id: str, *, actor: Actor, now: datetime, why: str = "",
    over: int | None = None,
) -> None:  # fmt: skip
    """The bot talks again."""
    row = await _as_seen(connection, conversation_id, over, actor)
    values = {
        "state": apply(CONVERSATION, row.state, RETURN.event), "token": row.token + 1, "snoozed_until": None, **_KEPT,
    }  # fmt: skip
    await _set(connection, row, values)
    await _note(connection, row, RETURN.event, actor, now, why, {"agent": row.agent})


async def snooze(
    connection: AsyncConnection, conversation_id: str, until: datetime, *, actor: Actor, now: datetime,
    over: int | None = None,
) -> None:  # fmt: skip
    """Out of sight until then, or until the customer writes."""
    row = await _as_seen(connection, conversation_id, over, actor)
    await _set(connection, row, {"state": apply(CONVERSATION, row.state, SNOOZE.event), "snoozed_until": until})
    await _note(connection, row, SNOOZE.event, actor, now, "", {"until": until.isoformat()})


async def wake(connection: AsyncConnection, conversation_id: str, *, actor: Actor, now: datetime) -> None:
    """Back in sight of its agent."""
    row = await held(connection, conversation_id)
    await _set(connection, row, {"state": apply(CONVERSATION, row.state, WAKE.event), "snoozed_until": None})
    await _note(connection, row, WAKE.event, actor, now)


async def resolve(
    connection: AsyncConnection, conversation_id: str, *, actor: Actor, now: datetime, why: str = "",
    over: int | None = None,
) -> None:  # fmt: skip
    """Over, until the customer writes again. What the owner wrote last still leaves.

    Whoever ends it in the queue had it: campaigns rest after it, and the customer comes back to them.
    """
    row = await _as_seen(connection, conversation_id, over, actor)
    values = {
        "state": apply(CONVERSATION, row.state, RESOLVE.event), "resolved_at": now, "snoozed_until": None, **_KEPT,
    }  # fmt: skip
    if row.state is ConversationState.QUEUED and not row.agent and actor.kind == "agent":
        values["agent"] = actor.id
    await _set(connection, row, values)
    await _note(connection, row, RESOLVE.event, actor, now, why, {"agent": row.agent})


async def fall_silent(connection: AsyncConnection, conversation_id: str, since: datetime, *, now: datetime) -> bool:
    """Over is what the bot alone has, with no word since ``since``; False where it is not so (any more).

    It is the end of no live chat: ``resolved_at`` stays, and campaigns do not rest after it.
    """
    row = await held(connection, conversation_id)
    if row.state is not ConversationState.BOT or row.last_at > since:
        return False
    await _set(connection, row, {"state": apply(CONVERSATION, row.state, RESOLVE.event)})
    await _note(connection, row, RESOLVE.event, SYSTEM, now, "", {"silent": True})
    return True


async def written_by(connection: AsyncConnection, conversation_id: str, agent: str, token: int, now: datetime) -> Any:
    """The row for an agent who writes to the customer now: the first answer keeps the promise.

    Raises:
        NotYours: it changed hands since the agent saw ``token``; nothing may be sent.
    """
    row = await held(connection, conversation_id)
    if row.state not in _HELD or row.agent != agent or row.token != token:
        raise NotYours(row.agent, row.state)
    values: dict[str, Any] = {"waiting_since": None, "answer_due": None}
    if row.answered_at is None:
        values["answered_at"] = now
    await _set(connection, row, values)
    return row


_KEPT: Mapping[str, Any] = {"waiting_since": None, "answer_due": None, "resolve_due": None, "alerted_at": None}
"""Promises of a conversation that nobody waits in."""


async def _as_seen(connection: AsyncConnection, conversation_id: str, over: int | None, actor: Actor) -> Any:
    """The row, if it is still as it was seen, or the actor's own meanwhile."""
    row = await held(connection, conversation_id)
    own = row.state in _HELD and actor == Actor("agent", row.agent)
    if over is not None and over != row.token and not own:
        raise NotYours(row.agent, row.state)
    return row


async def _set(connection: AsyncConnection, row: Any, values: Mapping[str, Any]) -> None:
    await connection.execute(update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == row.id).values(**values))


async def _note(
    connection: AsyncConnection, row: Any, event: str, actor: Actor, now: datetime, text: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    await record(connection, row.id, row.customer_id, event, actor=actor, now=now, text=text, detail=detail)
