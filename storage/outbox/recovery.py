"""Recovery: what a worker that died, slept or lost its database left behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.dispatching import Ended
from core.machines.campaign import CampaignState
from core.machines.message import CANCEL, LOSE_SIGHT, SKIP, UNCLAIM
from core.outcomes import Outcome, OutcomeKind
from storage.given import IDS, given_ids
from storage.outbox.attempts import Parked, record
from storage.outbox.columns import is_in_flight, is_planned, table
from storage.outbox.holds import release
from storage.outbox.journeys import lock_journeys, wake_after
from storage.statements import chunks, lease_clock
from storage.tables import Attempt, Campaign, Enrolment, Message, Worker

_OUTBOX = table(Message)
_ATTEMPTS = table(Attempt)
_ENROLMENTS, _CAMPAIGNS = table(Enrolment), table(Campaign)
OVER = "answered"
"""Why a message is cancelled whose journey is over: as the gate of dispatch says it."""
LATE = "expired"
"""Why a message is skipped that missed its window while its journey went on: as the engine says it."""


@dataclass(frozen=True, slots=True)
class JournalMarks:
    """What a dead worker's journal says of its attempts: which started, and how some ended."""

    started: frozenset[str]
    ended: Mapping[str, Outcome]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a dead worker's messages, counted."""

    outcomes: int = 0
    returned: int = 0
    unknown: int = 0


_NEVER_STARTED = Outcome(OutcomeKind.NOT_SENT, detail="the worker stopped before it used the socket", retry_after=0.0)
_STARTED_ONLY = Outcome(OutcomeKind.UNKNOWN, detail="the worker stopped while the message was on its way")
_NO_JOURNAL = Outcome(OutcomeKind.UNKNOWN, detail="the worker stopped and its journal cannot be trusted")


async def recover(
    connection: AsyncConnection,
    worker: str,
    marks: JournalMarks | None,
    *,
    now: datetime,
    machine_now: datetime,
) -> tuple[Recovered, Parked]:
    """Settle everything that a dead ``worker`` held. ``marks`` None: its journal is lost or of another boot."""
    open_attempts = (
        await connection.execute(
            select(_ATTEMPTS.c.id, _ATTEMPTS.c.message_id).where(
                _ATTEMPTS.c.worker == worker, _ATTEMPTS.c.outcome.is_(None)
            )
        )
    ).all()
    ended = [Ended(row.id, row.message_id, _outcome(row.id, marks)) for row in open_attempts]
    late = () if marks is None else await _late_outcomes(connection, worker, marks)
    parked: list[tuple[str, str]] = []
    # all journeys before any message, as everywhere
    await lock_journeys(connection, [end.message_id for end in (*ended, *late)])
    for group in chunks([*ended, *late], 200):
        parked += await record(connection, group, now=now, machine_now=machine_now)
    await connection.execute(
        update(_OUTBOX)
        .where(is_in_flight(_OUTBOX), _OUTBOX.c.worker == worker, _OUTBOX.c.state.in_(UNCLAIM.sources))
        .values(state=UNCLAIM.target, worker="", lease_until=None)
    )
    await connection.execute(update(table(Worker)).where(table(Worker).c.id == worker).values(stopped_at=machine_now))
    kinds = [end.outcome.kind for end in ended]
    found = Recovered(
        outcomes=sum(kind in (OutcomeKind.ACCEPTED, OutcomeKind.REJECTED) for kind in kinds) + len(late),
        returned=kinds.count(OutcomeKind.NOT_SENT),
        unknown=kinds.count(OutcomeKind.UNKNOWN),
    )
    return found, parked


def _outcome(attempt: str, marks: JournalMarks | None) -> Outcome:
    if marks is None:
        return _NO_JOURNAL
    if attempt in marks.ended:
        return marks.ended[attempt]
    return _STARTED_ONLY if attempt in marks.started else _NEVER_STARTED


async def _late_outcomes(connection: AsyncConnection, worker: str, marks: JournalMarks) -> Sequence[Ended]:
    """Outcomes in the journal of attempts that a reaper had already called unknown."""
    rows = await connection.execute(
        select(_ATTEMPTS.c.id, _ATTEMPTS.c.message_id).where(
            _ATTEMPTS.c.worker == worker, _ATTEMPTS.c.outcome == OutcomeKind.UNKNOWN
        )
    )
    return [
        Ended(row.id, row.message_id, marks.ended[row.id])
        for row in rows
        if row.id in marks.ended and marks.ended[row.id].kind is not OutcomeKind.UNKNOWN
    ]


async def reap(connection: AsyncConnection, now: datetime) -> int:
    """Free what outlived its lease: claims go back to planned, attempts under way become unknown. Gives the number."""
    expired = _OUTBOX.c.lease_until < lease_clock()
    found = (await connection.scalars(select(_OUTBOX.c.id).where(is_in_flight(_OUTBOX), expired))).all()
    if not found:
        return 0
    await lock_journeys(connection, found)
    expired = and_(given_ids(_OUTBOX.c.id), expired)
    freed = await connection.execute(
        update(_OUTBOX)
        .where(is_in_flight(_OUTBOX), _OUTBOX.c.state.in_(UNCLAIM.sources), expired)
        .values(state=UNCLAIM.target, worker="", lease_until=None),
        {IDS: list(found)},
    )
    lost = (
        await connection.execute(
            update(_OUTBOX)
            .where(is_in_flight(_OUTBOX), _OUTBOX.c.state.in_(LOSE_SIGHT.sources), expired)
            .values(state=LOSE_SIGHT.target, reason="the worker did not report within its lease", lease_until=None)
            .returning(_OUTBOX.c.id),
            {IDS: list(found)},
        )
    ).scalars().all()  # fmt: skip
    for group in chunks(lost):
        await wake_after(connection, group, now)
    return freed.rowcount + len(lost)


async def wake_expired(connection: AsyncConnection, now: datetime) -> int:
    """Make journeys due whose planned message missed its window: the engine gives it another, or gives it up."""
    missed = select(_OUTBOX.c.id, _OUTBOX.c.enrolment_id).where(is_planned(_OUTBOX), _OUTBOX.c.not_after <= now)
    found = missed.cte("missed")
    sleeping = (
        select(_ENROLMENTS.c.id)
        .where(
            # by key, from the few that missed: all open journeys are many
            _ENROLMENTS.c.id.in_(select(found.c.enrolment_id)),
            _ENROLMENTS.c.message_id.in_(select(found.c.id)),
            _ENROLMENTS.c.closed_at.is_(None),
            or_(_ENROLMENTS.c.due_at.is_(None), _ENROLMENTS.c.due_at > now),
        )
        .order_by(_ENROLMENTS.c.id)
        .with_for_update(skip_locked=True)
    )
    ids = (await connection.scalars(sleeping)).all()
    if ids:
        await connection.execute(
            update(_ENROLMENTS).where(given_ids(_ENROLMENTS.c.id)).values(due_at=now), {IDS: list(ids)}
        )
    return len(ids)


async def end_orphans(connection: AsyncConnection, now: datetime) -> int:
    """End planned messages that missed their window and that no journey waits for: nobody would look at them again.

    What was said in a conversation follows no journey. A journey's end cancels what is planned, and a journey that
    goes on takes its message along. What was on its way meanwhile, and proved not to have left, is planned again. A
    journey that is due, or stands still with its campaign, still decides about a message beside the one that it
    follows. Gives the number.
    """
    waits_for_it = _ENROLMENTS.c.message_id == _OUTBOX.c.id
    is_due = and_(_ENROLMENTS.c.due_at.is_not(None), _ENROLMENTS.c.due_at <= now)
    beside = and_(not_(waits_for_it), not_(or_(is_due, _CAMPAIGNS.c.state == CampaignState.PAUSED)))
    orphans = (
        select(_OUTBOX.c.id, _ENROLMENTS.c.closed_at)
        .join(_ENROLMENTS, _ENROLMENTS.c.id == _OUTBOX.c.enrolment_id)
        .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
        .where(is_planned(_OUTBOX), _OUTBOX.c.not_after <= now)
        .where(or_(_ENROLMENTS.c.closed_at.is_not(None), _ENROLMENTS.c.message_id.is_(None), beside))
        # not in id order: for that SQLite would go through every message; what another has locked is passed over
        .with_for_update(of=_OUTBOX, skip_locked=True)
    )
    in_no_journey = func.coalesce(_OUTBOX.c.enrolment_id, "") == ""  # else SQLite looks through all that was ever said
    said = (
        select(_OUTBOX.c.id)
        .where(is_planned(_OUTBOX), _OUTBOX.c.not_after <= now, in_no_journey)
        .with_for_update(skip_locked=True)
    )
    rows = (await connection.execute(orphans)).all()
    late = [*(row.id for row in rows if row.closed_at is None), *await connection.scalars(said)]
    over = [row.id for row in rows if row.closed_at is not None]
    for move, reason, ids in ((CANCEL, OVER, sorted(over)), (SKIP, LATE, sorted(late))):
        for group in chunks(ids):
            await connection.execute(
                update(_OUTBOX)
                .where(given_ids(_OUTBOX.c.id), _OUTBOX.c.state.in_(move.sources))
                .values(state=move.target, reason=reason),
                {IDS: list(group)},
            )
            await release(connection, group)
    return len(over) + len(late)
