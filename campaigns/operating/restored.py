"""What must be settled when a store comes back from a backup: it does not know what happened after the backup was made.

Works in the transaction of the restore. Nothing of it sends: everything that would go out is held by the emergency
stop until a person lifts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.erasing import customer_traces, erase_on
from campaigns.gates.emergency_stop import PASSES
from campaigns.operating.emergency import stop_everything
from core.actors import Actor
from core.clock import machine_now
from core.ids import new_id
from core.machines.message import SKIP, MessageState
from storage.outbox.columns import table
from storage.outbox.holds import release
from storage.outbox.recovery import recover
from storage.personal import ERASED
from storage.statements import chunks, insert_missing
from storage.tables import ApiKey, Attempt, Audit, Consent, ConsentRecord, Identity, Message, Suppression

_MESSAGES = table(Message)
_ATTEMPTS = table(Attempt)
_SUPPRESSIONS = table(Suppression)
_CONSENTS = table(Consent)
_IDENTITIES = table(Identity)
_KEYS = table(ApiKey)
REASON = "restored from a backup"


@dataclass(frozen=True, slots=True)
class Refusals:
    """What the store that is replaced knew better: who does not want to be written to, and which keys open nothing.

    ``suppressions`` are rows of the table; ``withdrawals`` are (identity key, purpose, at, source, wording);
    ``revoked`` are (key id, when).
    """

    suppressions: Sequence[dict[str, Any]] = ()
    withdrawals: Sequence[tuple[str, str, datetime, str, str]] = ()
    revoked: Sequence[tuple[str, datetime]] = ()


@dataclass(slots=True)
class Settled:
    """What was done after a restore, counted."""

    unknown: int = 0
    replies_dropped: int = 0
    waiting: int = 0
    overdue: int = 0
    suppressions_kept: int = 0
    withdrawals_kept: int = 0
    erased_again: int = 0


async def refusals(connection: AsyncConnection) -> Refusals:
    """Suppressions, withdrawn consents and revoked keys of the store as it is."""
    suppressions = [dict(row._mapping) for row in await connection.execute(_SUPPRESSIONS.select())]  # noqa: SLF001
    withdrawn = await connection.execute(
        select(_IDENTITIES.c.key, _CONSENTS.c.purpose, _CONSENTS.c.at, _CONSENTS.c.source, _CONSENTS.c.wording)
        .join(_IDENTITIES, _IDENTITIES.c.id == _CONSENTS.c.identity_id)
        .where(_CONSENTS.c.granted.is_(False))
    )
    revoked = await connection.execute(select(_KEYS.c.id, _KEYS.c.revoked_at).where(_KEYS.c.revoked_at.is_not(None)))
    return Refusals(
        suppressions,
        [(row.key, row.purpose, row.at, row.source, row.wording) for row in withdrawn],
        [(row.id, row.revoked_at) for row in revoked],
    )


async def settle_restored(
    connection: AsyncConnection, kept: Refusals | None, actor: Actor, now: datetime, *, hold: bool
) -> Settled:
    """Make a restored store safe to start.

    What was on its way when the backup was made becomes unknown, as after a crash. Replies that were planned then are
    dropped: they left seconds later. With ``hold`` the emergency stop is set. Refusals of the replaced store that are
    later than the backup stand, and whom it had erased is erased again.
    """
    done = Settled()
    workers = set(await connection.scalars(select(_ATTEMPTS.c.worker).where(_ATTEMPTS.c.outcome.is_(None)).distinct()))
    workers |= set(
        await connection.scalars(
            select(_MESSAGES.c.worker)
            .where(_MESSAGES.c.state.in_([MessageState.CLAIMED, MessageState.DISPATCHING]))
            .distinct()
        )
    )
    for worker in sorted(workers):
        found, _ = await recover(connection, worker, None, now=now, machine_now=machine_now())
        done.unknown += found.unknown
    replies = list(
        await connection.scalars(
            update(_MESSAGES)
            .where(
                _MESSAGES.c.direction == "out",
                _MESSAGES.c.state.in_(SKIP.sources),
                _MESSAGES.c.purpose.in_([purpose.value for purpose in PASSES]),
            )
            .values(state=SKIP.target, reason=REASON, lease_until=None, worker="")
            .returning(_MESSAGES.c.id)
        )
    )
    for part in chunks(replies):
        await release(connection, part)
    done.replies_dropped = len(replies)
    planned = and_(_MESSAGES.c.direction == "out", _MESSAGES.c.state == MessageState.PLANNED)
    done.waiting = await connection.scalar(select(func.count()).select_from(_MESSAGES).where(planned)) or 0
    overdue = select(func.count()).select_from(_MESSAGES).where(planned, _MESSAGES.c.not_before <= now)
    done.overdue = await connection.scalar(overdue) or 0
    if kept is not None:
        await _keep(connection, kept, actor, now, done)
    await connection.execute(
        table(Audit).insert(),
        {
            "id": new_id(), "at": now, "actor": str(actor), "action": "restore", "subject": "store", "subject_id": "",
            "detail": {"unknown": done.unknown, "replies_dropped": done.replies_dropped, "hold": hold},
        },
    )  # fmt: skip
    if hold:
        await stop_everything(connection, actor, REASON, now)
    return done


async def _erase_again(connection: AsyncConnection, kept: Refusals, actor: Actor, now: datetime, done: Settled) -> None:
    """Who was erased after the backup was made has come back with it, and goes again."""
    erased = {row["key"] for row in kept.suppressions if row["reason"] == ERASED}
    erased -= set(await connection.scalars(select(_SUPPRESSIONS.c.key).where(_SUPPRESSIONS.c.reason == ERASED)))
    for part in chunks(sorted(erased)):
        wanted = select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.key.in_(part)).distinct()
        for customer_id in (await connection.scalars(wanted)).all():
            traces = await customer_traces(connection, customer_id)
            await erase_on(connection, customer_id, traces, actor, now)
            done.erased_again += 1


async def _keep(connection: AsyncConnection, kept: Refusals, actor: Actor, now: datetime, done: Settled) -> None:
    await _erase_again(connection, kept, actor, now, done)
    before = await connection.scalar(select(func.count()).select_from(_SUPPRESSIONS)) or 0
    for part in chunks(kept.suppressions):
        await insert_missing(connection, _SUPPRESSIONS, part)
    done.suppressions_kept = (await connection.scalar(select(func.count()).select_from(_SUPPRESSIONS)) or 0) - before
    for id_, at in kept.revoked:
        await connection.execute(
            update(_KEYS).where(_KEYS.c.id == id_, _KEYS.c.revoked_at.is_(None)).values(revoked_at=at)
        )
    for some in chunks(kept.withdrawals):
        done.withdrawals_kept += await _withdraw_again(connection, some, actor)


async def _withdraw_again(
    connection: AsyncConnection, part: Sequence[tuple[str, str, datetime, str, str]], actor: Actor
) -> int:
    """Set consents back that the backup still holds for granted."""
    said = {(key, purpose): (at, source, wording) for key, purpose, at, source, wording in part}
    rows = await connection.execute(
        select(_IDENTITIES.c.key, _IDENTITIES.c.customer_id, _CONSENTS.c.identity_id, _CONSENTS.c.purpose)
        .join(_CONSENTS, _CONSENTS.c.identity_id == _IDENTITIES.c.id)
        .where(_IDENTITIES.c.key.in_([key for key, _ in said]), _CONSENTS.c.granted.is_(True))
    )
    count = 0
    for row in rows.all():
        if (row.key, row.purpose) not in said:
            continue
        at, source, wording = said[row.key, row.purpose]
        proof = {"granted": False, "at": at, "source": source, "wording": wording}
        changed = await connection.execute(
            update(_CONSENTS)
            .where(_CONSENTS.c.identity_id == row.identity_id, _CONSENTS.c.purpose == row.purpose, _CONSENTS.c.at <= at)
            .values(**proof)
        )
        if changed.rowcount:
            count += 1
            await connection.execute(
                table(ConsentRecord).insert(),
                {
                    "id": new_id(), "identity_id": row.identity_id, "customer_id": row.customer_id,
                    "purpose": row.purpose, "actor": str(actor), **proof,
                },
            )  # fmt: skip
    return count
