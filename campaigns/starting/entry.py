"""Entry: who joins a campaign when it starts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Label, Select, Text, case, exists, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.experiments.weights import weights_of
from campaigns.periods import zone_named
from campaigns.starting.assigning import assign, beginnings
from campaigns.starting.audience import in_segment
from core.ids import ANONYMOUS, new_id
from core.machines.enrolment import ENROLMENT
from core.purposes import NEEDS_CONSENT, topic_of
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.statements import chunks, insert_missing
from storage.store import Store
from storage.tables import Campaign, Consent, Customer, Enrolment, EnrolmentHistory, Identity, SegmentMembership

_ENROLMENTS = table(Enrolment)
_HISTORY = table(EnrolmentHistory)
_CUSTOMERS = table(Customer)
_MEMBERS = table(SegmentMembership)
_IDENTITIES = table(Identity)
_CONSENTS = table(Consent)

MISFIRE = timedelta(hours=1)
"""A start that was missed by more than this is left out, not made up for; so is an event that is older."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer who may enter: as which round, the draw that decides the variant, and the one they had before."""

    customer_id: str
    round: int
    draw: int
    variant: str = ""


Trigger = str | Mapping[str, str] | None
"""The id of the event that started a journey, one for all or by customer."""


async def enrol(
    store: Store,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    now: datetime,
    *,
    since: datetime,
    zone: str | None = None,
    chosen: ColumnElement[bool] | None = None,
) -> int:
    """Enrol the audience as its memberships are; with ``zone``, only those who live on that clock. Gives how many.

    ``chosen`` narrows the customers further. Whoever has entered at ``since`` (when this start fell due) or later was
    taken by it already: repeating it enrols nobody twice. Written in short transactions.
    """
    wanted = may_enter(campaign, definition, config, now, since)
    if definition.audience:
        wanted = wanted.join(_MEMBERS, _MEMBERS.c.customer_id == _CUSTOMERS.c.id).where(
            _MEMBERS.c.segment == definition.audience, _MEMBERS.c.left_at.is_(None)
        )
    if zone is not None:
        wanted = wanted.where(customer_zone(config) == zone)
    if chosen is not None:
        wanted = wanted.where(chosen)
    async with store.read() as connection:
        candidates = [Candidate(*row) for row in await connection.execute(wanted)]
        entry = await _Entry.of(connection, campaign, definition, config, now)
    entered = 0
    for group in chunks(candidates):
        async with store.write() as connection:
            entered += len(await entry.write(connection, group))
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
    begins: Iterator[datetime] | None = None,
) -> list[str]:
    """Enrol these customers (a few hundred at most) in the caller's transaction; gives those who entered.

    ``trigger`` is the event that did it, or each customer's own; an event starts a customer once. Nobody enters outside
    the campaign's period; an audience, where there is one, lets those in who belong to it now; re-entry rules hold.
    ``begins`` (:func:`campaigns.starting.assigning.beginnings`) goes on from one group of a wave to the next.

    Raises:
        Refused: if the audience cannot be asked.
    """
    if not in_period(definition, now, zone_named(config.zone)):
        return []
    wanted = may_enter(campaign, definition, config, now).where(given_ids(_CUSTOMERS.c.id))
    if trigger is not None:
        events = [trigger] if isinstance(trigger, str) else sorted(set(trigger.values()))
        started = _mine(campaign).where(_ENROLMENTS.c.event_id.in_(events))
        wanted = wanted.where(~exists(started))
    candidates = [Candidate(*row) for row in await connection.execute(wanted, {IDS: sorted(set(customer_ids))})]
    if definition.audience and candidates:
        ids = [one.customer_id for one in candidates]
        members = set(await in_segment(connection, definition.audience, ids, config, now))
        candidates = [one for one in candidates if one.customer_id in members]
    if not candidates:
        return []
    entry = await _Entry.of(connection, campaign, definition, config, now, trigger, begins)
    return await entry.write(connection, candidates)


def in_period(definition: CampaignDefinition, instant: datetime, zone: ZoneInfo) -> bool:
    """Whether ``instant`` lies in the campaign's period, by the organisation's calendar."""
    day: date = instant.astimezone(zone).date()
    first, last = definition.period.first, definition.period.last
    return (first is None or day >= first) and (last is None or day <= last)


def may_enter(
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    now: datetime,
    since: datetime | None = None,
) -> Select[Any]:
    """Customers who may enter, as the columns of a :class:`Candidate`."""
    barring = _mine(campaign).where(_bars_reentry(definition, config, now, since))
    variant = _last_variant(campaign) if _keeps_variants(definition) else literal("", Text())
    return (
        select(_CUSTOMERS.c.id, _next_round(campaign, _CUSTOMERS.c.id), _CUSTOMERS.c.draw, variant.label("variant"))
        .where(_CUSTOMERS.c.id < ANONYMOUS, *_listed(config), *_willing(definition, now), ~exists(barring))
        .order_by(_CUSTOMERS.c.id)
    )


def _mine(campaign: Campaign) -> Select[Any]:
    """The enrolments in the campaign of the customer who is asked about."""
    return select(_ENROLMENTS.c.id).where(
        _ENROLMENTS.c.campaign_id == campaign.id, _ENROLMENTS.c.customer_id == _CUSTOMERS.c.id
    )


def _keeps_variants(definition: CampaignDefinition) -> bool:
    """Whether weights that move could deal somebody who comes again another variant; a hash alone does not."""
    experiment = definition.experiment
    return experiment is not None and experiment.winner == "thompson" and definition.reentry is not None


def _listed(config: WorkspaceConfig) -> list[ColumnElement[bool]]:
    """Before going live only who is on the allowlist enters, by external id or by an address."""
    if config.mode != "allowlist":
        return []
    by_address = select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.address.in_(config.allowlist))
    return [or_(_CUSTOMERS.c.external_id.in_(config.allowlist), _CUSTOMERS.c.id.in_(by_address))]


def _willing(definition: CampaignDefinition, now: datetime) -> list[ColumnElement[bool]]:
    """Marketing begins with nobody who said "not now", or no more of what this campaign is about."""
    if definition.purpose not in NEEDS_CONSENT:
        return []
    refused = (
        select(_CONSENTS.c.identity_id)
        .join(_IDENTITIES, _IDENTITIES.c.id == _CONSENTS.c.identity_id)
        .where(
            _IDENTITIES.c.customer_id == _CUSTOMERS.c.id,
            _CONSENTS.c.purpose == topic_of(definition.topic or definition.name),
            _CONSENTS.c.granted.is_(False),
        )
    )
    rests = _CUSTOMERS.c.not_now_until
    return [or_(rests.is_(None), rests <= now), ~exists(refused)]


def _next_round(campaign: Campaign, customer: ColumnElement[str]) -> Label[int]:
    """The number of the customer's next round."""
    rounds = _ENROLMENTS.alias("r")
    return (
        select(func.coalesce(func.max(rounds.c.round), 0) + 1)
        .where(rounds.c.campaign_id == campaign.id, rounds.c.customer_id == customer)
        .scalar_subquery()
        .label("round")
    )


def _last_variant(campaign: Campaign) -> ColumnElement[Any]:
    rounds = _ENROLMENTS.alias("before")
    last = (
        select(rounds.c.variant)
        .where(rounds.c.campaign_id == campaign.id, rounds.c.customer_id == _CUSTOMERS.c.id)
        .order_by(rounds.c.round.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(last, "")


def _bars_reentry(
    definition: CampaignDefinition, config: WorkspaceConfig, now: datetime, since: datetime | None
) -> ColumnElement[bool]:
    """What of an enrolment keeps its customer out: that it is, without re-entry; else that it is open or recent."""
    if definition.reentry is None:
        return true()
    recent = definition.reentry.before(now, zone_named(config.zone))
    bars = or_(_ENROLMENTS.c.closed_at.is_(None), _ENROLMENTS.c.entered_at > recent)
    return bars if since is None else or_(bars, _ENROLMENTS.c.entered_at >= since)


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
        begins: Iterator[datetime] | None = None,
    ) -> "_Entry":
        weights = await weights_of(connection, campaign.id, definition, config, now)
        begins = begins or beginnings(definition, config, now)
        return cls(campaign, definition, config, now, trigger, weights, begins)

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
        if candidate.variant in self.weights:
            assigned = replace(assigned, variant=candidate.variant)
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
