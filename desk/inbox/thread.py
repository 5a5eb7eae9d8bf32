"""The thread: everything said to and by a customer over every channel, and what became of their conversations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.answering import WROTE
from bot.handoff.record import NOTE
from core.machines.message import MessageState
from desk.inbox.files import SHOWN
from storage.outbox.columns import table
from storage.tables import Agent, Campaign, ConversationEvent, Message

_MESSAGES, _EVENTS, _AGENTS, _CAMPAIGNS = table(Message), table(ConversationEvent), table(Agent), table(Campaign)
PAGE = 60
Voice = Literal["customer", "agent", "bot", "campaign", "note", "event"]
_GHOSTS = (MessageState.CANCELLED, MessageState.SKIPPED)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment: ``hash`` names its bytes, empty while they are being fetched."""

    name: str
    media_type: str
    size: int
    hash: str

    @property
    def picture(self) -> bool:
        """Whether it is shown in the thread."""
        return self.media_type.partition(";")[0].strip().lower() in SHOWN


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the thread. ``who`` is the agent or the campaign by name; ``event``, ``detail``: an event's."""

    id: str
    voice: Voice
    at: datetime
    who: str = ""
    channel: str = ""
    subject: str = ""
    text: str = ""
    state: MessageState | None = None
    reason: str = ""
    files: tuple[File, ...] = ()
    event: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    raw: str = ""

    @property
    def outgoing(self) -> bool:
        return self.voice in ("agent", "bot", "campaign")


async def entries(
    connection: AsyncConnection, customer_id: str, *, before: str = "", after: str = "", limit: int = PAGE
) -> Sequence[Entry]:
    """``limit`` of the thread, the oldest first: the newest, those before an entry's id, or the next after one's.

    Ids rise with time.
    """
    people = await _names(connection)
    messages = select(_MESSAGES, _CAMPAIGNS.c.name.label("campaign_name")).select_from(
        _MESSAGES.outerjoin(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id)
    )
    found: list[Entry] = []
    for rows, ids, read in (
        (messages.where(_MESSAGES.c.customer_id == customer_id, _MESSAGES.c.state.not_in(_GHOSTS)), _MESSAGES.c.id,
         _message),
        (select(_EVENTS).where(_EVENTS.c.customer_id == customer_id), _EVENTS.c.id, _event),
    ):  # fmt: skip
        some = rows.where(ids < before) if before else rows
        some = some.where(ids > after) if after else some
        nearest = await connection.execute(some.order_by(ids.asc() if after else ids.desc()).limit(limit))
        found += [read(row, people) for row in nearest]
    found.sort(key=lambda entry: entry.id)
    return found[:limit] if after else found[-limit:]


async def _names(connection: AsyncConnection) -> Mapping[str, str]:
    return {row.id: row.name for row in await connection.execute(select(_AGENTS.c.id, _AGENTS.c.name))}


def _message(row: Any, people: Mapping[str, str]) -> Entry:
    content = row.content or {}
    voice, who = _voice(row, people)
    files = tuple(
        File(
            str(one.get("name", "")), str(one.get("media_type", "")), int(one.get("size", 0)), str(one.get("blob", ""))
        )
        for one in content.get("attachments", ())
        if isinstance(one, Mapping)
    )
    return Entry(
        id=row.id, voice=voice, who=who, at=row.sent_at or row.created_at, channel=row.channel,
        subject=row.subject or str(content.get("subject", "")), text=row.body or str(content.get("text", "")),
        state=None if voice == "customer" else row.state, reason=row.reason, files=files, raw=row.raw_blob,
    )  # fmt: skip


def _voice(row: Any, people: Mapping[str, str]) -> tuple[Voice, str]:
    if row.direction == "in":
        return "customer", str((row.content or {}).get("name", ""))
    if row.campaign_id is not None:
        return "campaign", row.campaign_name or ""
    token = row.client_token or ""
    if token.startswith(WROTE):
        return "agent", people.get(token.removeprefix(WROTE).partition(":")[0], "")
    return "bot", ""


def _event(row: Any, people: Mapping[str, str]) -> Entry:
    kind, _, id_ = row.actor.partition(":")
    detail = dict(row.detail or {})
    for name in ("agent", "from"):
        if name in detail:
            detail[name] = people.get(detail[name], "")
    return Entry(
        id=row.id, voice="note" if row.event == NOTE else "event", at=row.at,
        who=people.get(id_, "") if kind == "agent" else "", text=row.text, event=row.event, detail=detail,
    )  # fmt: skip
