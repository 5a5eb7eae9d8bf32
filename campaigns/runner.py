"""The runner: loads due journeys, lets the engine decide, writes what it decided. One transaction a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import WorkspaceConfig
from campaigns.engine import Decision, Note, Reschedule, SendMessage, SkipMessage, decide
from campaigns.facts import DueJourney, load_due
from campaigns.live import workspace_config
from campaigns.versions import definitions
from core.clock import Clock
from core.ids import new_id
from core.machines.enrolment import OPEN
from core.machines.message import SKIP, MessageState
from core.money import parse_micros
from core.wakeup import Wakeup, outbox
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
        self._now = now
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
                "enrolment": item.enrolment_id,
                "to_state": journey.state,
                "to_step": journey.step,
                "to_leg": journey.leg,
                "to_message": message_id,
                "to_due": journey.due_at,
                "to_closed": None if journey.state in OPEN else self._now,
            }
        )

    def _plan(self, item: DueJourney, effect: SendMessage, message_id: str) -> None:
        self._planned.append(
            {
                "id": message_id,
                "direction": "out",
                "customer_id": item.customer_id,
                "identity_id": effect.identity_id,
                "channel": effect.channel,
                "account": "",
                "purpose": effect.purpose,
                "state": MessageState.PLANNED,
                "reason": "",
                "campaign_id": item.campaign_id,
                "enrolment_id": item.enrolment_id,
                "version": item.version,
                "step": effect.step,
                "leg": effect.leg,
                "lane": 1,
                "send_at": effect.send_at,
                "not_before": effect.not_before,
                "not_after": effect.not_after,
                "tries": 0,
                "fence": 0,
                "worker": "",
                "subject": "",
                "body": "",
                "raw_blob": "",
                "created_at": self._now,
            }
        )
        self._holds.append(
            {
                "message_id": message_id,
                "customer_id": item.customer_id,
                "budget": "",
                "amount_micros": parse_micros(self._config.policy(effect.channel).price),
                "currency": self._config.currency,
                "send_at": effect.send_at,
                "state": "held",
            }
        )
        self._line(item, "MessagePlanned", effect.step, effect.leg, effect.channel)

    def _line(self, item: DueJourney, event: str, step: str, leg: str, detail: str) -> None:
        self._lines.append(
            {
                "id": new_id(),
                "enrolment_id": item.enrolment_id,
                "at": self._now,
                "event": event,
                "step": step,
                "leg": leg,
                "detail": detail[:500],
            }
        )

    async def write(self, connection: AsyncConnection) -> None:
        await _insert(connection, _MESSAGES, self._planned)
        await _insert(connection, _HOLDS, self._holds)
        await _insert(connection, _HISTORY, self._lines)
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
        await connection.execute(
            update(_ENROLMENTS)
            .where(_ENROLMENTS.c.id == bindparam("enrolment"))
            .values(
                state=bindparam("to_state"),
                step=bindparam("to_step"),
                leg=bindparam("to_leg"),
                message_id=bindparam("to_message"),
                due_at=bindparam("to_due"),
                closed_at=bindparam("to_closed"),
                revision=_ENROLMENTS.c.revision + 1,
            ),
            self._moves,
        )


async def _insert(connection: AsyncConnection, into: Any, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(into.insert(), list(rows))
