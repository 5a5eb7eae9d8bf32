"""The rows that a batch of decisions writes: set-based, one statement a table, in the caller's transaction."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.engine import (
    ChangeCustomer,
    Command,
    CreateTask,
    Decision,
    Effect,
    Follow,
    GrantOffer,
    Note,
    RecordEvent,
    Reschedule,
    SendMessage,
    SkipMessage,
    TakeQuota,
)
from campaigns.facts import DueJourney
from campaigns.limits.budgets import Limit
from campaigns.offers.granting import GrantRequest, grant_offers
from campaigns.periods import day_of, zone_named
from campaigns.responding.arrivals import Arrival
from campaigns.running.changes import change_customers
from core.clock import to_micros
from core.ids import new_id, new_ids
from core.machines.enrolment import OPEN
from core.machines.message import SKIP, MessageState
from storage.given import given, insert_given, run_given
from storage.outbox.columns import table
from storage.outbox.holds import release
from storage.statements import insert_into
from storage.tables import Command as CommandRow
from storage.tables import Enrolment, EnrolmentHistory, Event, Hold, Message, QuotaUse, Task

_ENROLMENTS = table(Enrolment)
_MESSAGES = table(Message)
_HISTORY = table(EnrolmentHistory)
_HOLDS = table(Hold)
_TASKS, _COMMANDS, _EVENTS, _QUOTAS = table(Task), table(CommandRow), table(Event), table(QuotaUse)
_IDS_AT_ONCE = 64
EVENT_SOURCE = "otklik"
"""The source of events that campaigns record themselves."""


class Batch:
    """Collects decisions, then writes them. ``limits`` are the budgets that versions spend from."""

    def __init__(self, config: WorkspaceConfig, now: datetime, limits: Mapping[str, tuple[Limit, ...]]) -> None:
        self._config = config
        self._now = now
        self._at = to_micros(now)
        self._limits = limits
        self._moves: list[dict[str, Any]] = []
        self._planned: list[dict[str, Any]] = []
        self._holds: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._tasks: list[dict[str, Any]] = []
        self._commands: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._changes: list[tuple[str, ChangeCustomer]] = []
        self._grants: list[GrantRequest] = []
        self._quotas: dict[tuple[str, str], int] = {}
        self._moved: list[Reschedule] = []
        self._skipped: list[SkipMessage] = []
        self._ids: Iterator[str] = iter(())

    @property
    def channels(self) -> set[str]:
        """Channels that have new messages."""
        return {row["channel"] for row in self._planned}

    @property
    def recorded(self) -> list[Arrival]:
        """The events that journeys have recorded; whoever writes the batch lets them arrive after it."""
        return [
            Arrival(row["customer_id"], row["name"], self._now, row["id"], None, row["properties"])
            for row in self._events
        ]

    @property
    def has_commands(self) -> bool:
        """Whether somebody is to be asked for something."""
        return bool(self._commands)

    def add(self, item: DueJourney, body: CampaignBody, decision: Decision) -> None:
        """Take one decision."""
        journey = decision.journey
        stays = journey.step == item.journey.step and journey.leg == item.journey.leg
        message_id = item.message.id if item.message is not None and stays else None
        for effect in decision.effects:
            if isinstance(effect, SendMessage):
                planned = self._plan(item, effect)
                if (effect.step, effect.leg) == (journey.step, journey.leg):
                    message_id = planned
            elif isinstance(effect, Follow):
                message_id = effect.message_id
            else:
                self.do(item, body, effect)
        self._moves.append(
            {
                "id": item.enrolment_id,
                "state": journey.state,
                "reason": journey.reason,
                "step": journey.step,
                "leg": journey.leg,
                "step_at": to_micros(journey.step_at) if journey.step_at else None,
                "message_id": message_id,
                "due_at": to_micros(journey.due_at) if journey.due_at else None,
                "closed_at": None if journey.state in OPEN else self._at,
            }
        )

    def do(self, item: DueJourney, body: CampaignBody, effect: Effect) -> None:
        """Take one effect that plans no message."""
        match effect:
            case Reschedule():
                self._moved.append(effect)
            case SkipMessage():
                self._skipped.append(effect)
            case Note():
                self._line(item, effect.event, effect.step, effect.leg, effect.detail)
            case GrantOffer():
                self._grants.append(
                    GrantRequest(
                        body.offers[effect.offer], item.customer_id, item.campaign_id, item.enrolment_id, item.zone
                    )
                )
                self._line(item, "OfferGranted", effect.step, "", effect.offer)
            case ChangeCustomer():
                self._changes.append((item.customer_id, effect))
            case RecordEvent():
                self._record(item, body, effect)
            case CreateTask():
                self._tasks.append(
                    {
                        "id": new_id(), "customer_id": item.customer_id, "campaign_id": item.campaign_id,
                        "enrolment_id": item.enrolment_id, "step": effect.step, "kind": effect.kind,
                        "note": effect.note, "state": "open", "created_at": self._now, "due_at": effect.due_at,
                        "done_by": "",
                    }
                )  # fmt: skip
            case Command():
                self._command(item, effect)
            case TakeQuota():
                key = item.campaign_id, effect.step
                self._quotas[key] = self._quotas.get(key, 0) + 1

    def _next_id(self) -> str:
        """An id for a message; many are made at once."""
        made = next(self._ids, None)
        if made is None:
            self._ids = iter(new_ids(_IDS_AT_ONCE))
            made = next(self._ids)
        return made

    def _plan(self, item: DueJourney, effect: SendMessage) -> str:
        message_id, send_at = self._next_id(), to_micros(effect.send_at)
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
                "template": effect.template,
                "send_at": send_at,
                "not_before": send_at if effect.not_before is effect.send_at else to_micros(effect.not_before),
                "not_after": to_micros(effect.not_after),
                "created_at": self._at,
            }
        )
        limits = self._limits.get(item.version, ())
        first, second = (*limits, None, None)[:2]
        self._holds.append(
            {
                "message_id": message_id,
                "customer_id": item.customer_id,
                "budget": first.name if first else "",
                "period_from": to_micros(first.period_from) if first else None,
                "shared_budget": second.name if second else "",
                "shared_from": to_micros(second.period_from) if second else None,
                "amount_micros": effect.price_micros,
                "parts": effect.parts,
                "currency": self._config.currency,
                "send_at": send_at,
            }
        )
        self._line(item, "MessagePlanned", effect.step, effect.leg, effect.channel)
        return message_id

    def _record(self, item: DueJourney, body: CampaignBody, effect: RecordEvent) -> None:
        self._events.append(
            {
                "id": new_id(), "customer_id": item.customer_id, "name": effect.name, "at": self._now,
                "currency": "", "source": EVENT_SOURCE, "external_id": f"{item.enrolment_id}:{effect.step}",
                "properties": {**effect.properties, "campaign": body.definition.name, "step": effect.step},
                "content_hash": "", "recorded_at": self._now,
            }
        )  # fmt: skip

    def _command(self, item: DueJourney, effect: Command) -> None:
        payload = {
            **effect.payload,
            "customer_id": item.customer_id,
            "campaign_id": item.campaign_id,
            "enrolment_id": item.enrolment_id,
            "step": effect.step,
        }
        self._commands.append({"id": new_id(), "kind": effect.kind, "payload": payload, "created_at": self._now})

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
        """Write everything."""
        dialect = connection.dialect.name
        for line, id_ in zip(self._lines, new_ids(len(self._lines)), strict=True):
            line["id"] = id_
        await run_given(connection, _new_messages(dialect), self._planned)
        await run_given(connection, _new_holds(dialect), self._holds)
        await run_given(connection, _new_lines(dialect), self._lines)
        for rows, into in ((self._tasks, _TASKS), (self._commands, _COMMANDS)):
            if rows:
                await connection.execute(into.insert(), rows)
        if self._events:
            await connection.execute(insert_into(connection, _EVENTS).on_conflict_do_nothing(), self._events)
        await grant_offers(connection, self._grants, self._now)
        await change_customers(connection, self._changes, self._now)
        await self._count_quotas(connection)
        await self._move_messages(connection)
        await run_given(connection, _moved_enrolments(dialect), self._moves)

    async def _count_quotas(self, connection: AsyncConnection) -> None:
        today = day_of(self._now, zone_named(self._config.zone))[0].isoformat()
        for (campaign_id, step), number in sorted(self._quotas.items()):
            statement = insert_into(connection, _QUOTAS).values(
                campaign_id=campaign_id, step=step, day=today, used=number
            )
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["campaign_id", "step", "day"], set_={"used": _QUOTAS.c.used + number}
                )
            )

    async def _move_messages(self, connection: AsyncConnection) -> None:
        for moved in self._moved:
            await connection.execute(
                update(_MESSAGES)
                .where(_MESSAGES.c.id == moved.message_id, _MESSAGES.c.state == MessageState.PLANNED)
                .values(send_at=moved.send_at, not_before=moved.not_before, not_after=moved.not_after)
            )
        if self._skipped:
            for skipped in self._skipped:
                await connection.execute(
                    update(_MESSAGES)
                    .where(_MESSAGES.c.id == skipped.message_id, _MESSAGES.c.state.in_(SKIP.sources))
                    .values(state=SKIP.target, reason=skipped.reason)
                )
            await release(connection, [one.message_id for one in self._skipped])


@cache
def _new_messages(dialect: str) -> Any:
    return insert_given(
        dialect,
        _MESSAGES,
        (
            "id", "customer_id", "identity_id", "channel", "purpose", "campaign_id", "enrolment_id", "version", "step",
            "leg", "template", "send_at", "not_before", "not_after", "created_at",
        ),
        direction="out", account="", state=MessageState.PLANNED, reason="", lane=1, tries=0, fence=0, worker="",
        subject="", body="", raw_blob="",
    )  # fmt: skip


@cache
def _new_holds(dialect: str) -> Any:
    names = (
        "message_id", "customer_id", "budget", "period_from", "shared_budget", "shared_from", "amount_micros", "parts",
        "currency", "send_at",
    )  # fmt: skip
    return insert_given(dialect, _HOLDS, names, state="held")


@cache
def _new_lines(dialect: str) -> Any:
    return insert_given(dialect, _HISTORY, ("id", "enrolment_id", "at", "event", "step", "leg", "detail"))


@cache
def _moved_enrolments(dialect: str) -> Any:
    changed = ("state", "reason", "step", "leg", "step_at", "message_id", "due_at", "closed_at")
    rows = given(dialect, {name: _ENROLMENTS.c[name].type for name in ("id", *changed)})
    return (
        update(_ENROLMENTS)
        .where(_ENROLMENTS.c.id == rows.c.id)
        .values({**{name: rows.c[name] for name in changed}, "revision": _ENROLMENTS.c.revision + 1})
    )
