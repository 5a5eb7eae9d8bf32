"""Loading a batch's circumstances: one query a topic, and only for topics that its campaigns have."""

import operator
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.composing.happenings import load_happenings
from campaigns.composing.links import MessageLinks
from campaigns.customers.columns import customers_by_id, orders_of
from campaigns.definition import BEST, CampaignBody, HandoffStep, SendStep, TaskStep, WorkspaceConfig
from campaigns.engine import ChannelHistory, GrantFacts, MessageFacts, Sent
from campaigns.facts.circumstances import Circumstances, Served
from campaigns.facts.journeys import DueJourney
from campaigns.facts.unserved import known_unserved
from campaigns.gates.live_chat import REST, TALKED, TALKING
from campaigns.limits.batch_prices import BatchPrices, asked_by_sms, speaks_sms
from campaigns.limits.budgets import give_back, grant, limits_of
from campaigns.limits.prices import PriceList
from campaigns.offers.granting import end_expired
from campaigns.offers.stock import codes_left
from campaigns.operating.standstills import standstills
from campaigns.periods import day_of, zone_named
from campaigns.segments.compiling import compile_condition
from campaigns.segments.reading import read_stored
from campaigns.segments.refresh import stored_segments
from campaigns.segments.syntax import InSegment, SegmentDefinition
from campaigns.templates.names import NOTHING_ASKED
from core.machines.message import MessageState
from core.purposes import NEEDS_CONSENT, topic_of
from core.statuses import SENT
from storage.given import IDS, given_ids
from storage.outbox.columns import is_topic, table, topic_in_force
from storage.statements import insert_missing
from storage.tables import Campaign, Consent, Conversation, Customer, Grant, Identity, Message, QuotaUse, Response
from storage.types import Instant

_CONVERSATIONS, _MESSAGES, _RESPONSES = table(Conversation), table(Message), table(Response)
_GRANTS, _QUOTAS = table(Grant), table(QuotaUse)
_CUSTOMERS, _IDENTITIES = table(Customer), table(Identity)
_CAMPAIGNS, _CONSENTS = table(Campaign), table(Consent)

HISTORY = timedelta(days=365)
"""How far back the customer's own answers count for ``send: best``."""
_COUNTS = (MessageState.PLANNED, MessageState.CLAIMED, *SENT)


async def load_circumstances(
    connection: AsyncConnection,
    config: WorkspaceConfig,
    due: Sequence[DueJourney],
    bodies: Mapping[str, CampaignBody],
    now: datetime,
    *,
    unserved: Served | None = None,
    links: MessageLinks | None = None,
    spending: bool = True,
    segments: Mapping[str, SegmentDefinition] | None = None,
) -> Circumstances:
    """What the engine will ask about these journeys; budgets are taken only where it is ``spending``.

    With ``segments``, those that conditions mean in place of the applied ones, it is a forecast's look: nothing is
    written, taken or locked, and codes in stock are not counted.
    """
    looking = segments is not None
    ids = sorted({item.customer_id for item in due})
    met = [bodies[version] for version in sorted({item.version for item in due})]
    prices = BatchPrices(PriceList.of(config, now), now, links=links)
    around = Circumstances(config=config, prices=prices, unserved=await known_unserved(connection, unserved, now))
    around.pauses = await standstills(connection, {item.campaign_id for item in due})
    if any(body.definition.purpose in NEEDS_CONSENT for body in met):
        around.refused = await _refused(connection, ids, {item.campaign_id for item in due})
    around.live_chats, around.quiet_until = await _chats(connection, ids, now)
    if config.caps:
        around.sent = await _sent(connection, config, ids, now)
    around.holding = await _holding(connection, config, due, bodies, now, segments)
    if any(_asks_history(body) for body in met):
        around.history = await _history(connection, ids, now)
    if any(body.offers for body in met):
        if not looking:
            await end_expired(connection, ids, now)  # first, so that the product of what has run out is free again
            single = {offer.name for body in met for offer in body.offers.values() if offer.codes == "unique"}
            around.codes_left = await codes_left(connection, single, len(due))
        around.grants = await _grants(connection, ids, now)
    if any(step.also for body in met for step in _sends(body)):
        around.beside = await _beside(connection, due)
    if any(_quota_steps(body) for body in met):
        around.tomorrow, around.quota_left = await _quotas(connection, config, due, bodies, now, locked=not looking)
    if any(_asks_customer(body) for body in met):
        prices.customers = await customers_by_id(connection, ids)
        prices.orders = await orders_of(connection, ids, now)
        prices.happenings = await load_happenings(
            connection,
            reduce(operator.or_, map(asked_by_sms, met), NOTHING_ASKED),
            customer_ids=ids,
            enrolment_ids=[item.enrolment_id for item in due],
            titles={offer.name: offer.title for body in met for offer in body.offers.values()},
            now=now,
        )
    if spending and not looking:
        await _take_money(connection, around, bodies, now)
    if config.mode == "allowlist":
        around.listed = await _listed(connection, config, ids)
    return around


def _sends(body: CampaignBody) -> Iterable[SendStep]:
    return (step for step in body.definition.steps if isinstance(step, SendStep))


def _asks_history(body: CampaignBody) -> bool:
    return any(leg.channel == BEST for step in _sends(body) for leg in step.legs)


def _asks_customer(body: CampaignBody) -> bool:
    """SMS is priced by the text that the customer will read; a personal offer by an attribute."""
    by_score = body.definition.offer is not None and body.definition.offer.by == "score"
    return by_score or speaks_sms(body)


def _quota_steps(body: CampaignBody) -> dict[str, int]:
    return {
        step.id: step.max.number
        for step in body.definition.steps
        if isinstance(step, HandoffStep | TaskStep) and step.max is not None
    }


_REFUSED = (
    select(_IDENTITIES.c.customer_id, _CONSENTS.c.purpose)
    .join(_CONSENTS, _CONSENTS.c.identity_id == _IDENTITIES.c.id)
    .where(given_ids(_IDENTITIES.c.customer_id), is_topic(_CONSENTS.c.purpose), _CONSENTS.c.granted.is_(False))
)


async def _refused(
    connection: AsyncConnection, customer_ids: Sequence[str], campaign_ids: Collection[str]
) -> frozenset[tuple[str, str]]:
    """(customer, campaign) where the customer refused what the campaign is about."""
    refused = {(row.customer_id, row.purpose) for row in await connection.execute(_REFUSED, {IDS: list(customer_ids)})}
    if not refused:
        return frozenset()
    wanted = select(_CAMPAIGNS.c.id, topic_in_force(_CAMPAIGNS)).where(_CAMPAIGNS.c.id.in_(campaign_ids))
    about = {id_: topic_of(topic) for id_, topic in await connection.execute(wanted)}
    return frozenset(
        (customer, id_) for id_, topic in about.items() for customer, purpose in refused if purpose == topic
    )


_OPEN_CHATS = select(_CONVERSATIONS.c.customer_id).where(given_ids(_CONVERSATIONS.c.customer_id), TALKING)
_ENDED_CHATS = (
    select(_CONVERSATIONS.c.customer_id, func.max(_CONVERSATIONS.c.resolved_at, type_=Instant()).label("at"))
    .where(
        given_ids(_CONVERSATIONS.c.customer_id),
        TALKED,
        _CONVERSATIONS.c.resolved_at > bindparam("since", type_=Instant()),
    )
    .group_by(_CONVERSATIONS.c.customer_id)
)


async def _chats(
    connection: AsyncConnection, ids: Sequence[str], now: datetime
) -> tuple[frozenset[str], dict[str, datetime]]:
    """Who talks with a person of ours now, and until when those rest who did lately."""
    talking = frozenset(await connection.scalars(_OPEN_CHATS, {IDS: ids}))
    ended = await connection.execute(_ENDED_CHATS, {IDS: ids, "since": now - REST})
    return talking, {row.customer_id: row.at + REST for row in ended}


_WRITTEN = select(
    _MESSAGES.c.id,
    _MESSAGES.c.enrolment_id,
    _MESSAGES.c.step,
    _MESSAGES.c.leg,
    _MESSAGES.c.channel,
    _MESSAGES.c.state,
    _MESSAGES.c.created_at,
    _MESSAGES.c.send_at,
    _MESSAGES.c.not_after,
).where(given_ids(_MESSAGES.c.enrolment_id), _MESSAGES.c.direction == "out")
_NOT_OUT = _WRITTEN.where(_MESSAGES.c.state.in_([MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING]))


async def _beside(connection: AsyncConnection, due: Sequence[DueJourney]) -> dict[str, tuple[MessageFacts, ...]]:
    """Per journey: the other messages of its step that are not out yet; of one that was held, all of the step."""
    standing = {item.enrolment_id: item for item in due if item.message is not None}
    held = {item.enrolment_id: item for item in due if item.message is None and item.journey.leg}
    found: dict[str, list[MessageFacts]] = defaultdict(list)
    rows = list(await connection.execute(_NOT_OUT.order_by(_MESSAGES.c.id), {IDS: sorted(standing)}))
    if held:
        rows += await connection.execute(_WRITTEN.order_by(_MESSAGES.c.id), {IDS: sorted(held)})
    for row in rows:
        item = standing.get(row.enrolment_id) or held[row.enrolment_id]
        if row.step == item.journey.step and (item.message is None or row.id != item.message.id):
            found[row.enrolment_id].append(
                MessageFacts(
                    row.id, row.state, row.created_at, row.send_at, row.not_after, channel=row.channel, leg=row.leg
                )
            )
    return {enrolment: tuple(messages) for enrolment, messages in found.items()}


_SENT = select(
    _MESSAGES.c.customer_id,
    _MESSAGES.c.id,
    _MESSAGES.c.channel,
    func.coalesce(_MESSAGES.c.sent_at, _MESSAGES.c.send_at, type_=Instant()).label("at"),
).where(
    given_ids(_MESSAGES.c.customer_id),
    _MESSAGES.c.direction == "out",
    _MESSAGES.c.purpose.in_([purpose.value for purpose in NEEDS_CONSENT]),
    _MESSAGES.c.state.in_(_COUNTS),
    _MESSAGES.c.send_at > bindparam("since", type_=Instant()),
)


async def _sent(
    connection: AsyncConnection, config: WorkspaceConfig, ids: Sequence[str], now: datetime
) -> dict[str, list[Sent]]:
    """Marketing that went out, or will, within the longest cap."""
    # A message may leave a good while after its plan: two days more than the longest cap.
    since = now - max(cap.per.rough for cap in config.caps) * 1.1 - timedelta(days=2)
    found: dict[str, list[Sent]] = defaultdict(list)
    for row in await connection.execute(_SENT, {IDS: ids, "since": since}):
        found[row.customer_id].append(Sent(row.id, row.channel, row.at))
    return dict(found)


async def _holding(
    connection: AsyncConnection,
    config: WorkspaceConfig,
    due: Sequence[DueJourney],
    bodies: Mapping[str, CampaignBody],
    now: datetime,
    segments: Mapping[str, SegmentDefinition] | None,
) -> dict[tuple[str, str], frozenset[str]]:
    """Per condition that a campaign asks about: for whom of the batch it holds."""
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    asking = {version for version, body in bodies.items() if body.definition.asked_conditions}
    for item in due:
        if item.version in asking:
            definition = bodies[item.version].definition
            for name in definition.asked_conditions:
                key = item.version if name in definition.conditions else "", name
                wanted[key].add(item.customer_id)
    if not wanted:
        return {}
    segments = await stored_segments(connection) if segments is None else segments
    zone = zone_named(config.zone)
    found: dict[tuple[str, str], frozenset[str]] = {}
    for (version, name), who in wanted.items():
        if version:
            condition = read_stored(name, {"where": bodies[version].definition.conditions[name]}).condition
        elif name in segments:
            condition = InSegment(name)
        else:  # the segment was removed after the campaign was applied: nobody is in it
            continue
        statement: Any = compile_condition(condition, segments, now=now, zone=zone, among=given_ids)
        found[version, name] = frozenset(await connection.scalars(statement, {IDS: sorted(who)}))
    return found


_ARRIVED = (
    select(_MESSAGES.c.customer_id, _MESSAGES.c.channel, func.count().label("number"))
    .where(
        given_ids(_MESSAGES.c.customer_id),
        _MESSAGES.c.direction == "out",
        _MESSAGES.c.enrolment_id.is_not(None),
        _MESSAGES.c.state.in_([MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ]),
        _MESSAGES.c.created_at > bindparam("since", type_=Instant()),
    )
    .group_by(_MESSAGES.c.customer_id, _MESSAGES.c.channel)
)
_ANSWERED = _ARRIVED.where(
    exists(
        select(_RESPONSES.c.id).where(
            _RESPONSES.c.message_id == _MESSAGES.c.id, _RESPONSES.c.kind.in_(["reply", "click", "conversion"])
        )
    )
)


async def _history(
    connection: AsyncConnection, ids: Sequence[str], now: datetime
) -> dict[str, dict[str, ChannelHistory]]:
    """Per customer and channel: campaign messages that arrived within a year, and those that were answered."""
    since = {IDS: ids, "since": now - HISTORY}
    answered = {(row.customer_id, row.channel): row.number for row in await connection.execute(_ANSWERED, since)}
    found: dict[str, dict[str, ChannelHistory]] = defaultdict(dict)
    for row in await connection.execute(_ARRIVED, since):
        one = ChannelHistory(row.number, answered.get((row.customer_id, row.channel), 0))
        found[row.customer_id][row.channel] = one
    return dict(found)


_IN_FORCE = select(
    _GRANTS.c.customer_id, _GRANTS.c.offer, _GRANTS.c.product, _GRANTS.c.enrolment_id, _GRANTS.c.code
).where(
    given_ids(_GRANTS.c.customer_id),
    _GRANTS.c.ended_at.is_(None),
    or_(_GRANTS.c.expires_at.is_(None), _GRANTS.c.expires_at > bindparam("now", type_=Instant())),
)


async def _grants(connection: AsyncConnection, ids: Sequence[str], now: datetime) -> dict[str, list[GrantFacts]]:
    """Offers in force."""
    found: dict[str, list[GrantFacts]] = defaultdict(list)
    for row in await connection.execute(_IN_FORCE, {IDS: ids, "now": now}):
        found[row.customer_id].append(GrantFacts(row.offer, row.product, row.enrolment_id, row.code))
    return dict(found)


async def _take_money(
    connection: AsyncConnection, around: Circumstances, bodies: Mapping[str, CampaignBody], now: datetime
) -> None:
    """Take what is left of every budget that these versions spend from, until the batch ends."""
    around.limits = {
        version: limits_of(body.definition.budget, body.definition.name, around.config, now)
        for version, body in bodies.items()
        if body.definition.budget is not None
    }
    # two versions of a campaign may name two amounts for the one budget: the last applied is not known here, the larger
    for limit in sorted({limit for limits in around.limits.values() for limit in limits}):
        taken = around.money_left.get(limit.key, 0)
        around.money_left[limit.key] = taken + await grant(
            connection, *limit.key, limit.amount_micros, limit.amount_micros
        )


async def return_unused(connection: AsyncConnection, around: Circumstances) -> None:
    """Give back what the batch did not spend of its budgets."""
    await give_back(connection, around.money_left)


async def _listed(connection: AsyncConnection, config: WorkspaceConfig, ids: Sequence[str]) -> frozenset[str]:
    """Who of the batch may be written to before going live: by external id or by an address."""
    named = or_(_CUSTOMERS.c.external_id.in_(config.allowlist), _IDENTITIES.c.address.in_(config.allowlist))
    wanted = (
        select(_CUSTOMERS.c.id)
        .outerjoin(_IDENTITIES, _IDENTITIES.c.customer_id == _CUSTOMERS.c.id)
        .where(given_ids(_CUSTOMERS.c.id), named)
    )
    return frozenset(await connection.scalars(wanted, {IDS: ids}))


async def _quotas(
    connection: AsyncConnection,
    config: WorkspaceConfig,
    due: Sequence[DueJourney],
    bodies: Mapping[str, CampaignBody],
    now: datetime,
    *,
    locked: bool,
) -> tuple[datetime, dict[tuple[str, str], int]]:
    """What steps with a ``max`` may still do on the organisation's today, and when its tomorrow begins."""
    today, tomorrow = day_of(now, zone_named(config.zone))
    steps = {item.campaign_id: _quota_steps(bodies[item.version]) for item in due}
    left = {(campaign, step): number for campaign, quotas in steps.items() for step, number in quotas.items()}
    used = (
        select(_QUOTAS.c.campaign_id, _QUOTAS.c.step, _QUOTAS.c.used)
        .where(_QUOTAS.c.campaign_id.in_({campaign for campaign, _ in left}), _QUOTAS.c.day == today.isoformat())
        .order_by(_QUOTAS.c.campaign_id, _QUOTAS.c.step)
    )
    if locked:
        # there before they are locked: two workers must not both begin to count at none
        begun = [{"campaign_id": one, "step": step, "day": today.isoformat(), "used": 0} for one, step in left]
        await insert_missing(connection, _QUOTAS, sorted(begun, key=lambda row: (row["campaign_id"], row["step"])))
        used = used.with_for_update()
    for row in await connection.execute(used):
        if (row.campaign_id, row.step) in left:
            left[row.campaign_id, row.step] -= row.used
    return tomorrow, left
