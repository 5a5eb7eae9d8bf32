"""The runner: loads due journeys, lets the engine decide, writes what it decided. One transaction a batch."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import WorkspaceConfig
from campaigns.engine import Decision, Note, Reschedule, SendMessage, SkipMessage, decide
from campaigns.facts import DueJourney, anything_due, load_due
from campaigns.live import workspace_config
from campaigns.versions import definitions
from core.clock import Clock, to_micros
from core.ids import new_id, new_ids
from core.machines.enrolment import OPEN
from core.machines.message import SKIP, MessageState
from core.money import parse_micros
from core.wakeup import Wakeup, outbox
from storage.given import given, insert_given, run_given
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Enrolment, EnrolmentHistory, Hold, Message

BATCH = 200
_ENROLMENTS = table(Enrolment)
_MESSAGES = table(Message)
_HISTORY = table(EnrolmentHistory)
_HOLDS = table(Hold)


class Runner:
    """Moves journeys. Several runners may work on one store; a journey is moved by one at a time."""

    def __init__(
        self, store: Store, clock: Clock, wakeup: Wakeup, *, unserved: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._unserved = unserved or {}

    async def run_once(self, limit: int = BATCH) -> int:
        """Move up to ``limit`` due journeys one decision on; gives how many there were."""
        now = self._clock.now()
        writer: _Batch | None = None
        async with self._store.read() as connection:  # most looks find nothing: no reason to make writers wait
            if not await anything_due(connection, now):
                return 0
        async with self._store.write() as connection:
            config = await workspace_config(connection)
            due = await load_due(connection, config, now, limit)
            if due:
                writer = _Batch(config, now)
                by_version = await definitions(connection, {item.version for item in due})
                for item in due:
                    definition = by_version[item.version]
                    writer.add(item, decide(definition, item.journey, item.facts(config, self._unserved), now))
                await writer.write(connection)
        if writer is not None:
            for channel in writer.channels:
                self._wakeup.notify(outbox(channel))
        return len(due)


class _Batch:
    """The rows that one batch of decisions writes."""

    def __init__(self, config: WorkspaceConfig, now: datetime) -> None:
        self._config = config
        self._at = to_micros(now)
        self._prices: dict[str, int] = {}
        self._moves: list[dict[str, Any]] = []
        self._planned: list[dict[str, Any]] = []
        self._holds: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._moved: list[Reschedule] = []
        self._skipped: list[SkipMessage] = []

    @property
    def channels(self) -> set[str]:
        """Channels that have new messages."""
        return {row["channel"] for row in self._planned}

    def add(self, item: DueJourney, decision: Decision) -> None:
        message_id = item.message.id if item.message else None
        for effect in decision.effects:
            match effect:
                case SendMessage():
                    message_id = new_id()
                    self._plan(item, effect, message_id)
                case Reschedule():
                    self._moved.append(effect)
                case SkipMessage():
                    self._skipped.append(effect)
                case Note():
                    self._line(item, effect.event, effect.step, effect.leg, effect.detail)
        journey = decision.journey
        self._moves.append(
            {
                "id": item.enrolment_id,
                "state": journey.state,
                "step": journey.step,
                "leg": journey.leg,
                "message_id": message_id,
                "due_at": to_micros(journey.due_at) if journey.due_at else None,
                "closed_at": None if journey.state in OPEN else self._at,
            }
        )

    def _plan(self, item: DueJourney, effect: SendMessage, message_id: str) -> None:
        send_at = to_micros(effect.send_at)
        self._planned.append(
            {
                "id": message_id,
                "customer_id": item.customer_id,
                "identity_id": effect.identity_id,
                "channel": effect.channel,
                "purpose": effect.purpose,
                "campaign_id": item.campaign_id,
                "enrolment_id": item.enrolment_id,
                "version": item.version,
                "step": effect.step,
                "leg": effect.leg,
                "send_at": send_at,
                "not_before": to_micros(effect.not_before),
                "not_after": to_micros(effect.not_after),
                "created_at": self._at,
            }
        )
        self._holds.append(
            {
                "message_id": message_id,
                "customer_id": item.customer_id,
                "amount_micros": self._price(effect.channel),
                "currency": self._config.currency,
                "send_at": send_at,
            }
        )
        self._line(item, "MessagePlanned", effect.step, effect.leg, effect.channel)

    def _price(self, channel: str) -> int:
        if channel not in self._prices:
            self._prices[channel] = parse_micros(self._config.policy(channel).price)
        return self._prices[channel]

    def _line(self, item: DueJourney, event: str, step: str, leg: str, detail: str) -> None:
        self._lines.append(
            {
                "enrolment_id": item.enrolment_id,
                "at": self._at,
                "event": event,
                "step": step,
                "leg": leg,
                "detail": detail[:500],
            }
        )

    async def write(self, connection: AsyncConnection) -> None:
        dialect = connection.dialect.name
        for line, id_ in zip(self._lines, new_ids(len(self._lines)), strict=True):
            line["id"] = id_
        await run_given(connection, _new_messages(dialect), self._planned)
        await run_given(connection, _new_holds(dialect), self._holds)
        await run_given(connection, _new_lines(dialect), self._lines)
        for moved in self._moved:
            await connection.execute(
                update(_MESSAGES)
                .where(_MESSAGES.c.id == moved.message_id, _MESSAGES.c.state == MessageState.PLANNED)
                .values(send_at=moved.send_at, not_before=moved.not_before, not_after=moved.not_after)
            )
        for skipped in self._skipped:
            await connection.execute(
                update(_MESSAGES)
                .where(_MESSAGES.c.id == skipped.message_id, _MESSAGES.c.state.in_(SKIP.sources))
                .values(state=SKIP.target, reason=skipped.reason)
            )
            await connection.execute(
                update(_HOLDS).where(_HOLDS.c.message_id == skipped.message_id).values(state="released")
            )
        await run_given(connection, _moved_enrolments(dialect), self._moves)


@cache
def _new_messages(dialect: str) -> Any:
    return insert_given(
        dialect,
        _MESSAGES,
        (
            "id", "customer_id", "identity_id", "channel", "purpose", "campaign_id", "enrolment_id", "version", "step",
            "leg", "send_at", "not_before", "not_after", "created_at",
        ),
        direction="out", account="", state=MessageState.PLANNED, reason="", lane=1, tries=0, fence=0, worker="",
        subject="", body="", raw_blob="",
    )  # fmt: skip


@cache
def _new_holds(dialect: str) -> Any:
    names = ("message_id", "customer_id", "amount_micros", "currency", "send_at")
    return insert_given(dialect, _HOLDS, names, budget="", state="held")


@cache
def _new_lines(dialect: str) -> Any:
    return insert_given(dialect, _HISTORY, ("id", "enrolment_id", "at", "event", "step", "leg", "detail"))


@cache
def _moved_enrolments(dialect: str) -> Any:
    changed = ("state", "step", "leg", "message_id", "due_at", "closed_at")
    rows = given(dialect, {name: _ENROLMENTS.c[name].type for name in ("id", *changed)})
    return (
        update(_ENROLMENTS)
        .where(_ENROLMENTS.c.id == rows.c.id)
        .values({**{name: rows.c[name] for name in changed}, "revision": _ENROLMENTS.c.revision + 1})
    )
