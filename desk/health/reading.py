"""What is read of the store to see whether everything moves. Queues are counted up to a bound only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.facts import due_condition
from campaigns.gates import DISPATCH_GATES
from campaigns.operating.emergency import EmergencyStop, standing_stop
from core.ids import id_floor
from core.outcomes import OutcomeKind
from core.standing import DESK_GROUP, SPOOL, Standing
from storage.heartbeats import Sign, signs
from storage.outbox.claims import BULK, REPLIES
from storage.outbox.columns import inline, is_planned, is_stored, send_columns, table
from storage.tables import Attempt, Command, Enrolment, Inbound, Message

_ATTEMPTS, _MESSAGES, _INBOUND = table(Attempt), table(Message), table(Inbound)
_COMMANDS, _ENROLMENTS = table(Command), table(Enrolment)
MOST = 10_000
"""As many of a queue are counted; then it is "10,000 or more"."""
LATELY = timedelta(minutes=10)
ALIVE_SECONDS = 30.0
"""A worker gives a sign every five seconds; after so long it hangs or is dead."""


@dataclass(frozen=True, slots=True)
class Queue:
    """How many wait whose turn has come, and since when the first of them; business time."""

    depth: int = 0
    oldest: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether there are more than were counted."""
        return self.depth > MOST


@dataclass(frozen=True, slots=True)
class Channel:
    """One account: how living workers say it stands, what waits for it, what became of the last minutes' sends.

    ``error`` is the last of those that did not go well, at ``error_at`` (machine time).
    """

    account: str
    name: str
    standings: tuple[Standing, ...] = ()
    replies: Queue = Queue()
    bulk: Queue = Queue()
    accepted: int = 0
    not_sent: int = 0
    rejected: int = 0
    unknown: int = 0
    error: str = ""
    error_at: datetime | None = None

    @property
    def troubled(self) -> Standing | None:
        """What a worker says keeps it from sending, if one does."""
        return next((one for one in self.standings if one.trouble), None)

    @property
    def deaf(self) -> str:
        """Why nothing can be fetched from it."""
        return next((one.deaf for one in self.standings if one.deaf), "")

    @property
    def rate(self) -> float:
        """The most a second that it takes; 0 for no limit."""
        return max((one.rate for one in self.standings), default=0.0)

    @property
    def seconds_to_go(self) -> float:
        """How long what waits takes at that rate; 0 where there is no limit."""
        return (self.replies.depth + self.bulk.depth) / self.rate if self.rate else 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """Everything at one moment. ``groups`` are those of staff that take nothing (``account`` is the chat).

    ``aside`` are folders with deliveries that could not be stored: ``account`` is the folder, ``why`` how many files.
    """

    workers: Sequence[Sign]
    channels: Sequence[Channel]
    inbound: Queue
    journeys: Queue
    commands: Queue
    groups: Sequence[Standing] = ()
    aside: Sequence[Standing] = ()
    failing: Sequence[tuple[str, int, str]] = ()
    unknown: Queue = Queue()
    quarantined: int = 0
    quarantined_why: str = ""
    stop: EmergencyStop | None = None

    @property
    def alive(self) -> Sequence[Sign]:
        return [one for one in self.workers if one.age <= ALIVE_SECONDS]


@dataclass(slots=True)
class _Sends:
    counts: dict[str, int] = field(default_factory=dict)
    channel: str = ""
    last: str = ""


async def read_health(connection: AsyncConnection, now: datetime, machine_now: datetime) -> Health:
    """``now`` is business time; ``machine_now`` the machine's, for what is tried again and the last minutes."""
    workers = await signs(connection)
    told: dict[str, list[Standing]] = {}
    for sign in workers:
        for one in sign.standings if sign.age <= ALIVE_SECONDS else ():
            told.setdefault(one.account, []).append(one)
    groups = _popped(told, DESK_GROUP)
    aside = _popped(told, SPOOL)
    sends = await _lately(connection, machine_now)
    names = {account: sends[account].channel for account in sends} | {
        account: standings[0].channel for account, standings in told.items()
    }
    for channel in await _with_planned(connection, now):
        if channel not in names.values():
            names[channel] = channel
    stored = _counted(select(_INBOUND.c.received_at.label("at")).where(is_stored(_INBOUND)), _INBOUND.c.id)
    unknown = select(_MESSAGES.c.sent_at.label("at")).where(
        _MESSAGES.c.state == inline("unknown"), _MESSAGES.c.direction == "out"
    )
    due = select(_ENROLMENTS.c.due_at.label("at")).where(due_condition(now))
    awaited = or_(_COMMANDS.c.retry_at.is_(None), _COMMANDS.c.retry_at <= machine_now)
    commands = select(_COMMANDS.c.created_at.label("at")).where(_COMMANDS.c.done_at.is_(None), awaited)
    quarantined = select(_INBOUND.c.error).where(_INBOUND.c.state == inline("quarantined"))
    number = await connection.scalar(select(func.count()).select_from(quarantined.limit(MOST + 1).subquery()))
    why = await connection.scalar(quarantined.order_by(_INBOUND.c.id.desc()).limit(1)) if number else ""
    return Health(
        workers=workers,
        channels=[
            await _channel(connection, account, names[account], told.get(account, ()), sends.get(account), now)
            for account in sorted(names)
        ],
        inbound=await _queue(connection, stored),
        journeys=await _queue(connection, _counted(due, _ENROLMENTS.c.due_at)),
        commands=await _queue(connection, _counted(commands, _COMMANDS.c.id)),
        groups=groups,
        aside=aside,
        failing=await _failing(connection),
        unknown=await _queue(connection, _counted(unknown, _MESSAGES.c.id)),
        quarantined=int(number or 0),
        quarantined_why=str(why or ""),
        stop=await standing_stop(connection),
    )  # fmt: skip


def _popped(told: dict[str, list[Standing]], channel: str) -> Sequence[Standing]:
    """Those that are no accounts but ``channel`` in their place, taken out of ``told``."""
    return [told.pop(account)[0] for account in list(told) if told[account][0].channel == channel]


def _counted(rows: Select[Any], order: Any) -> Any:
    some = rows.order_by(order).limit(MOST + 1).subquery()
    return select(func.count(), func.min(some.c.at)).select_from(some)


async def _queue(connection: AsyncConnection, counted: Any, **bound: Any) -> Queue:
    depth, oldest = (await connection.execute(counted, bound)).one()
    return Queue(int(depth), oldest)


async def _with_planned(connection: AsyncConnection, now: datetime) -> Sequence[str]:
    """Channels for which something waits, whether or not anybody serves them."""
    waiting = select(_MESSAGES.c.channel).where(is_planned(_MESSAGES), _MESSAGES.c.not_before <= now).distinct()
    return list(await connection.scalars(waiting))


async def _lately(connection: AsyncConnection, machine_now: datetime) -> dict[str, _Sends]:
    """The attempts of the last minutes by account: how many ended how, and the last that did not go well."""
    rows = await connection.execute(
        select(
            _MESSAGES.c.account, _MESSAGES.c.channel, _ATTEMPTS.c.outcome, func.count().label("number"),
            func.max(_ATTEMPTS.c.id).label("last"),
        )
        .join(_MESSAGES, _MESSAGES.c.id == _ATTEMPTS.c.message_id)
        .where(_ATTEMPTS.c.id >= id_floor(machine_now - LATELY), _ATTEMPTS.c.outcome.is_not(None))
        .group_by(_MESSAGES.c.account, _MESSAGES.c.channel, _ATTEMPTS.c.outcome)
    )  # fmt: skip
    found: dict[str, _Sends] = {}
    for row in rows:
        sends = found.setdefault(row.account, _Sends(channel=row.channel))
        sends.counts[row.outcome] = sends.counts.get(row.outcome, 0) + row.number
        if row.outcome != OutcomeKind.ACCEPTED:
            sends.last = max(sends.last, row.last)
    return found


async def _channel(
    connection: AsyncConnection, account: str, name: str, standings: Sequence[Standing], sends: _Sends | None,
    now: datetime,
) -> Channel:  # fmt: skip
    counts = sends.counts if sends is not None else {}
    error = None
    if sends is not None and sends.last:
        error = (await connection.execute(select(_ATTEMPTS).where(_ATTEMPTS.c.id == sends.last))).first()
    return Channel(
        account, name, tuple(standings),
        replies=await _queue(connection, _waiting(name, REPLIES), business_now=now),
        bulk=await _queue(connection, _waiting(name, BULK), business_now=now),
        accepted=counts.get(OutcomeKind.ACCEPTED, 0), not_sent=counts.get(OutcomeKind.NOT_SENT, 0),
        rejected=counts.get(OutcomeKind.REJECTED, 0), unknown=counts.get(OutcomeKind.UNKNOWN, 0),
        error=f"{error.code} {error.detail}".strip() if error is not None else "",
        error_at=error.ended_at if error is not None else None,
    )  # fmt: skip


def _waiting(channel: str, lane: int) -> Any:
    """What may leave now and has not: what a gate holds (a pause, a live chat, an emergency stop) does not wait."""
    columns = send_columns()
    message = columns.message.c
    rows = (
        select(message.not_before.label("at"))
        .select_from(columns.joined())
        .where(
            and_(
                is_planned(columns.message), message.channel == channel, message.lane == lane,
                message.not_before <= columns.now, message.not_after > columns.now,
                *(not_(gate.predicate(columns)) for gate in DISPATCH_GATES if gate.verdict == "hold"),
            )
        )
    )  # fmt: skip
    return _counted(rows, message.not_before)


async def _failing(connection: AsyncConnection) -> Sequence[tuple[str, int, str]]:
    """Commands that failed and are tried again: (kind, how many, the last one's error)."""
    failed = (
        select(_COMMANDS.c.kind, func.count().label("number"), func.max(_COMMANDS.c.id).label("last"))
        .where(_COMMANDS.c.done_at.is_(None), _COMMANDS.c.error != "")
        .group_by(_COMMANDS.c.kind)
    )
    found = (await connection.execute(failed.order_by(_COMMANDS.c.kind))).all()
    errors = select(_COMMANDS.c.id, _COMMANDS.c.error).where(_COMMANDS.c.id.in_([row.last for row in found]))
    words = {row.id: row.error for row in await connection.execute(errors)}
    return [(row.kind, row.number, words.get(row.last, "")) for row in found]
