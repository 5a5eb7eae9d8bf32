"""Entry: who joins a campaign when it starts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Label, and_, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.periods import zone_named
from core.ids import new_id
from core.machines.enrolment import ENROLMENT
from storage.outbox.columns import table
from storage.statements import chunks, insert_missing
from storage.store import Store
from storage.tables import Campaign, Customer, Enrolment, EnrolmentHistory, SegmentMembership

_ENROLMENTS = table(Enrolment)
_HISTORY = table(EnrolmentHistory)
_CUSTOMERS = table(Customer)
_MEMBERS = table(SegmentMembership)


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
    entered = 0
    for group in chunks(candidates):
        async with store.write() as connection:
            entered += len(await _insert(connection, campaign, group, now))
    return entered


async def enrol_customers(
    store: Store,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    customer_ids: Sequence[str],
    now: datetime,
    *,
    trigger: str | None = None,
) -> list[str]:
    """Enrol these customers now; gives those who entered. ``trigger`` is the id of the event that did it.

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
    trigger: str | None = None,
) -> list[str]:
    """:func:`enrol_customers` for at most a few hundred, in the caller's transaction."""
    barring = _ENROLMENTS.c.customer_id == _CUSTOMERS.c.id
    wanted = (
        select(_CUSTOMERS.c.id, _next_round(campaign, _CUSTOMERS.c.id))
        .where(
            _CUSTOMERS.c.id.in_(customer_ids),
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
    return await _insert(connection, campaign, [(row.id, row.round) for row in rows], now, trigger)


async def _candidates(
    connection: AsyncConnection,
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    now: datetime,
    zone: str | None,
) -> list[tuple[str, int]]:
    """(customer id, number of the round) of every member that may enter."""
    barring = _ENROLMENTS.c.customer_id == _MEMBERS.c.customer_id
    wanted = (
        select(_MEMBERS.c.customer_id, _next_round(campaign, _MEMBERS.c.customer_id))
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _MEMBERS.c.customer_id)
        .where(
            _MEMBERS.c.segment == definition.audience,
            _MEMBERS.c.left_at.is_(None),
            ~exists(select(_ENROLMENTS.c.id).where(barring, _bars_reentry(campaign, definition, config, now))),
        )
        .order_by(_MEMBERS.c.customer_id)
    )
    if zone is not None:
        wanted = wanted.where(customer_zone(config) == zone)
    return [(row.customer_id, row.round) for row in await connection.execute(wanted)]


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


async def _insert(
    connection: AsyncConnection,
    campaign: Campaign,
    group: Sequence[tuple[str, int]],
    now: datetime,
    trigger: str | None = None,
) -> list[str]:
    """Write the enrolments of (customer id, number of the round); gives the customers who entered."""
    rows = [
        {
            "id": new_id(),
            "campaign_id": campaign.id,
            "customer_id": customer_id,
            "round": number,
            "version": campaign.version,
            "state": ENROLMENT.initial,
            "reason": "",
            "variant": "",
            "ghost": False,
            "step": "",
            "leg": "",
            "event_id": trigger,
            "due_at": now,
            "entered_at": now,
            "revision": 0,
        }
        for customer_id, number in group
    ]
    await insert_missing(connection, _ENROLMENTS, rows)
    written = select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id).where(
        _ENROLMENTS.c.id.in_([row["id"] for row in rows])
    )
    kept = {row.id: row.customer_id for row in await connection.execute(written)}
    lines = [
        {"id": new_id(), "enrolment_id": id_, "at": now, "event": "Entered", "step": "", "leg": "", "detail": ""}
        for id_ in sorted(kept)
    ]
    if lines:
        await connection.execute(_HISTORY.insert(), lines)
    return sorted(kept.values())


MISFIRE = timedelta(hours=1)
"""An occurrence missed by more than this is recorded as skipped, not made up for."""
