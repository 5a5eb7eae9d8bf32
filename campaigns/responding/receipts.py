"""Receipts: what providers say later of messages that they took.

Every report is kept. A message's state is the highest rank that was ever reported, so reports may repeat, come in any
order and come before we know the provider's id: then they are parked until it is known.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.responding.failures import Said, follow_failure, note_failures, record_bounces, restore_reader
from core.errors import PermanentKind
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import DeliveryReport
from core.statuses import REPORTABLE, can_raise, highest
from core.text import clipped
from storage.outbox.columns import table
from storage.outbox.holds import spend
from storage.outbox.journeys import lock_journeys, wake_after
from storage.outbox.resends import their_resends
from storage.statements import chunks, insert_into, lock_customers
from storage.tables import Message, ReceiptRow
from storage.types import Instant

_RECEIPTS = table(ReceiptRow)
_MESSAGES = table(Message)
_PER_STATEMENT = 300
_KINDS = frozenset(kind.value for kind in PermanentKind)
SWEEP_BACK = timedelta(days=7)


async def record_reports(connection: AsyncConnection, reports: Sequence[DeliveryReport], now: datetime) -> int:
    """Keep the reports and raise their messages; gives how many messages changed."""
    said: list[Said] = []
    for part in chunks([report for report in reports if report.status in REPORTABLE], _PER_STATEMENT):
        by_provider, ours = await _known(connection, part)
        rows = []
        for report in part:
            message_id = ours.get(report.message_id) or by_provider.get((report.account, report.provider_id))
            rows.append(
                {
                    "id": new_id(),
                    "account": report.account,
                    "key": clipped(report.key or f"{report.provider_id or report.message_id}:{report.status}", 512),
                    "provider_id": report.provider_id,
                    "message_id": message_id,
                    "status": report.status,
                    # the kind goes first: a parked receipt is read back from its row
                    "code": clipped(f"{report.failure} {report.code}".strip(), 64),
                    "detail": clipped(report.detail, 500),
                    "sent_raw": clipped(report.sent_raw, 64),
                    "at": now,
                }
            )
        said += await _keep(connection, rows)
    return await _apply(connection, said, now)


async def settle_parked(connection: AsyncConnection, accepted: Sequence[tuple[str, str]], now: datetime) -> int:
    """Apply the receipts that came before their message's provider id was known.

    ``accepted`` are (account, provider id) that have just become known; gives how many messages changed.
    """
    changed = 0
    for part in chunks(accepted, _PER_STATEMENT):
        changed += await _settle(connection, tuple_(_RECEIPTS.c.account, _RECEIPTS.c.provider_id).in_(part), now)
    return changed


async def sweep_parked(connection: AsyncConnection, now: datetime) -> int:
    """Apply parked receipts whose message is known by now.

    A receipt that is written while the outcome of its message is being written sees no message, and the outcome sees no
    receipt; this finds the two. Run it every few seconds: a window of ours tells at once what came to it.
    """
    return await _settle(connection, _RECEIPTS.c.at >= now - SWEEP_BACK, now)


async def _settle(connection: AsyncConnection, which: ColumnElement[bool], now: datetime) -> int:
    rows = (
        await connection.execute(
            select(_RECEIPTS.c.id, _RECEIPTS.c.status, _RECEIPTS.c.code, _RECEIPTS.c.at, _MESSAGES.c.id.label("ours"))
            .join(
                _MESSAGES,
                and_(_MESSAGES.c.account == _RECEIPTS.c.account, _MESSAGES.c.provider_id == _RECEIPTS.c.provider_id),
            )
            .where(_RECEIPTS.c.message_id.is_(None), _MESSAGES.c.direction == "out", which)
            .order_by(_RECEIPTS.c.id)
        )
    ).all()
    if not rows:
        return 0
    said = []
    for row in rows:
        said.append(_said(row.ours, row.status, row.code, row.at))
        await connection.execute(update(_RECEIPTS).where(_RECEIPTS.c.id == row.id).values(message_id=row.ours))
    return await _apply(connection, said, now)


async def _keep(connection: AsyncConnection, rows: list[dict[str, Any]]) -> list[Said]:
    """Write the receipts down; gives those that are news of a message of ours."""
    if not rows:
        return []
    statement = insert_into(connection, _RECEIPTS).on_conflict_do_nothing().returning(_RECEIPTS.c.id)
    new = set(await connection.scalars(statement, rows))
    return [
        _said(row["message_id"], row["status"], row["code"], row["at"])
        for row in rows
        if row["id"] in new and row["message_id"] is not None
    ]


def _said(message_id: str, status: MessageState, code: str, at: datetime) -> Said:
    """A kept receipt read back: the kind of failure, if it is known, stands before the provider's code."""
    kind = code.partition(" ")[0]
    return Said(message_id, status, kind if kind in _KINDS else "", code, at)


async def _known(
    connection: AsyncConnection, reports: Sequence[DeliveryReport]
) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """Our message ids by (account, provider id), and by the ids in the reports; a resend goes by the first one's."""
    pairs = {(report.account, report.provider_id) for report in reports if report.provider_id}
    ids = {report.message_id for report in reports if report.message_id}
    by_provider: dict[tuple[str, str], str] = {}
    if pairs:
        found = await connection.execute(
            select(_MESSAGES.c.account, _MESSAGES.c.provider_id, _MESSAGES.c.id).where(
                tuple_(_MESSAGES.c.account, _MESSAGES.c.provider_id).in_(sorted(pairs)),
                _MESSAGES.c.provider_id.is_not(None),  # SQLite asks a partial index only where its condition stands
                _MESSAGES.c.direction == "out",
            )
        )
        by_provider = {(row.account, row.provider_id): row.id for row in found}
    if not ids:
        return by_provider, {}
    is_ours = and_(_MESSAGES.c.id.in_(ids), _MESSAGES.c.direction == "out")
    ours = await connection.scalars(select(_MESSAGES.c.id).where(is_ours))
    return by_provider, {id_: id_ for id_ in ours} | await their_resends(connection, ids)


async def _apply(connection: AsyncConnection, said: Sequence[Said], now: datetime) -> int:
    """Raise each message to the highest that was said of it, and do what failures ask for."""
    by_message: dict[str, list[Said]] = defaultdict(list)
    for one in said:
        by_message[one.message_id].append(one)
    changed = 0
    for part in chunks(sorted(by_message), _PER_STATEMENT):
        changed += await _raise(connection, {message_id: by_message[message_id] for message_id in part}, now)
    return changed


async def _raise(connection: AsyncConnection, said: dict[str, list[Said]], now: datetime) -> int:
    ids = sorted(said)
    failing = [id_ for id_ in ids if any(one.status is MessageState.FAILED for one in said[id_])]
    if failing:
        owners = await connection.scalars(select(_MESSAGES.c.customer_id).where(_MESSAGES.c.id.in_(failing)))
        await lock_customers(connection, owners, shared=False)
    await lock_journeys(connection, ids)
    rows = (
        await connection.execute(
            select(_MESSAGES.c.id, _MESSAGES.c.state, _MESSAGES.c.identity_id, _MESSAGES.c.customer_id)
            .where(_MESSAGES.c.id.in_(ids))
            .order_by(_MESSAGES.c.id)
            .with_for_update()
        )
    ).all()
    raised: dict[MessageState, list[str]] = defaultdict(list)
    for row in rows:
        top = highest(one.status for one in said[row.id])
        if can_raise(row.state, top):
            raised[top].append(row.id)
    for state, message_ids in raised.items():
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.id.in_(message_ids))
            .values(
                state=state,
                settled_at=func.coalesce(_MESSAGES.c.settled_at, literal(now, Instant())),
                lease_until=None,
            )
        )
        await spend(connection, message_ids)
    for state, message_ids in raised.items():
        await wake_after(connection, message_ids, now)
        if state is MessageState.FAILED:
            await note_failures(connection, {id_: said[id_] for id_ in message_ids}, now)
            await record_bounces(connection, message_ids, now)
    for row in rows:
        after = highest([row.state, *(one.status for one in said[row.id])])
        for one in said[row.id]:
            await follow_failure(connection, row.identity_id, row.customer_id, one, after)
        if row.state is MessageState.FAILED and after is MessageState.READ:
            await restore_reader(connection, row.id, row.identity_id)
    return sum(len(message_ids) for message_ids in raised.values())
