"""What a conversation has that its topic may not: read from the store, oldest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.record import NOTE
from bot.topics.wording import UNDELIVERED, Entry
from campaigns.responding.failures import BOUNCED
from core.agents import WROTE
from core.clock import machine_now
from core.ids import id_floor
from core.machines.message import MessageState
from core.messages import Attachment
from core.text import clipped
from storage.outbox.columns import table
from storage.tables import Agent, ConversationEvent, Message

_MESSAGES, _EVENTS, _AGENTS = table(Message), table(ConversationEvent), table(Agent)
AT_ONCE = 100
TAIL = 15
"""Entries that a new topic begins with; what came since it was wished for comes too, however much it is."""
MOST_FILES = 10
QUOTE_LENGTH = 80
_GHOSTS = (MessageState.CANCELLED, MessageState.SKIPPED)
_NOT_LEFT = (MessageState.PLANNED, MessageState.CLAIMED)
_OPEN = (*_NOT_LEFT, MessageState.DISPATCHING, MessageState.UNKNOWN)
_ARRIVED = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ)


ID_LENGTH = 26
"""A file's entry has its message's id and a sign more, so that it stands behind it and before the next."""
FILE_WAIT = timedelta(minutes=10)
"""For so long a file is waited for that is not fetched yet, and an answer whose fate is open. Machine time."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry. ``pending``: the bot's, and may yet be dropped; or a file that is not here yet.

    ``outcome``: what became of an agent's answer, told only where it did not arrive. ``key`` is the draft's of an
    agent's answer, ``file`` what is to be shown (its ``blob`` names the bytes).
    """

    entry: Entry
    pending: bool = False
    key: str = ""
    outcome: bool = False
    file: Attachment | None = None

    @property
    def message(self) -> str:
        """The id of the message, or event, that it belongs to."""
        return self.entry.id[:ID_LENGTH]


async def entries_after(
    connection: AsyncConnection, conversation_id: str, customer_id: str, after: str
) -> Sequence[Found]:
    """The oldest :data:`AT_ONCE` entries with an id above ``after``."""
    people = {row.id: row.name for row in await connection.execute(select(_AGENTS.c.id, _AGENTS.c.name))}
    messages = select(_MESSAGES).where(
        _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.conversation_id == conversation_id,
        _MESSAGES.c.id > after,
        _MESSAGES.c.state.not_in(_GHOSTS) | _MESSAGES.c.client_token.startswith(WROTE),
    )  # fmt: skip
    events = select(_EVENTS).where(_EVENTS.c.conversation_id == conversation_id, _EVENTS.c.id > after)
    said = await connection.execute(messages.order_by(_MESSAGES.c.id).limit(AT_ONCE))
    happened = await connection.execute(events.order_by(_EVENTS.c.id).limit(AT_ONCE))
    rows = said.all()
    quoted = await _quoted(connection, customer_id, rows)
    found = [_event(row, people) for row in happened]
    for row in rows:
        shown = _message(row, people, quoted)
        found += [shown, *_files(row, shown), *_outcome(row, shown)]
    return _cut(sorted(found, key=lambda one: one.entry.id))


async def tail_begins(connection: AsyncConnection, conversation_id: str, customer_id: str, length: int) -> str:
    """The id after which the newest ``length`` entries come; empty where there are no more."""
    messages = select(_MESSAGES.c.id).where(
        _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.conversation_id == conversation_id
    )
    events = select(_EVENTS.c.id).where(_EVENTS.c.conversation_id == conversation_id)
    both = union_all(messages, events).subquery()
    found = await connection.scalar(select(both.c.id).order_by(both.c.id.desc()).offset(length).limit(1))
    return str(found or "")


def _cut(found: Sequence[Found]) -> Sequence[Found]:
    """The first :data:`AT_ONCE`, and what belongs to the last of them."""
    last = found[AT_ONCE - 1].message if len(found) >= AT_ONCE else ""
    return [one for place, one in enumerate(found) if place < AT_ONCE or one.message == last]


async def _quoted(connection: AsyncConnection, customer_id: str, rows: Sequence[Any]) -> Mapping[str, str]:
    """By provider id: the beginnings of our messages that some of ``rows`` answer."""
    wanted = {str((row.content or {}).get("in_reply_to", "")) for row in rows if row.direction == "in"} - {""}
    if not wanted:
        return {}
    ours = select(_MESSAGES.c.provider_id, _MESSAGES.c.body, _MESSAGES.c.content).where(
        _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.provider_id.in_(sorted(wanted))
    )
    said = {
        row.provider_id: row.body or str((row.content or {}).get("text", "")) for row in await connection.execute(ours)
    }
    return {key: clipped(" ".join(text.split()), QUOTE_LENGTH) for key, text in said.items()}


def _files(row: Any, shown: Found) -> list[Found]:
    """Files of customers, and of agents who wrote elsewhere: what the bot and campaigns carry is only named."""
    if shown.entry.voice not in ("customer", "agent"):
        return []
    found, late = [], row.id < id_floor(machine_now() - FILE_WAIT)
    for place, one in enumerate((row.content or {}).get("attachments", ())[:MOST_FILES]):
        name, media_type = (
            str(one.get("name") or "?"),
            str(one.get("media_type") or "").partition(";")[0].strip().lower(),
        )
        blob, gone = str(one.get("blob") or ""), bool(one.get("missing"))
        entry = replace(shown.entry, id=f"{row.id}+{place}", text="", files=(), missing=name)
        file = Attachment(name, media_type, int(one.get("size") or 0), blob=blob) if blob else None
        found.append(Found(entry, pending=file is None and not (gone or late), key=shown.key, file=file))
    return found


def _outcome(row: Any, shown: Found) -> list[Found]:
    """What became of an agent's answer, unless it arrived. Of one that came back later there is an event."""
    if shown.entry.voice != "agent" or row.state in (*_ARRIVED, MessageState.FAILED):
        return []
    open_ = row.state in _OPEN and row.id >= id_floor(machine_now() - FILE_WAIT)
    said = {"state": str(row.state.value), "why": str(row.reason or "")}
    text = clipped(" ".join(shown.entry.text.split()), QUOTE_LENGTH)
    entry = Entry(id=f"{row.id}!", voice="event", text=text, event=UNDELIVERED, detail=said)
    return [Found(entry, pending=open_, outcome=True)]


def _message(row: Any, people: Mapping[str, str], quoted: Mapping[str, str]) -> Found:
    content = row.content or {}
    files = tuple(str(one.get("name") or "?") for one in content.get("attachments", ()) if isinstance(one, Mapping))
    said = {
        "id": row.id, "channel": row.channel, "subject": row.subject or str(content.get("subject", "")),
        "text": row.body or str(content.get("text", "")), "files": files,
    }  # fmt: skip
    if row.direction == "in":
        answered = quoted.get(str(content.get("in_reply_to", "")), "")
        who, edited = str(content.get("name", "")), bool(content.get("replaces"))
        return Found(Entry(voice="customer", who=who, quote=answered, edited=edited, **said))
    token = row.client_token or ""
    if token.startswith(WROTE):
        agent, _, key = token.removeprefix(WROTE).partition(":")
        edited = bool(content.get("replaces"))
        return Found(Entry(voice="agent", who=people.get(agent, ""), edited=edited, **said), key=key)
    return Found(Entry(voice="bot", **said), pending=row.state in _NOT_LEFT)


def _event(row: Any, people: Mapping[str, str]) -> Found:
    if row.event == BOUNCED:
        told = {"state": str(MessageState.FAILED), "why": str((row.detail or {}).get("why", ""))}
        return Found(Entry(id=row.id, voice="event", text=row.text, event=UNDELIVERED, detail=told))
    kind, _, id_ = row.actor.partition(":")
    agent = people.get(str((row.detail or {}).get("agent", "")), "")
    return Found(
        Entry(
            id=row.id, voice="note" if row.event == NOTE else "event", text=row.text, event=row.event,
            who=people.get(id_, "") if kind == "agent" else "", detail={"agent": agent},
        )
    )  # fmt: skip
