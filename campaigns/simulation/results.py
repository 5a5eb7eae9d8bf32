"""What a simulation came to: plain figures, asked of its store afterwards. Days are the organisation's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, case, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.gates import live_chat
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.simulation.delivery import ACCOUNT
from campaigns.simulation.rendering import REFUSED
from campaigns.simulation.talked import FlowFigures, flow_figures, said_by_flow
from campaigns.simulation.talks import Talks
from campaigns.versions import definitions
from campaigns.workspace.openings import started
from core.clock import EPOCH
from core.machines.enrolment import HOLD, EnrolmentState
from core.statuses import SENT
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, EnrolmentHistory, Event, Hold, Message, Response

_MESSAGES, _ENROLMENTS, _HOLDS, _RESPONSES = table(Message), table(Enrolment), table(Hold), table(Response)
_HISTORY, _CAMPAIGNS, _EVENTS = table(EnrolmentHistory), table(Campaign), table(Event)
_HOUR = 3_600_000_000
_GATES = {"SendDeferred": "deferred", "SendDiverted": "diverted", "SendSkipped": "skipped", "SendExpired": "skipped",
          "SendStopped": "stopped", "OfferWithheld": "ended", "StepDeferred": "deferred",
          "StepSkipped": "skipped", HOLD.event: "held"}  # fmt: skip
_ASKED = {"HandoffRequested": "handoff", "TaskCreated": "task", "WebhookCalled": "webhook"}
_REPLIED = frozenset({"reply", "click"})


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step on one channel. ``micros`` is what its messages cost, in micro-units; ``replied`` counts messages."""

    step: str
    leg: str
    channel: str
    planned: int
    sent: int
    failed: int
    not_sent: int
    waiting: int
    micros: int
    replied: int = 0
    clicked: int = 0


@dataclass(frozen=True, slots=True)
class GateFigures:
    """How often a gate stood in a message's way: deferred, diverted, skipped, stopped, held, ended."""

    gate: str
    verdict: str
    number: int


@dataclass(frozen=True, slots=True)
class Arm:
    """An experiment's arm: a variant, or those who were held out. ``reached`` the goal."""

    name: str
    held_out: bool
    entered: int
    answered: int
    reached: int


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """One campaign. ``outcomes`` counts journeys by state and, where they exited, by reason (``exited: opted_out``);
    ``asked`` what others were asked for (handoff, task, webhook), ``refused`` messages that could not be rendered, by
    the reason. ``unplayed`` are the flows that it starts, where only the first words of their talks were played."""

    name: str
    entered: int
    outcomes: Mapping[str, int]
    steps: Sequence[StepFigures]
    gates: Sequence[GateFigures]
    responses: Mapping[str, int]
    arms: Sequence[Arm] = ()
    asked: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    unplayed: Sequence[str] = ()

    @property
    def micros(self) -> int:
        """What its messages cost."""
        return sum(step.micros for step in self.steps)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: messages by channel, and what customers did by kind."""

    day: date
    sent: Mapping[str, int] = field(default_factory=dict)
    entered: int = 0
    did: Mapping[str, int] = field(default_factory=dict)
    micros: int = 0


@dataclass(frozen=True, slots=True)
class SimulationFigures:
    """The whole of it. ``channels`` are those that were used, the most used first; ``flows`` are those that were
    played, whose messages are in the days, too."""

    begins: datetime
    ends: datetime
    zone: str
    currency: str
    customers: int
    seed: int
    campaigns: Sequence[CampaignFigures]
    days: Sequence[Day]
    channels: Sequence[str]
    flows: Sequence[FlowFigures] = ()

    @property
    def micros(self) -> int:
        """What all of it cost."""
        return sum(one.micros for one in self.campaigns) + sum(one.micros for one in self.flows)


async def figures(
    connection: AsyncConnection,
    begins: datetime,
    ends: datetime,
    *,
    customers: int,
    seed: int,
    names: Sequence[str] = (),
    talks: Talks | None = None,
) -> SimulationFigures:
    """The figures of everything since ``begins``; with ``names``, of these campaigns only. ``talks`` played flows."""
    config = await workspace_config(connection)
    rows = (await connection.execute(select(_CAMPAIGNS.c.id, _CAMPAIGNS.c.name, _CAMPAIGNS.c.version))).all()
    chosen = sorted((row for row in rows if not names or row.name in names), key=lambda row: row.name)
    ids = [row.id for row in chosen]
    campaigns = [await _campaign(connection, row.id, row.name, row.version, begins) for row in chosen]
    if talks is not None:
        campaigns = [replace(one, unplayed=()) for one in campaigns]
    days = await _days(connection, ids, begins, ends, config.zone)
    used: dict[str, int] = defaultdict(int)
    for day in days:
        for channel, number in day.sent.items():
            used[channel] += number
    flows = await flow_figures(connection, begins, talks.tallies) if talks is not None else ()
    return SimulationFigures(
        begins=begins, ends=ends, zone=config.zone, currency=config.currency, customers=customers, seed=seed,
        campaigns=campaigns, days=days, channels=sorted(used, key=lambda name: (-used[name], name)), flows=flows,
    )  # fmt: skip


async def _campaign(
    connection: AsyncConnection, id_: str, name: str, version: str, begins: datetime
) -> CampaignFigures:
    body = (await definitions(connection, [version])).get(version)
    order = {step.id: place for place, step in enumerate(body.steps)} if body is not None else {}
    mine = (_ENROLMENTS.c.campaign_id == id_, _ENROLMENTS.c.entered_at >= begins)
    outcomes: dict[str, int] = {}
    entered = 0
    for row in await connection.execute(
        select(_ENROLMENTS.c.state, _ENROLMENTS.c.reason, func.count().label("number"))
        .where(*mine)
        .group_by(_ENROLMENTS.c.state, _ENROLMENTS.c.reason)
        .order_by(_ENROLMENTS.c.state, _ENROLMENTS.c.reason)
    ):
        key = f"{row.state}: {row.reason}" if row.state is EnrolmentState.EXITED and row.reason else str(row.state)
        outcomes[key] = outcomes.get(key, 0) + row.number
        entered += row.number
    responses = {
        row.kind: row.number
        for row in await connection.execute(
            select(_RESPONSES.c.kind, func.count().label("number"))
            .where(_RESPONSES.c.campaign_id == id_, _RESPONSES.c.at >= begins)
            .group_by(_RESPONSES.c.kind)
            .order_by(_RESPONSES.c.kind)
        )
    }
    gates, asked = await _noted(connection, id_, begins)
    return CampaignFigures(
        name, entered, outcomes,
        sorted(await _steps(connection, id_, begins), key=lambda one: (order.get(one.step, 99), one.leg, one.channel)),
        gates, responses, await _arms(connection, id_, begins), asked,
        await _refused(connection, id_, begins), sorted(started(body)) if body is not None else (),
    )  # fmt: skip


async def _steps(connection: AsyncConnection, id_: str, begins: datetime) -> list[StepFigures]:
    state = _MESSAGES.c.state
    counted = {
        "sent": state.in_(SENT), "failed": state == "failed", "waiting": state.in_(("planned", "claimed")),
        "not_sent": state.in_(("skipped", "cancelled", "rejected")),
    }  # fmt: skip
    key = (_MESSAGES.c.step, _MESSAGES.c.leg, _MESSAGES.c.channel)
    rows = await connection.execute(
        select(
            *key,
            func.count().label("planned"),
            *(func.sum(case((test, 1), else_=0)).label(name) for name, test in counted.items()),
            func.coalesce(func.sum(case((_HOLDS.c.state == "spent", _HOLDS.c.amount_micros), else_=0)), 0).label(
                "micros"
            ),
        )
        .outerjoin(_HOLDS, _HOLDS.c.message_id == _MESSAGES.c.id)
        .where(_MESSAGES.c.campaign_id == id_, _MESSAGES.c.created_at >= begins)
        .group_by(*key)
    )
    answers = await connection.execute(
        select(*key, _RESPONSES.c.kind, func.count(_MESSAGES.c.id.distinct()).label("number"))
        .join(_MESSAGES, _MESSAGES.c.id == _RESPONSES.c.message_id)
        .where(_RESPONSES.c.campaign_id == id_, _RESPONSES.c.kind.in_(_REPLIED), _RESPONSES.c.at >= begins)
        .group_by(*key, _RESPONSES.c.kind)
    )
    by_kind = {(row.step, row.leg, row.channel, row.kind): row.number for row in answers}
    return [
        StepFigures(
            row.step, row.leg, row.channel, row.planned, int(row.sent), int(row.failed), int(row.not_sent),
            int(row.waiting), int(row.micros),
            replied=by_kind.get((row.step, row.leg, row.channel, "reply"), 0),
            clicked=by_kind.get((row.step, row.leg, row.channel, "click"), 0),
        )
        for row in rows
    ]  # fmt: skip


async def _noted(connection: AsyncConnection, id_: str, begins: datetime) -> tuple[list[GateFigures], dict[str, int]]:
    """What stood in the way, and what was asked of others: counted from the journeys' histories."""
    rows = await connection.execute(
        select(_HISTORY.c.event, _HISTORY.c.detail, func.count().label("number"))
        .join(_ENROLMENTS, _ENROLMENTS.c.id == _HISTORY.c.enrolment_id)
        .where(
            _ENROLMENTS.c.campaign_id == id_,
            _HISTORY.c.at >= begins,
            _HISTORY.c.event.in_(sorted({**_GATES, **_ASKED})),
        )
        .group_by(_HISTORY.c.event, _HISTORY.c.detail)
    )
    found: dict[tuple[str, str], int] = defaultdict(int)
    asked: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.event in _ASKED:
            asked[_ASKED[row.event]] += row.number
        else:
            gate = live_chat.GATE.name if row.event == HOLD.event else row.detail or row.event
            found[gate, _GATES[row.event]] += row.number
    gates = sorted((GateFigures(*key, number) for key, number in found.items()), key=lambda one: -one.number)
    return gates, dict(sorted(asked.items()))


async def _refused(connection: AsyncConnection, id_: str, begins: datetime) -> dict[str, int]:
    said = or_(_MESSAGES.c.reason.like("template: %"), _MESSAGES.c.reason.like(f"{REFUSED}%"))
    number = func.count().label("number")
    rows = await connection.execute(
        select(_MESSAGES.c.reason, number)
        .where(_MESSAGES.c.campaign_id == id_, _MESSAGES.c.created_at >= begins, said)
        .group_by(_MESSAGES.c.reason)
        .order_by(number.desc(), _MESSAGES.c.reason)
    )
    return {row.reason: row.number for row in rows}


async def _arms(connection: AsyncConnection, id_: str, begins: datetime) -> list[Arm]:
    """Arms of an experiment, and who was held out; none where everybody is treated alike."""
    converted = select(_RESPONSES.c.enrolment_id).where(
        _RESPONSES.c.campaign_id == id_, _RESPONSES.c.kind == "conversion", _RESPONSES.c.enrolment_id.is_not(None)
    )
    rows = (
        await connection.execute(
            select(
                _ENROLMENTS.c.variant,
                _ENROLMENTS.c.ghost,
                func.count().label("entered"),
                func.sum(case((_ENROLMENTS.c.state == EnrolmentState.ANSWERED, 1), else_=0)).label("answered"),
                func.sum(case((_ENROLMENTS.c.id.in_(converted), 1), else_=0)).label("reached"),
            )
            .where(_ENROLMENTS.c.campaign_id == id_, _ENROLMENTS.c.entered_at >= begins)
            .group_by(_ENROLMENTS.c.variant, _ENROLMENTS.c.ghost)
            .order_by(_ENROLMENTS.c.ghost, _ENROLMENTS.c.variant)
        )
    ).all()
    if len(rows) < 2 and not any(row.variant or row.ghost for row in rows):
        return []
    return [Arm(row.variant, bool(row.ghost), row.entered, int(row.answered), int(row.reached)) for row in rows]


async def _days(
    connection: AsyncConnection, ids: Sequence[str], begins: datetime, ends: datetime, zone_name: str
) -> list[Day]:
    zone = zone_named(zone_name)

    def day_of_hour(hour: int) -> date:
        return (EPOCH + timedelta(hours=hour)).astimezone(zone).date()

    sent: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    micros: dict[date, int] = defaultdict(int)
    for row in await _by_hour(
        connection, _MESSAGES.c.sent_at, _MESSAGES.c.channel,
        or_(_MESSAGES.c.campaign_id.in_(ids), said_by_flow), _MESSAGES.c.account == ACCOUNT,
        _MESSAGES.c.sent_at >= begins,
        extra=_HOLDS,
    ):  # fmt: skip
        sent[day_of_hour(row.hour)][row.kind] += row.number
        micros[day_of_hour(row.hour)] += int(row.micros or 0)
    entered: dict[date, int] = defaultdict(int)
    for row in await _by_hour(
        connection, _ENROLMENTS.c.entered_at, _ENROLMENTS.c.ghost,
        _ENROLMENTS.c.campaign_id.in_(ids), _ENROLMENTS.c.entered_at >= begins,
    ):  # fmt: skip
        entered[day_of_hour(row.hour)] += row.number
    did: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in await _by_hour(
        connection, _RESPONSES.c.at, _RESPONSES.c.kind,
        _RESPONSES.c.campaign_id.in_(ids), _RESPONSES.c.at >= begins,
    ):  # fmt: skip
        did[day_of_hour(row.hour)][row.kind] += row.number
    first, last = begins.astimezone(zone).date(), ends.astimezone(zone).date()
    return [
        Day(day, dict(sent.get(day, {})), entered.get(day, 0), dict(did.get(day, {})), micros.get(day, 0))
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
    ]


async def _by_hour(connection: AsyncConnection, at: Any, kind: Any, *tests: Any, extra: Any = None) -> Sequence[Any]:
    """Counts by the hour (since 1970) of ``at`` and by ``kind``; hours become days in Python, by the zone."""
    hour = (type_coerce(at, BigInteger) // _HOUR).label("hour")
    columns = [hour, kind.label("kind"), func.count().label("number")]
    if extra is None:
        wanted = select(*columns)
    else:
        wanted = select(*columns, func.sum(extra.c.amount_micros).label("micros")).outerjoin(
            extra, extra.c.message_id == _MESSAGES.c.id
        )
    return (await connection.execute(wanted.where(*tests).group_by(hour, kind))).all()


def as_json(found: SimulationFigures) -> dict[str, Any]:
    """Plain data, for programs."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat()
        return value.isoformat() if isinstance(value, date) else value

    data: dict[str, Any] = plain(asdict(found))
    return data
