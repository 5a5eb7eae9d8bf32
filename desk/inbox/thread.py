"""The thread: everything said to and by a customer over every channel, and what became of their conversations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.record import NOTE
from core.agents import WROTE
from core.ids import is_id
from core.machines.message import MessageState
from desk.inbox.edits import Edits, edits_after, firsts_of, replaced_by
from desk.inbox.files import SHOWN
from storage.outbox.columns import table
from storage.tables import Agent, Campaign, ConversationEvent, Message

_MESSAGES, _EVENTS, _AGENTS, _CAMPAIGNS = table(Message), table(ConversationEvent), table(Agent), table(Campaign)
PAGE = 60
Voice = Literal["customer", "agent", "bot", "campaign", "note", "event"]
_GHOSTS = (MessageState.CANCELLED, MessageState.SKIPPED)
_AGENT, _TOLD_OF = "agent:", ("agent", "from")
"""What an agent's name begins with where they did something, and the details of an event that name agents."""
_SAID = (
    select(_MESSAGES, _CAMPAIGNS.c.name.label("campaign_name"))
    .select_from(_MESSAGES.outerjoin(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id))
    .where(_MESSAGES.c.customer_id == bindparam("customer"), _MESSAGES.c.state.not_in(_GHOSTS))
)
_HAPPENED = select(_EVENTS).where(_EVENTS.c.customer_id == bindparam("customer"))
_NAMED = select(_AGENTS.c.id, _AGENTS.c.name).where(_AGENTS.c.id.in_(bindparam("ids", expanding=True)))


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
    """One thing in the thread. ``who`` is the agent or the campaign by name; ``event``, ``detail``: an event's.

    ``edited``: its words took the place of ``earlier`` ones, the oldest first (none where they stand further up);
    ``sent`` is the message whose state is told. ``folded``: its words stand in the place of an earlier entry's.
    """

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
    sent: str = ""
    edited: bool = False
    earlier: tuple[str, ...] = ()
    folded: bool = False

    @property
    def outgoing(self) -> bool:
        return self.voice in ("agent", "bot", "campaign")


async def entries(
    connection: AsyncConnection, customer_id: str, *, before: str = "", after: str = "", limit: int = PAGE
) -> Sequence[Entry]:
    """``limit`` of the thread, the oldest first: the newest, those before an entry's id, or the next after one's.

    Ids rise with time.
    """
    said, _ = await _read(connection, customer_id, before, after, limit)
    return said


async def news(
    connection: AsyncConnection, customer_id: str, after: str, limit: int = PAGE
) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """As :func:`entries` of what came ``after`` one; and older entries that it changed, as they are now."""
    return await _read(connection, customer_id, "", after, limit)


async def _read(
    connection: AsyncConnection, customer_id: str, before: str, after: str, limit: int
) -> tuple[Sequence[Entry], Sequence[Entry]]:
    async def nearest(rows: Any, ids: Any) -> Sequence[Any]:
        some = rows.where(ids < before) if before else rows
        some = some.where(ids > after) if after else some
        some = some.order_by(ids.asc() if after else ids.desc()).limit(limit)
        return (await connection.execute(some, {"customer": customer_id})).all()

    said, happened = await nearest(_SAID, _MESSAGES.c.id), await nearest(_HAPPENED, _EVENTS.c.id)
    beside = await edits_after(connection, customer_id, said, before) if before else []
    older = await firsts_of(connection, customer_id, said) if after else []
    edits = Edits([*said, *beside, *older])
    people = await _names(connection, [*said, *older], happened)
    found = [_message(row, people, edits) for row in said]
    found += [_event(row, people) for row in happened]
    changed = [_message(row, people, edits) for row in older if edits.of(row)]
    found.sort(key=lambda entry: entry.id)
    return found[:limit] if after else found[-limit:], changed


async def _names(connection: AsyncConnection, said: Iterable[Any], happened: Iterable[Any]) -> Mapping[str, str]:
    """The agents who said that, or are told of, by name."""
    ids = {_author(row) for row in said}
    for row in happened:
        ids |= {row.actor.removeprefix(_AGENT)} | {str((row.detail or {}).get(name, "")) for name in _TOLD_OF}
    ids = {id_ for id_ in ids if is_id(id_)}
    if not ids:
        return {}
    return {row.id: row.name for row in await connection.execute(_NAMED, {"ids": sorted(ids)})}


def _author(row: Any) -> str:
    """The agent who wrote a message; empty for anybody else's."""
    token = row.client_token or ""
    return token.removeprefix(WROTE).partition(":")[0] if token.startswith(WROTE) else ""


def _message(row: Any, people: Mapping[str, str], edits: Edits) -> Entry:
    shown = _as_sent(row, people)
    later = edits.of(row)
    if not later:
        return replace(shown, edited=replaced_by(row) is not None, folded=edits.folded(row))
    words = [shown.text, *(_words(one) for one in later)]
    last = later[-1]
    return replace(
        shown, text=words[-1], earlier=tuple(words[:-1]), edited=True, sent=last.id,
        state=last.state if shown.outgoing else None, reason=last.reason,
    )  # fmt: skip


def _words(row: Any) -> str:
    return str(row.body or (row.content or {}).get("text", ""))


def _as_sent(row: Any, people: Mapping[str, str]) -> Entry:
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
        subject=row.subject or str(content.get("subject", "")), text=_words(row), sent=row.id,
        state=None if voice == "customer" else row.state, reason=row.reason, files=files, raw=row.raw_blob,
    )  # fmt: skip


def _voice(row: Any, people: Mapping[str, str]) -> tuple[Voice, str]:
    if row.direction == "in":
        return "customer", str((row.content or {}).get("name", ""))
    if row.campaign_id is not None:
        return "campaign", row.campaign_name or ""
    author = _author(row)
    return ("agent", people.get(author, "")) if author else ("bot", "")


def _event(row: Any, people: Mapping[str, str]) -> Entry:
    kind, _, id_ = row.actor.partition(":")
    detail = dict(row.detail or {})
    for name in _TOLD_OF:
        if name in detail:
            detail[name] = people.get(detail[name], "")
    return Entry(
        id=row.id, voice="note" if row.event == NOTE else "event", at=row.at,
        who=people.get(id_, "") if kind == "agent" else "", text=row.text, event=row.event, detail=detail,
    )  # fmt: skip
