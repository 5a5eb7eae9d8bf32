"""What a conversation has that its topic may not: read from the store, oldest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.answering import WROTE
from bot.handoff.record import NOTE
from bot.topics.wording import Entry
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Agent, ConversationEvent, Message

_MESSAGES, _EVENTS, _AGENTS = table(Message), table(ConversationEvent), table(Agent)
AT_ONCE = 100
_GHOSTS = (MessageState.CANCELLED, MessageState.SKIPPED)
_NOT_LEFT = (MessageState.PLANNED, MessageState.CLAIMED)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry. ``pending``: the bot's, and may yet be dropped. ``key`` is the draft's of an agent's answer."""

    entry: Entry
    pending: bool = False
    key: str = ""


async def entries_after(
    connection: AsyncConnection, conversation_id: str, customer_id: str, after: str
) -> Sequence[Found]:
    """The oldest :data:`AT_ONCE` entries with an id above ``after``."""
    people = {row.id: row.name for row in await connection.execute(select(_AGENTS.c.id, _AGENTS.c.name))}
    messages = select(_MESSAGES).where(
        _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.conversation_id == conversation_id,
        _MESSAGES.c.id > after, _MESSAGES.c.state.not_in(_GHOSTS),
    )  # fmt: skip
    events = select(_EVENTS).where(_EVENTS.c.conversation_id == conversation_id, _EVENTS.c.id > after)
    said = await connection.execute(messages.order_by(_MESSAGES.c.id).limit(AT_ONCE))
    happened = await connection.execute(events.order_by(_EVENTS.c.id).limit(AT_ONCE))
    found = [*(_message(row, people) for row in said), *(_event(row, people) for row in happened)]
    return sorted(found, key=lambda one: one.entry.id)[:AT_ONCE]


async def tail_begins(connection: AsyncConnection, conversation_id: str, customer_id: str, length: int) -> str:
    """The id after which the newest ``length`` entries come; empty where there are no more."""
    messages = select(_MESSAGES.c.id).where(
        _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.conversation_id == conversation_id
    )
    events = select(_EVENTS.c.id).where(_EVENTS.c.conversation_id == conversation_id)
    both = union_all(messages, events).subquery()
    found = await connection.scalar(select(both.c.id).order_by(both.c.id.desc()).offset(length).limit(1))
    return str(found or "")


def _message(row: Any, people: Mapping[str, str]) -> Found:
    content = row.content or {}
    files = tuple(str(one.get("name") or "?") for one in content.get("attachments", ()) if isinstance(one, Mapping))
    said = {
        "id": row.id, "channel": row.channel, "subject": row.subject or str(content.get("subject", "")),
        "text": row.body or str(content.get("text", "")), "files": files,
    }  # fmt: skip
    if row.direction == "in":
        return Found(Entry(voice="customer", who=str(content.get("name", "")), **said))
    token = row.client_token or ""
    if token.startswith(WROTE):
        agent, _, key = token.removeprefix(WROTE).partition(":")
        return Found(Entry(voice="agent", who=people.get(agent, ""), **said), key=key)
    return Found(Entry(voice="bot", **said), pending=row.state in _NOT_LEFT)


def _event(row: Any, people: Mapping[str, str]) -> Found:
    kind, _, id_ = row.actor.partition(":")
    agent = people.get(str((row.detail or {}).get("agent", "")), "")
    return Found(
        Entry(
            id=row.id, voice="note" if row.event == NOTE else "event", text=row.text, event=row.event,
            who=people.get(id_, "") if kind == "agent" else "", detail={"agent": agent},
        )
    )  # fmt: skip
