"""Entry: who joins a campaign when it starts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.assigning import assign, beginnings
from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.periods import day_of, zone_named
from core.ids import new_id
from core.machines.enrolment import ENROLMENT
from storage.outbox.columns import table
from storage.statements import chunks, insert_missing
from storage.store import Store
from storage.tables import (
    Campaign,
    Customer,
    Enrolment,
    EnrolmentHistory,
    ExperimentWeights,
    Identity,
    SegmentMembership,
)

_ENROLMENTS = table(Enrolment)
_HISTORY = table(EnrolmentHistory)
_CUSTOMERS = table(Customer)
_MEMBERS = table(SegmentMembership)
_IDENTITIES, _WEIGHTS = table(Identity), table(ExperimentWeights)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer who may enter: as which round, and the draw that decides the variant."""

    customer_id: str
    round: int
    draw: int


Trigger = str | Mapping[str, str] | None
"""The id of the event that started a journey, one for all or by customer."""


async def enrol(
    store: Store,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    now: datetime,
    *,
    zone: str | None = None,
) -> int:
    """Enrol the audience as it is; with ``zone``, only those who live on that clock. Gives how many entered.

    Repeating it enrols nobody twice: a customer has one open enrolment a campaign, and re-entry has its own distance.
    Written in short transactions.
    """
    async with store.read() as connection:
        candidates = await _candidates(connection, campaign, definition, config, now, zone)
        entry = await _Entry.of(connection, campaign, definition, config, now)
    entered = 0
    for group in chunks(candidates):
        async with store.write() as connection:
            entered += len(await entry.write(connection, group))
    return entered


async def enrol_customers(
    store: Store,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    customer_ids: Sequence[str],
    now: datetime,
    *,
    trigger: Trigger = None,
) -> list[str]:
    """Enrol these customers now; gives those who entered. ``trigger`` is the event that did it, or each customer's own.

    An audience, where the campaign has one, lets its members in only; re-entry rules hold. Written in short
    transactions.
    """
    entered: list[str] = []
    for group in chunks(sorted(set(customer_ids))):
        async with store.write() as connection:
            entered += await enrol_group(connection, campaign, definition, config, group, now, trigger=trigger)
    return entered


async def enrol_group(
    connection: AsyncConnection,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    customer_ids: Sequence[str],
    now: datetime,
    *,
    trigger: Trigger = None,
) -> list[str]:
    """:func:`enrol_customers` for at most a few hundred, in the caller's transaction."""
    barring = _ENROLMENTS.c.customer_id == _CUSTOMERS.c.id
    wanted = (
        select(_CUSTOMERS.c.id, _next_round(campaign, _CUSTOMERS.c.id), _CUSTOMERS.c.draw)
        .where(
            _CUSTOMERS.c.id.in_(customer_ids),
            *_listed(config),
            ~exists(select(_ENROLMENTS.c.id).where(barring, _bars_reentry(campaign, definition, config, now))),
        )
        .order_by(_CUSTOMERS.c.id)
    )
    if definition.audience:
        members = select(_MEMBERS.c.customer_id).where(
            _MEMBERS.c.segment == definition.audience, _MEMBERS.c.left_at.is_(None)
        )
        wanted = wanted.where(_CUSTOMERS.c.id.in_(members))
    rows = (await connection.execute(wanted)).all()
    entry = await _Entry.of(connection, campaign, definition, config, now, trigger)
    return await entry.write(connection, [Candidate(row.id, row.round, row.draw) for row in rows])


async def _candidates(
    connection: AsyncConnection,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    now: datetime,
    zone: str | None,
) -> list[Candidate]:
    """Every member that may enter; every customer where the campaign has no audience."""
    barring = _ENROLMENTS.c.customer_id == _CUSTOMERS.c.id
    wanted = (
        select(_CUSTOMERS.c.id, _next_round(campaign, _CUSTOMERS.c.id), _CUSTOMERS.c.draw)
        .where(
            *_listed(config),
            ~exists(select(_ENROLMENTS.c.id).where(barring, _bars_reentry(campaign, definition, config, now))),
        )
        .order_by(_CUSTOMERS.c.id)
    )
    if definition.audience:
        wanted = wanted.join(_MEMBERS, _MEMBERS.c.customer_id == _CUSTOMERS.c.id).where(
            _MEMBERS.c.segment == definition.audience, _MEMBERS.c.left_at.is_(None)
        )
    if zone is not None:
        wanted = wanted.where(customer_zone(config) == zone)
    return [Candidate(row.id, row.round, row.draw) for row in await connection.execute(wanted)]


def _listed(config: WorkspaceConfig) -> list[ColumnElement[bool]]:
    """Before going live only who is on the allowlist enters, by external id or by an address."""
    if config.mode != "allowlist":
        return []
    by_address = select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.address.in_(config.allowlist))
    return [or_(_CUSTOMERS.c.external_id.in_(config.allowlist), _CUSTOMERS.c.id.in_(by_address))]


def _next_round(campaign: Campaign, customer: ColumnElement[str]) -> Label[int]:
    """The number of the customer's next round."""
    rounds = _ENROLMENTS.alias("r")
    return (
        select(func.coalesce(func.max(rounds.c.round), 0) + 1)
        .where(rounds.c.campaign_id == campaign.id, rounds.c.customer_id == customer)
        .scalar_subquery()
        .label("round")
    )


def _bars_reentry(
    campaign: Campaign, definition: CampaignDefinition, config: WorkspaceConfig, now: datetime
) -> ColumnElement[bool]:
    """An enrolment that keeps its customer out: any one without re-entry, else an open or a recent one."""
    same = _ENROLMENTS.c.campaign_id == campaign.id
    if definition.reentry is None:
        return same
    since = definition.reentry.before(now, zone_named(config.zone))
    return and_(same, or_(_ENROLMENTS.c.closed_at.is_(None), _ENROLMENTS.c.entered_at > since))


def customer_zone(config: WorkspaceConfig) -> ColumnElement[str]:
    """The customer's zone in SQL: their own, else the phone's country's single one, else the organisation's."""
    return case(
        (_CUSTOMERS.c.zone != "", _CUSTOMERS.c.zone),
        (_CUSTOMERS.c.zone_guess != "", _CUSTOMERS.c.zone_guess),
        else_=config.zone,
    )


@dataclass(slots=True)
class _Entry:
    """One wave: everybody gets an assignment, and a beginning at the campaign's pace."""

    campaign: Campaign
    definition: CampaignDefinition
    config: WorkspaceConfig
    now: datetime
    trigger: Trigger
    weights: Mapping[str, float]
    begins: Iterator[datetime]

    @classmethod
    async def of(
        cls,
        connection: AsyncConnection,
        campaign: Campaign,
        definition: CampaignDefinition,
        config: WorkspaceConfig,
        now: datetime,
        trigger: Trigger = None,
    ) -> "_Entry":
        weights = await weights_of(connection, campaign.id, definition, config, now)
        return cls(campaign, definition, config, now, trigger, weights, beginnings(definition, config, now))

    async def write(self, connection: AsyncConnection, group: Sequence[Candidate]) -> list[str]:
        """Write the enrolments; gives the customers who entered: another scheduler may have been faster."""
        rows = [self._row(candidate) for candidate in group]
        await insert_missing(connection, _ENROLMENTS, rows)
        written = select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id).where(
            _ENROLMENTS.c.id.in_([row["id"] for row in rows])
        )
        kept = {row.id: row.customer_id for row in await connection.execute(written)}
        lines = [
            {"id": new_id(), "enrolment_id": row["id"], "at": self.now, "event": "Entered", "step": "", "leg": "",
             "detail": _told(row)}
            for row in rows
            if row["id"] in kept
        ]  # fmt: skip
        if lines:
            await connection.execute(_HISTORY.insert(), lines)
        return sorted(kept.values())

    def _row(self, candidate: Candidate) -> dict[str, Any]:
        assigned = assign(self.definition, self.config, candidate.draw, self.weights)
        return {
            "id": new_id(),
            "campaign_id": self.campaign.id,
            "customer_id": candidate.customer_id,
            "round": candidate.round,
            "version": self.campaign.version,
            "state": ENROLMENT.initial,
            "reason": "",
            "variant": assigned.variant,
            "ghost": assigned.ghost,
            "step": "",
            "leg": "",
            "event_id": self.trigger.get(candidate.customer_id) if isinstance(self.trigger, Mapping) else self.trigger,
            "due_at": self.now if assigned.ghost else next(self.begins),
            "entered_at": self.now,
            "revision": 0,
        }


def _told(row: Mapping[str, Any]) -> str:
    parts = (row["variant"] and f"variant {row['variant']}", "held out" if row["ghost"] else "")
    return ", ".join(part for part in parts if part)


async def weights_of(
    connection: AsyncConnection,
    campaign_id: str,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    now: datetime,
) -> Mapping[str, float]:
    """The variants' weights for entries of today: the last that a draw stored, else those of the definition."""
    experiment = definition.experiment
    if experiment is None:
        return {}
    if experiment.winner == "thompson":
        today, _ = day_of(now, zone_named(config.zone))
        stored = await connection.scalar(
            select(_WEIGHTS.c.weights)
            .where(_WEIGHTS.c.campaign_id == campaign_id, _WEIGHTS.c.day <= today.isoformat())
            .order_by(_WEIGHTS.c.day.desc())
            .limit(1)
        )
        if stored and stored.keys() == experiment.variants.keys():
            return {name: float(weight) for name, weight in stored.items()}
    return {name: float(weight) for name, weight in experiment.variants.items()}


MISFIRE = timedelta(hours=1)
"""An occurrence missed by more than this is recorded as skipped, not made up for."""
