"""Merging: one customer becomes another, in one transaction, with a journal by which they can be two again.

The survivor keeps what is theirs; what they lack they get. Every row of the merged customer becomes theirs
(:mod:`storage.merging`); this says what that means where a customer may have one of a kind: of two open journeys
through a campaign, of two promises of a product, of two open conversations.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.filling import gaps_filled
from campaigns.offers.granting import end_expired
from campaigns.running.closing import close_enrolments
from core.actors import Actor
from core.errors import Refused, TransactionLost
from core.ids import ANONYMOUS, new_id
from core.machines.conversation import CONVERSATION, LIVE_CHAT, RESOLVE, ConversationState
from core.machines.enrolment import EXIT
from core.machines.flow_run import FLOW_RUN, LEAVE
from core.transitions import apply
from storage.merging.journal import Journal
from storage.merging.keys import unique_keys
from storage.merging.repointing import lock_whole, repoint, return_claims
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import (
    Audit,
    Conversation,
    Customer,
    Enrolment,
    EnrolmentHistory,
    FlowRun,
    Grant,
    Merge,
    MergedCustomer,
    Message,
)

MERGED = "merged"
TRIES = 3

_CUSTOMERS, _ENROLMENTS, _HISTORY, _GRANTS = table(Customer), table(Enrolment), table(EnrolmentHistory), table(Grant)
_CONVERSATIONS, _MESSAGES, _RUNS = table(Conversation), table(Message), table(FlowRun)
_MERGES, _TOMBSTONES, _AUDIT = table(Merge), table(MergedCustomer), table(Audit)


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: its id, the rows that it moved by table, and what it ended for good."""

    id: str
    survivor_id: str
    moved: Mapping[str, int]
    journeys_ended: int
    grants_ended: int
    conversations_joined: int


class _Rehearsed(Exception):
    """Takes the transaction back; nobody else meets it."""

    def __init__(self, merged: Merged) -> None:
        self.merged = merged


async def merge_customers(
    store: Store, merged_id: str, survivor_id: str, actor: Actor, now: datetime, *, source: str, rehearse: bool = False
) -> Merged:
    """Make ``merged_id`` one with ``survivor_id``, who stays; to ``rehearse`` does it and takes it back.

    Raises:
        Refused: if one of them is not there, they are one already, or one was erased.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            async with store.unhurried() as connection:
                merged = await merge_on(connection, merged_id, survivor_id, actor, now, source=source)
                _take_back(merged, rehearse)
                return merged
        except _Rehearsed as rehearsed:
            return rehearsed.merged
        except TransactionLost:  # the messages of two people are in more hands than one
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _take_back(merged: Merged, rehearse: bool) -> None:  # noqa: FBT001
    if rehearse:
        raise _Rehearsed(merged)


async def merge_on(
    connection: AsyncConnection, merged_id: str, survivor_id: str, actor: Actor, now: datetime, *, source: str
) -> Merged:
    """:func:`merge_customers` in the caller's transaction, which holds no lock of what comes after customers."""
    if merged_id == survivor_id:
        raise Refused("that is one and the same customer")
    await lock_whole(connection, [merged_id, survivor_id])
    rows = await connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id.in_([merged_id, survivor_id])))
    people = {row.id: row for row in rows}
    for id_ in (merged_id, survivor_id):
        if id_ not in people or id_ >= ANONYMOUS:
            raise Refused(f"customer {id_} is not there any more; ask `otklik customer show` who it is now")
    merge: dict[str, Any] = {
        "id": new_id(), "merged_id": merged_id, "survivor_id": survivor_id, "at": now, "actor": str(actor),
        "source": source, "detail": {}, "undone_at": None, "undone_by": "",
    }  # fmt: skip
    await connection.execute(_MERGES.insert(), merge)
    journal = Journal(connection, merge["id"])
    await return_claims(connection, merged_id)
    ended = await _end_younger_journeys(connection, merged_id, survivor_id, now)
    await _renumber_rounds(connection, journal, merged_id, survivor_id)
    grants_ended = await _end_younger_grants(connection, journal, merged_id, survivor_id, now)
    await _end_older_runs(connection, journal, merged_id, survivor_id, now)
    joined = await _join_conversations(connection, journal, merged_id, survivor_id, now)
    await _tell_journeys(connection, merged_id, now)
    await repoint(connection, journal, merged_id, survivor_id)
    await journal.remove(_CUSTOMERS, _CUSTOMERS.c.id == merged_id)
    filled = gaps_filled(dict(people[survivor_id]._mapping), dict(people[merged_id]._mapping))  # noqa: SLF001  public
    if filled:
        await journal.change(_CUSTOMERS, _CUSTOMERS.c.id == survivor_id, filled)
    await connection.execute(_CUSTOMERS.update().where(_CUSTOMERS.c.id == survivor_id).values(updated_at=now))
    await connection.execute(
        _TOMBSTONES.insert(),
        {"id": merged_id, "survivor_id": survivor_id, "external_id": people[merged_id].external_id
         if "external_id" not in filled else None, "merge_id": merge["id"], "at": now},
    )  # fmt: skip
    merged = Merged(merge["id"], survivor_id, journal.moved, len(ended), grants_ended, joined)
    detail = {"moved": merged.moved, "journeys_ended": ended, "grants_ended": grants_ended}
    await connection.execute(_MERGES.update().where(_MERGES.c.id == merge["id"]).values(detail=detail))
    await connection.execute(
        _AUDIT.insert(),
        {"id": new_id(), "at": now, "actor": str(actor), "action": "merge", "subject": "customer",
         "subject_id": survivor_id, "detail": {"merge": merge["id"], "merged": merged_id, "source": source}},
    )  # fmt: skip
    return merged


def _pairs(rows: Iterable[Any], merged_id: str, *names: str) -> list[tuple[Any, Any]]:
    """(the merged customer's, the survivor's) of rows of which each has at most one by the columns ``names``."""
    found: dict[tuple[Any, ...], dict[bool, Any]] = defaultdict(dict)
    for row in rows:
        found[tuple(row._mapping[name] for name in names)][row.customer_id == merged_id] = row  # noqa: SLF001
    return [(both[True], both[False]) for both in found.values() if len(both) > 1]


async def _end_younger_journeys(
    connection: AsyncConnection, merged_id: str, survivor_id: str, now: datetime
) -> list[str]:
    """Of two open journeys through a campaign the older goes on; gives those that ended."""
    open_rows = await connection.execute(
        select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id, _ENROLMENTS.c.campaign_id, _ENROLMENTS.c.entered_at).where(
            _ENROLMENTS.c.customer_id.in_([merged_id, survivor_id]), _ENROLMENTS.c.closed_at.is_(None)
        )
    )
    younger = [
        max(pair, key=lambda row: (row.entered_at, row.id)).id for pair in _pairs(open_rows, merged_id, "campaign_id")
    ]
    return await close_enrolments(connection, younger, EXIT, reason=MERGED, now=now)


async def _renumber_rounds(connection: AsyncConnection, journal: Journal, merged_id: str, survivor_id: str) -> None:
    """Number the rounds of both through a campaign as one person's.

    Those of whoever entered first get the higher numbers: a later round keeps the variant of the one before it.
    """
    rounds: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    rows = await connection.execute(
        select(
            _ENROLMENTS.c.id, _ENROLMENTS.c.customer_id, _ENROLMENTS.c.campaign_id, _ENROLMENTS.c.round,
            _ENROLMENTS.c.entered_at,
        )
        .where(_ENROLMENTS.c.customer_id.in_([merged_id, survivor_id]))
        .order_by(_ENROLMENTS.c.round)
    )  # fmt: skip
    for row in rows:
        rounds[row.campaign_id][row.customer_id].append(row)
    for both in rounds.values():
        if len(both) < 2:
            continue
        first, last = sorted(
            both.values(), key=lambda mine: min((row.entered_at, row.id) for row in mine), reverse=True
        )
        rows_in_order = enumerate([*first, *last], 1)
        numbered = [
            (number, row) for number, row in rows_in_order if (number, survivor_id) != (row.round, row.customer_id)
        ]
        for number, row in numbered:  # out of each other's way first
            await journal.change(_ENROLMENTS, _ENROLMENTS.c.id == row.id, {"round": -number})
        for number, row in numbered:
            await journal.change(_ENROLMENTS, _ENROLMENTS.c.id == row.id, {"round": number})


async def _end_younger_grants(
    connection: AsyncConnection, journal: Journal, merged_id: str, survivor_id: str, now: datetime
) -> int:
    """Of two promises of a product the older is kept; gives how many ended."""
    await end_expired(connection, [merged_id, survivor_id], now)
    in_force = await connection.execute(
        select(_GRANTS.c.id, _GRANTS.c.customer_id, _GRANTS.c.product, _GRANTS.c.granted_at).where(
            _GRANTS.c.customer_id.in_([merged_id, survivor_id]), _GRANTS.c.ended_at.is_(None)
        )
    )
    pairs = _pairs(in_force, merged_id, "product")
    younger = [max(pair, key=lambda row: (row.granted_at, row.id)).id for pair in pairs]
    return await journal.change(_GRANTS, _GRANTS.c.id.in_(younger), {"ended_at": now, "ended_by": MERGED})


async def _end_older_runs(
    connection: AsyncConnection, journal: Journal, merged_id: str, survivor_id: str, now: datetime
) -> None:
    """Of two flows that ask the person something the one that began last goes on: that is where they are now."""
    asking = await connection.execute(
        select(_RUNS.c.id, _RUNS.c.customer_id, _RUNS.c.state, _RUNS.c.began_at).where(
            _RUNS.c.customer_id.in_([merged_id, survivor_id]), _RUNS.c.closed_at.is_(None)
        )
    )
    for pair in _pairs(asking, merged_id):
        older = min(pair, key=lambda row: (row.began_at, row.id))
        left = {"state": apply(FLOW_RUN, older.state, LEAVE.event), "closed_at": now, "due_at": None}
        await journal.change(_RUNS, _RUNS.c.id == older.id, left)


async def _join_conversations(
    connection: AsyncConnection, journal: Journal, merged_id: str, survivor_id: str, now: datetime
) -> int:
    """Of two open conversations one goes on with the messages of both; gives how many were joined into others."""
    unresolved = await connection.execute(
        select(_CONVERSATIONS).where(
            _CONVERSATIONS.c.customer_id.in_([merged_id, survivor_id]),
            _CONVERSATIONS.c.state != ConversationState.RESOLVED,
        )
    )
    pairs = _pairs(unresolved, merged_id, "verified")
    for pair in pairs:
        kept, other = sorted(pair, key=lambda row: (row.state not in LIVE_CHAT, row.opened_at, row.id))
        resolved = {"state": apply(CONVERSATION, other.state, RESOLVE.event), "resolved_at": now}
        await journal.change(_CONVERSATIONS, _CONVERSATIONS.c.id == other.id, resolved)
        await _move_messages(journal, other.id, kept.id)
        if other.last_at > kept.last_at:
            latest = {name: other._mapping[name] for name in ("channel", "last_at", "last_text")}  # noqa: SLF001
            await journal.change(_CONVERSATIONS, _CONVERSATIONS.c.id == kept.id, latest)
    return len(pairs)


async def _move_messages(journal: Journal, other: str, kept: str) -> None:
    """Put what stands in one conversation into another; a message that both have stays where it is."""
    same = _MESSAGES.alias()
    tokens = select(same.c.client_token).where(same.c.conversation_id == kept, same.c.client_token.is_not(None))
    free = or_(_MESSAGES.c.client_token.is_(None), _MESSAGES.c.client_token.not_in(tokens))
    await journal.change(_MESSAGES, and_(_MESSAGES.c.conversation_id == other, free), {"conversation_id": kept})
    for place in _MESSAGES.metadata.sorted_tables:
        if place is not _MESSAGES and "conversation_id" in place.c and not _one_a_conversation(place):
            await journal.change(place, place.c.conversation_id == other, {"conversation_id": kept})


def _one_a_conversation(place: Table) -> bool:
    return any("conversation_id" in key.columns for key in unique_keys(place))


async def _tell_journeys(connection: AsyncConnection, merged_id: str, now: datetime) -> None:
    """Leave word on the journeys that go on as the survivor's."""
    rows = (
        await connection.execute(
            select(_ENROLMENTS.c.id, _ENROLMENTS.c.step, _ENROLMENTS.c.leg).where(
                _ENROLMENTS.c.customer_id == merged_id, _ENROLMENTS.c.closed_at.is_(None)
            )
        )
    ).all()
    if rows:
        await connection.execute(
            _HISTORY.insert(),
            [
                {"id": new_id(), "enrolment_id": row.id, "at": now, "event": "CustomerMerged", "step": row.step,
                 "leg": row.leg, "detail": ""}
                for row in rows
            ],
        )  # fmt: skip
