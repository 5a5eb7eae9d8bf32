"""Attempts: the commit before the socket, and the outcome after it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import to_micros
from core.dispatching import Ended, Ready
from core.errors import ENDS_REACHABILITY, PermanentKind
from core.machines.message import ACCEPT, CANCEL, DISPATCH, LOSE_SIGHT, REJECT, RETURN, SKIP, UNCLAIM, MessageState
from core.outcomes import OutcomeKind
from storage.given import IDS, given, given_ids, insert_given, run_given
from storage.outbox.columns import send_columns, table
from storage.outbox.gates import DispatchGate
from storage.outbox.holds import release, spend
from storage.outbox.journeys import lock_journeys, note, wake_after
from storage.outbox.moving import follow
from storage.outbox.unserved import learn_unserved
from storage.statements import lease_clock, lock_customers
from storage.tables import Attempt, Identity, Message, ReceiptRow
from storage.types import Instant

MICROSECONDS = 1_000_000
FIRST_BACK_OFF = timedelta(seconds=1)
LONGEST_BACK_OFF = timedelta(minutes=5)
_ENDS_REACHABILITY = frozenset(kind.value for kind in ENDS_REACHABILITY)
_OUTBOX = table(Message)
_ATTEMPTS = table(Attempt)
_RECEIPTS = table(ReceiptRow)
_IS_UNKNOWN = _ATTEMPTS.c.outcome == OutcomeKind.UNKNOWN

Parked = Sequence[tuple[str, str]]
"""(account, provider id) of messages that were accepted and have receipts parked."""
AcceptedHook = Callable[[AsyncConnection, Parked, datetime], Awaitable[None]]
"""Applies the parked receipts, in a transaction after the recording one: a failure among them locks customers first."""


async def begin(
    connection: AsyncConnection,
    batch: Sequence[Ready],
    *,
    worker: str,
    lease_seconds: float,
    now: datetime,
    machine_now: datetime,
    gates: Sequence[DispatchGate],
) -> set[str]:
    """Commit ``claimed → dispatching`` for those that nothing stops; gives the message ids that may use the socket.

    Customers are locked shared first, so that no opt-out, answer or takeover that committed before is missed. What a
    gate stops goes where the gate's verdict says; a claim whose fence or lease is no longer ours is left alone.
    """
    await lock_customers(connection, (ready.claim.customer_id for ready in batch), shared=True)
    await lock_journeys(connection, [ready.claim.message_id for ready in batch])
    verdicts = await _verdicts(connection, batch, now, gates)
    allowed = [ready for ready in batch if verdicts.get(ready.claim.message_id) == ""]
    if allowed:
        await run_given(
            connection,
            _dispatched(connection.dialect.name),
            [
                {
                    "id": ready.claim.message_id,
                    "account": ready.account,
                    "subject": ready.subject,
                    "body": ready.body,
                }
                for ready in allowed
            ],
            now=now,
            lease=int(lease_seconds * MICROSECONDS),
        )
        started_at = to_micros(machine_now)
        await run_given(
            connection,
            _new_attempts(connection.dialect.name),
            [
                {
                    "id": ready.attempt_id,
                    "message_id": ready.claim.message_id,
                    "fence": ready.claim.fence,
                    "worker": worker,
                    "started_at": started_at,
                }
                for ready in allowed
            ],
        )
    stopped: dict[str, list[str]] = defaultdict(list)
    for ready in batch:
        gate = verdicts.get(ready.claim.message_id)
        if gate:
            stopped[gate].append(ready.claim.message_id)
    by_name = {gate.name: gate for gate in gates}
    for name, message_ids in stopped.items():
        await _stop(connection, message_ids, by_name[name], now)
    return {ready.claim.message_id for ready in allowed}


@cache
def _dispatched(dialect: str) -> Any:
    given_names = ("id", "account", "subject", "body")
    rows = given(dialect, {name: _OUTBOX.c[name].type for name in given_names})
    return (
        update(_OUTBOX)
        .where(_OUTBOX.c.id == rows.c.id)
        .values(
            state=DISPATCH.target,
            account=rows.c.account,
            subject=rows.c.subject,
            body=rows.c.body,
            sent_at=bindparam("now", type_=Instant()),
            tries=_OUTBOX.c.tries + 1,
            lease_until=lease_clock() + bindparam("lease", type_=BigInteger()),
        )
    )


@cache
def _new_attempts(dialect: str) -> Any:
    return insert_given(dialect, _ATTEMPTS, ("id", "message_id", "fence", "worker", "started_at"), code="", detail="")


async def _verdicts(
    connection: AsyncConnection, batch: Sequence[Ready], now: datetime, gates: Sequence[DispatchGate]
) -> Mapping[str, str]:
    """For each message still ours under a valid lease: the name of the gate that stops it, or an empty string."""
    fences = {ready.claim.message_id: ready.claim.fence for ready in batch}
    statement = _gated(tuple(gates), connection.dialect.name)
    rows = await connection.execute(statement, {"business_now": now, IDS: list(fences)})
    return {id_: gate for id_, fence, gate in rows if fence == fences[id_]}


@lru_cache(maxsize=8)
def _gated(gates: tuple[DispatchGate, ...], dialect: str) -> Any:
    columns = send_columns()
    first = case(*((gate.predicate(columns), gate.name) for gate in gates), else_=literal(""))
    statement = (
        select(columns.message.c.id, columns.message.c.fence, first.label("gate"))
        .select_from(columns.joined())
        .where(
            and_(
                given_ids(columns.message.c.id),
                columns.message.c.state.in_(DISPATCH.sources),
                columns.message.c.lease_until > lease_clock(),
            )
        )
    )
    return (
        statement.order_by(columns.message.c.id).with_for_update(of=columns.message)
        if dialect == "postgresql"
        else statement
    )


async def _stop(connection: AsyncConnection, message_ids: Sequence[str], gate: DispatchGate, now: datetime) -> None:
    target = {"cancel": CANCEL.target, "skip": SKIP.target}.get(gate.verdict, UNCLAIM.target)
    await connection.execute(
        update(_OUTBOX)
        .where(_OUTBOX.c.id.in_(message_ids))
        .values(state=target, reason=gate.name, worker="", lease_until=None)
    )
    await note(connection, message_ids, "SendStopped", gate.name, now)
    if target is not UNCLAIM.target:
        await release(connection, message_ids)
    if target is SKIP.target:
        await wake_after(connection, message_ids, now)


async def refuse(connection: AsyncConnection, message_ids: Sequence[str], reason: str, now: datetime) -> None:
    """Skip claimed messages that cannot be composed; the journey goes on."""
    await lock_journeys(connection, message_ids)
    await connection.execute(
        update(_OUTBOX)
        .where(_OUTBOX.c.id.in_(message_ids), _OUTBOX.c.state.in_(SKIP.sources))
        .values(state=SKIP.target, reason=reason[:500], worker="", lease_until=None)
    )
    await release(connection, message_ids)
    await wake_after(connection, message_ids, now)


async def record(
    connection: AsyncConnection,
    ended: Sequence[Ended],
    *,
    now: datetime,
    machine_now: datetime,
) -> Parked:
    """Write the outcomes of attempts, settle their messages and wake the journeys that waited for them.

    Gives what is to be settled next, in a transaction of its own.
    """
    message_ids = [end.message_id for end in ended]
    await lock_journeys(connection, message_ids)
    await run_given(
        connection,
        _ended(connection.dialect.name),
        [
            {
                "id": end.attempt_id,
                "outcome": end.outcome.kind,
                "code": end.outcome.code[:64],
                "detail": end.outcome.detail[:500],
            }
            for end in ended
        ],
        machine_now=machine_now,
    )
    by_kind: dict[OutcomeKind, list[Ended]] = defaultdict(list)
    for end in ended:
        by_kind[end.outcome.kind].append(end)
    parked = await _accept(connection, by_kind[OutcomeKind.ACCEPTED], now)
    await _reject(connection, by_kind[OutcomeKind.REJECTED], now)
    await follow(connection, by_kind[OutcomeKind.NOT_SENT], now)
    await _return(connection, by_kind[OutcomeKind.NOT_SENT], machine_now)
    lost = [end.message_id for end in by_kind[OutcomeKind.UNKNOWN]]
    if lost:
        await connection.execute(
            update(_OUTBOX)
            .where(_OUTBOX.c.id.in_(lost), _OUTBOX.c.state.in_(LOSE_SIGHT.sources))
            .values(state=LOSE_SIGHT.target, reason="outcome unknown", lease_until=None)
        )
    await wake_after(connection, message_ids, now)
    return parked


@cache
def _ended(dialect: str) -> Any:
    rows = given(dialect, {name: _ATTEMPTS.c[name].type for name in ("id", "outcome", "code", "detail")})
    return (
        update(_ATTEMPTS)
        .where(_ATTEMPTS.c.id == rows.c.id, or_(_ATTEMPTS.c.outcome.is_(None), _IS_UNKNOWN))
        .values(
            ended_at=bindparam("machine_now", type_=Instant()),
            outcome=rows.c.outcome,
            code=rows.c.code,
            detail=rows.c.detail,
        )
    )


async def _accept(connection: AsyncConnection, ended: Sequence[Ended], now: datetime) -> Parked:
    if not ended:
        return ()
    given_rows = [{"id": end.message_id, "provider_id": end.outcome.provider_id or None} for end in ended]
    await run_given(connection, _accepted(connection.dialect.name), given_rows, now=now)
    ids = [end.message_id for end in ended]
    await spend(connection, ids)
    return [(row.account, row.provider_id) for row in await connection.execute(_AWAITED, {IDS: ids})]


@cache
def _accepted(dialect: str) -> Any:
    rows = given(dialect, {name: _OUTBOX.c[name].type for name in ("id", "provider_id")})
    return (
        update(_OUTBOX)
        .where(_OUTBOX.c.id == rows.c.id)
        .values(
            # a receipt may have been faster than the answer to our own request: never lower the state
            state=case((_is_one_of(ACCEPT.sources), ACCEPT.target.value), else_=_OUTBOX.c.state),
            provider_id=rows.c.provider_id,
            # what a person settled before keeps the reason that they gave
            reason=case((_is_one_of((*ACCEPT.sources, ACCEPT.target)), ""), else_=_OUTBOX.c.reason),
            settled_at=bindparam("now", type_=Instant()),
            lease_until=null(),
        )
    )


_AWAITED = select(_OUTBOX.c.account, _OUTBOX.c.provider_id).where(
    given_ids(_OUTBOX.c.id),
    _OUTBOX.c.provider_id.is_not(None),
    exists(
        select(_RECEIPTS.c.id).where(
            _RECEIPTS.c.account == _OUTBOX.c.account,
            _RECEIPTS.c.provider_id == _OUTBOX.c.provider_id,
            _RECEIPTS.c.message_id.is_(None),
        )
    ),
)
"""The few for which a receipt is parked already."""


def _is_one_of(states: Iterable[MessageState]) -> ColumnElement[bool]:
    """``IN`` for statements that run once a row: drivers cannot expand a list there."""
    return or_(*(_OUTBOX.c.state == state for state in sorted(states)))


async def _reject(connection: AsyncConnection, ended: Sequence[Ended], now: datetime) -> None:
    if not ended:
        return
    await connection.execute(
        update(_OUTBOX)
        .where(_OUTBOX.c.id == bindparam("message"), _is_one_of(REJECT.sources))
        .values(state=REJECT.target, reason=bindparam("why"), settled_at=now, lease_until=None),
        [{"message": end.message_id, "why": _in_words(end)} for end in ended],
    )
    await release(connection, [end.message_id for end in ended])
    unserved = [end.message_id for end in ended if end.outcome.kind_of_failure == PermanentKind.COUNTRY_UNSERVED]
    await learn_unserved(connection, unserved, now)
    identities = table(Identity)
    for end in ended:
        if end.outcome.kind_of_failure in _ENDS_REACHABILITY:
            await connection.execute(
                update(identities)
                .where(
                    identities.c.id
                    == select(_OUTBOX.c.identity_id).where(_OUTBOX.c.id == end.message_id).scalar_subquery()
                )
                .values(reachable=False, unreachable_reason=end.outcome.kind_of_failure, unreachable_at=now)
            )


def _in_words(end: Ended) -> str:
    outcome = end.outcome
    return " ".join(part for part in (outcome.kind_of_failure, outcome.code, outcome.detail) if part)[:500]


async def _return(connection: AsyncConnection, ended: Sequence[Ended], machine_now: datetime) -> None:
    """Proven not sent: back to planned with a back-off, unless a later claim has taken the message on."""
    if not ended:
        return
    found = await connection.execute(_TRIED, {IDS: [end.attempt_id for end in ended]})
    tried = {id_: (tries, fence) for id_, tries, fence in found}
    rows = [
        {
            "id": end.message_id,
            "fence": tried[end.attempt_id][1],
            "retry_at": to_micros(machine_now + back_off(tried[end.attempt_id][0], end.outcome.retry_after)),
            "reason": _in_words(end),
        }
        for end in ended
        if end.attempt_id in tried
    ]
    await run_given(connection, _returned(connection.dialect.name), rows)


_TRIED = (
    select(_ATTEMPTS.c.id, _OUTBOX.c.tries, _ATTEMPTS.c.fence)
    .join(_OUTBOX, _ATTEMPTS.c.message_id == _OUTBOX.c.id)
    .where(given_ids(_ATTEMPTS.c.id))
)


@cache
def _returned(dialect: str) -> Any:
    rows = given(dialect, {name: _OUTBOX.c[name].type for name in ("id", "fence", "retry_at", "reason")})
    return (
        update(_OUTBOX)
        .where(_OUTBOX.c.id == rows.c.id, _OUTBOX.c.fence == rows.c.fence, _is_one_of(RETURN.sources))
        .values(
            state=RETURN.target.value,
            retry_at=rows.c.retry_at,
            reason=rows.c.reason,
            lease_until=null(),
            worker="",
            sent_at=null(),
        )
    )


def back_off(tries: int, retry_after: float | None) -> timedelta:
    """How long to wait before the next try: what the provider says, else doubling from a second to five minutes."""
    if retry_after is not None:
        return timedelta(seconds=retry_after)
    return min(FIRST_BACK_OFF * (1 << min(max(tries - 1, 0), 20)), LONGEST_BACK_OFF)
