"""The rows of topics: wished for, found where something is to be done, held by one process, changed.

The row comes first: however many messages begin a conversation, and whoever sees them, it has one topic.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import BigInteger, exists, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.topics.reading import TAIL, tail_begins
from campaigns.responding.failures import BOUNCED
from core.machines.conversation import ConversationState
from storage.intake import storable
from storage.outbox.columns import table
from storage.statements import insert_missing, lease_clock
from storage.store import Store
from storage.tables import Conversation, ConversationEvent, Customer, DeskTopic, Message

TOPICS = table(DeskTopic)
_CONVERSATIONS, _CUSTOMERS = table(Conversation), table(Customer)
_MESSAGES, _EVENTS = table(Message), table(ConversationEvent)
STAFFED = frozenset({ConversationState.QUEUED, ConversationState.ASSIGNED, ConversationState.SNOOZED})
"""States in which a conversation is with people of ours, or waits for them."""
AT_ONCE = 100
LEASE_SECONDS = 90
MOST_NOTICE = 3000
GAP = "\n\n"


def group_of(conversation_id: str, groups: Sequence[str]) -> str:
    """Which group a conversation's topic is in: each takes its part, always the same."""
    return groups[crc32(conversation_id.encode()) % len(groups)]


async def wish(store: Store, groups: Sequence[str], now: datetime) -> int:
    """A row for each conversation that wants a topic and has none; gives how many were missing."""
    missing = (
        select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.customer_id)
        .where(
            _CONVERSATIONS.c.state.in_(sorted(STAFFED)),
            ~exists().where(TOPICS.c.conversation_id == _CONVERSATIONS.c.id),
        )
        .limit(AT_ONCE)
    )
    await _move(store, groups)
    async with store.read() as connection:
        rows = (await connection.execute(missing)).all()
        begins = {row.id: await tail_begins(connection, row.id, row.customer_id, TAIL) for row in rows}
    if rows:
        made = [
            DeskTopic(
                conversation_id=row.id, customer_id=row.customer_id, chat_id=group_of(row.id, groups), created_at=now,
                mirrored=begins[row.id],
            ).model_dump()
            for row in rows
        ]  # fmt: skip
        async with store.write() as connection:
            await insert_missing(connection, TOPICS, made)
    return len(rows)


async def _move(store: Store, groups: Sequence[str]) -> None:
    """Topics of open chats in a group that is not ours any more are wished for elsewhere."""
    staffed = exists().where(
        _CONVERSATIONS.c.id == TOPICS.c.conversation_id, _CONVERSATIONS.c.state.in_(sorted(STAFFED))
    )
    strayed = select(TOPICS.c.conversation_id).where(TOPICS.c.chat_id.not_in(sorted(groups)), staffed).limit(AT_ONCE)
    async with store.read() as connection:
        ids = list(await connection.scalars(strayed))
    for id_ in ids:
        elsewhere = {"chat_id": group_of(id_, groups), "thread_id": None, "making": False, "closed": False}
        await change(store, id_, **elsewhere)


async def due(connection: AsyncConnection, groups: Collection[str]) -> Sequence[Any]:
    """Topics of ``groups`` with something to do, those first that are the furthest behind."""
    state = _CONVERSATIONS.c.state
    said = exists().where(
        _MESSAGES.c.customer_id == TOPICS.c.customer_id, _MESSAGES.c.conversation_id == TOPICS.c.conversation_id,
        _MESSAGES.c.id > TOPICS.c.mirrored,
    )  # fmt: skip
    happened = exists().where(_EVENTS.c.conversation_id == TOPICS.c.conversation_id, _EVENTS.c.id > TOPICS.c.mirrored)
    bounced = exists().where(
        _EVENTS.c.conversation_id == TOPICS.c.conversation_id, _EVENTS.c.event == BOUNCED,
        _EVENTS.c.id > TOPICS.c.mirrored,
    )  # fmt: skip
    staffed = state.in_(sorted(STAFFED))
    there = TOPICS.c.thread_id.is_not(None)
    wanted = or_(
        staffed & (TOPICS.c.thread_id.is_(None) | TOPICS.c.closed.is_(True)),
        there & ((TOPICS.c.notice != "") | bounced),
        there & TOPICS.c.closed.is_(False) & or_(state == ConversationState.RESOLVED, said, happened),
    )
    found = await connection.execute(
        select(TOPICS.c.conversation_id, TOPICS.c.chat_id, state, _CONVERSATIONS.c.channel, _CUSTOMERS.c.first_name,
               _CUSTOMERS.c.last_name, bounced.label("bounced"))
        .join(_CONVERSATIONS, _CONVERSATIONS.c.id == TOPICS.c.conversation_id)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == TOPICS.c.customer_id)
        .where(TOPICS.c.chat_id.in_(sorted(groups)), wanted)
        .order_by(TOPICS.c.mirrored, TOPICS.c.conversation_id)
        .limit(AT_ONCE)
    )  # fmt: skip
    return found.all()


async def hold(store: Store, conversation_id: str) -> Any:
    """The topic's row for this process alone, for :data:`LEASE_SECONDS`; None where another has it."""
    lease = literal(LEASE_SECONDS * 1_000_000, BigInteger())
    async with store.write() as connection:
        held = await connection.execute(
            update(TOPICS)
            .where(
                TOPICS.c.conversation_id == conversation_id,
                or_(TOPICS.c.busy_until.is_(None), TOPICS.c.busy_until < lease_clock()),
            )
            .values(busy_until=lease_clock() + lease)
            .returning(*TOPICS.c)
        )
        return held.first()


async def change(store: Store, conversation_id: str, **values: Any) -> None:
    """Write down what became of the topic."""
    async with store.write() as connection:
        await connection.execute(update(TOPICS).where(TOPICS.c.conversation_id == conversation_id).values(**values))


async def tell(connection: AsyncConnection, conversation_id: str, words: str) -> None:
    """Have staff told ``words`` in the topic; what waits there already comes before."""
    words = storable(words)[:MOST_NOTICE]
    waiting = TOPICS.c.notice
    await connection.execute(
        update(TOPICS)
        .where(TOPICS.c.conversation_id == conversation_id, func.length(waiting) < MOST_NOTICE)
        .values(notice=waiting.concat(words + GAP))
    )


def without(told: str) -> Any:
    """The notice once ``told``, its beginning, was said: what was added meanwhile stays."""
    return func.substr(TOPICS.c.notice, len(told) + 1)
