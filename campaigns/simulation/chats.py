"""Conversations in a simulation: replies open them, handoffs queue them, the desk's agents answer and resolve them.

What campaigns see of the desk is that they hold while a person talks with the customer, and for a rest after it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.gates.live_chat import REST
from campaigns.running.commands import Finish, OpenCommand
from campaigns.running.handing_over import queue_conversation
from core.clock import Clock
from core.ids import new_ids
from core.machines.conversation import ASSIGN, CONVERSATION, LIVE_CHAT, RESOLVE, ConversationState
from core.transitions import apply
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.statements import insert_missing, lock_customers
from storage.store import Store
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)
AGENT = "simulation"


class ChatTurn(NamedTuple):
    """What an agent does about a conversation."""

    conversation_id: str
    what: Literal["assign", "resolve"]


class Desk:
    """Carries out ``handoff`` commands; ``opened`` are the conversations that wait for an agent since, by customer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.opened: dict[str, str] = {}

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        """Queue the customer's conversation."""
        customer_id = str(command.payload["customer_id"])
        async with self._store.write() as connection:
            note, now = str(command.payload.get("note", "")), self._clock.now()
            self.opened[customer_id] = await queue_conversation(connection, customer_id, note, now)
            await finish(connection)

    def take_opened(self) -> Mapping[str, str]:
        """What was opened since the last time that this was asked."""
        opened, self.opened = self.opened, {}
        return opened


async def serve(connection: AsyncConnection, turns: Iterable[ChatTurn], now: datetime) -> int:
    """Let agents take conversations and be done with them; gives how many were resolved."""
    wanted = {turn.conversation_id: turn.what for turn in turns}
    rows = (await connection.execute(_KNOWN, {IDS: sorted(wanted)})).all()
    moves: dict[tuple[str, ConversationState], list[str]] = {}
    for row in rows:
        moves.setdefault((wanted[row.id], row.state), []).append(row.id)
    resolved = 0
    for (what, state), ids in sorted(moves.items()):
        transition = ASSIGN if what == "assign" else RESOLVE
        if state not in transition.sources or (what == "assign" and state is ConversationState.ASSIGNED):
            continue  # somebody else was faster
        values = {"state": apply(CONVERSATION, state, transition.event)}
        ended = {"resolved_at": now} if what == "resolve" else {"agent": AGENT}
        await connection.execute(
            update(_CONVERSATIONS).where(given_ids(_CONVERSATIONS.c.id)).values(**values, **ended), {IDS: ids}
        )
        resolved += len(ids) if what == "resolve" else 0
    return resolved


_KNOWN = (
    select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state)
    .where(given_ids(_CONVERSATIONS.c.id))
    .order_by(_CONVERSATIONS.c.id)
)


async def standing(connection: AsyncConnection, now: datetime) -> tuple[list[str], list[datetime]]:
    """In a copy of a real store: the live chats that are open, and when the rests after others are over."""
    talks = await connection.scalars(
        select(_CONVERSATIONS.c.id)
        .where(_CONVERSATIONS.c.state.in_([state.value for state in LIVE_CHAT]))
        .order_by(_CONVERSATIONS.c.opened_at, _CONVERSATIONS.c.id)
    )
    ended = await connection.scalars(
        select(_CONVERSATIONS.c.resolved_at)
        .where(_CONVERSATIONS.c.agent != "", _CONVERSATIONS.c.resolved_at > now - REST)
        .distinct()
    )
    return list(talks), sorted(at + REST for at in ended)


async def write_in(connection: AsyncConnection, written: Sequence[tuple[str, str]], now: datetime) -> None:
    """These customers write, each on a channel: their conversation goes on, is opened again, or begins.

    As :func:`bot.conversations.log_inbound` does it: nobody but the bot takes a conversation over by itself.
    """
    channels = dict(written)
    if not channels:
        return
    await lock_customers(connection, sorted(channels), shared=False)
    rows = (await connection.execute(_THEIRS, {IDS: sorted(channels)})).all()
    latest = dict(_latest(rows))
    resolved = [id_ for id_, state in latest.values() if state is ConversationState.RESOLVED]
    going_on = [id_ for id_, state in latest.values() if state is not ConversationState.RESOLVED]
    again = {"state": _REOPENED}
    for ids, values in ((resolved, again), (going_on, {})):
        if ids:
            await connection.execute(
                update(_CONVERSATIONS).where(given_ids(_CONVERSATIONS.c.id)).values(last_at=now, **values), {IDS: ids}
            )
    fresh = [customer for customer in sorted(channels) if customer not in latest]
    new = [
        {
            "id": id_, "customer_id": customer, "state": CONVERSATION.initial, "verified": True,
            "channel": channels[customer], "opened_at": now, "last_at": now, "last_text": "", "agent": "", "token": 0,
        }
        for customer, id_ in zip(fresh, new_ids(len(fresh)), strict=True)
    ]  # fmt: skip
    await insert_missing(connection, _CONVERSATIONS, new)


_REOPENED = apply(CONVERSATION, ConversationState.RESOLVED, "ConversationReopened", {"flow_takes_it": True})
_THEIRS = (
    select(_CONVERSATIONS.c.customer_id, _CONVERSATIONS.c.id, _CONVERSATIONS.c.state)
    .where(given_ids(_CONVERSATIONS.c.customer_id), _CONVERSATIONS.c.verified.is_(True))
    .order_by(_CONVERSATIONS.c.last_at, _CONVERSATIONS.c.id)
)


def _latest(rows: Iterable[tuple[str, str, ConversationState]]) -> Iterator[tuple[str, tuple[str, ConversationState]]]:
    """Per customer the conversation that goes on: the last one, an unresolved one rather than any other."""
    for customer, id_, state in (row for row in rows if row[2] is ConversationState.RESOLVED):
        yield customer, (id_, state)
    for customer, id_, state in (row for row in rows if row[2] is not ConversationState.RESOLVED):
        yield customer, (id_, state)
