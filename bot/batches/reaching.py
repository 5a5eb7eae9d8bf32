"""Reaching: messages into chats that people have. Those customers wait again; a whole batch in a few statements."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.saying import said_of_answer
from bot.batches.deciding import Turn
from bot.handoff.hours import WorkingHours
from bot.handoff.promises import promised
from bot.languages import LATER, language_of_text, learnt
from bot.learning import learn_language
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import Conversation, Customer
from storage.types import Instant

_CONVERSATIONS, _CUSTOMERS = table(Conversation), table(Customer)
_TALKS = select(
    _CONVERSATIONS.c.id, _CONVERSATIONS.c.state, _CONVERSATIONS.c.queue, _CONVERSATIONS.c.waiting_since,
    _CONVERSATIONS.c.blocked_at, _CUSTOMERS.c.locale, _CUSTOMERS.c.locale_by,
).join(_CUSTOMERS, _CUSTOMERS.c.id == _CONVERSATIONS.c.customer_id)  # fmt: skip
_WAITS = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("which"), _CONVERSATIONS.c.waiting_since.is_(None))
    .values(waiting_since=bindparam("since", type_=Instant()), answer_due=bindparam("due", type_=Instant()))
)
_WITH_PEOPLE = frozenset({ConversationState.QUEUED, ConversationState.ASSIGNED})


async def reach_people(connection: AsyncConnection, turns: Sequence[Turn]) -> Sequence[Turn]:
    """Let people know of what was written to them; gives the messages that somebody else may answer, in order.

    The same as :func:`bot.conversing.converse` does for each of them. A snoozed chat, and a word on an answer of the
    bot, are left to that.
    """
    talks = await _talks(connection, sorted({turn.conversation_id for turn in turns}))
    waits: dict[str, dict[str, Any]] = {}
    left = []
    for turn in turns:
        talk = talks[turn.conversation_id]
        if talk.state not in _WITH_PEOPLE or talk.blocked_at is not None or said_of_answer(turn.inbound.button):
            left.append(turn)
            continue
        if talk.waiting_since is None and talk.id not in waits:
            waits[talk.id] = _wait(turn, talk)
        written = language_of_text(turn.inbound.text)
        if learnt(talk.locale, talk.locale_by, [written] * LATER) is not None:
            await learn_language(connection, turn.sender.customer_id, turn.inbound.text, turn.context.now)
    if waits:
        await connection.execute(_WAITS, list(waits.values()))
    return left


async def _talks(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in chunks(ids):
        found |= {row.id: row for row in await connection.execute(_TALKS.where(_CONVERSATIONS.c.id.in_(part)))}
    return found


def _wait(turn: Turn, talk: Any) -> dict[str, Any]:
    context = turn.context
    hours = WorkingHours.of(context.config.staff, context.config.zone)
    due = promised(context.config.desk.queue(talk.queue), hours, context.now).answer
    return {"which": talk.id, "since": context.received_at, "due": due}
