"""Writing: everything that a batch decided, in a few statements. Whoever calls has locked the customers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.batches.deciding import Decided
from bot.senders import touch_all
from campaigns.responding.replies import record_replies
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.tables import Conversation, Customer, Identity, Message
from storage.types import Instant, Word

_CONVERSATIONS, _CUSTOMERS = table(Conversation), table(Customer)
_IDENTITIES, _MESSAGES = table(Identity), table(Message)
_GOES_ON = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("which"))
    .values(
        channel=bindparam("new_channel"),
        last_at=bindparam("new_last_at", type_=Instant()),
        last_text=bindparam("new_last_text"),
    )
)
_SEEN_IN = (
    update(_CUSTOMERS)
    .where(_CUSTOMERS.c.id == bindparam("which"), _CUSTOMERS.c.zone_guess != bindparam("seen_in"))
    .values(zone_guess=bindparam("seen_in"), updated_at=bindparam("at", type_=Instant()))
)  # most of the time it changes nothing
_BEGINS_AGAIN = _GOES_ON.values(state=bindparam("new_state", type_=Word(ConversationState)))


async def write(connection: AsyncConnection, decided: Decided, now: datetime) -> None:
    """Write what was decided; ``now`` is business time.

    Raises:
        IntegrityError: somebody else wrote one of the rows meanwhile: then nothing of this transaction may stand.
    """
    await _insert(connection, _CUSTOMERS, decided.customers)
    # in one order everywhere: two processes may meet the same strangers
    await _insert(connection, _IDENTITIES, sorted(decided.identities, key=lambda row: (row["channel"], row["address"])))
    await touch_all(connection, decided.heard)
    if decided.zones:
        seen = [{"which": id_, "seen_in": zone, "at": now} for id_, zone in sorted(decided.zones.items())]
        await connection.execute(_SEEN_IN, seen)
    await _insert(connection, _CONVERSATIONS, decided.conversations)
    going_on = [_latest(id_, last) for id_, last in sorted(decided.last.items()) if id_ not in decided.reopened]
    if going_on:
        await connection.execute(_GOES_ON, going_on)
    again = [{**_latest(id_, decided.last[id_]), "new_state": to} for id_, to in sorted(decided.reopened.items())]
    if again:
        await connection.execute(_BEGINS_AGAIN, again)
    await _insert(connection, _MESSAGES, decided.messages)
    await _insert(connection, _MESSAGES, decided.answers)
    await record_replies(connection, decided.replies, now)


def _latest(conversation_id: str, last: Mapping[str, Any]) -> dict[str, Any]:
    return {"which": conversation_id, **{f"new_{name}": value for name, value in last.items()}}


async def _insert(connection: AsyncConnection, into: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(into.insert(), rows)
