"""A sample of real customers with what is known of them, and what the engine makes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.composing.links import MessageLinks
from campaigns.definition import CampaignBody, HandoffStep, TaskStep
from campaigns.facts import DueJourney, Prospect, load_circumstances, load_in_flight, load_prospects
from campaigns.facts.circumstances import Circumstances, Served
from campaigns.forecast.audience import Audience, Meant, ReachCount
from campaigns.forecast.companions import companions
from campaigns.forecast.entrances import SAMPLE, Entrance
from campaigns.forecast.in_flight import carried_over, goes_on
from campaigns.forecast.purse import DailyQuota, Purse
from campaigns.forecast.rates import Rate
from campaigns.forecast.walking import HORIZON, Party, Traveller, World
from campaigns.limits.batch_prices import BatchPrices
from campaigns.limits.budgets import BudgetState
from campaigns.limits.prices import PriceList
from campaigns.periods import day_of, zone_named
from campaigns.versions import bodies


@dataclass(frozen=True, slots=True)
class Foresight:
    """Of one campaign, whose ``body`` has the hash ``version``."""

    connection: AsyncConnection
    meant: Meant
    body: CampaignBody
    version: str
    unserved: Served
    links: MessageLinks | None

    async def reached(self, audience: Audience) -> Audience:
        """The audience with who can be reached where, by a sample of those who may enter."""
        free, now, config = self.meant.free(), self.meant.now, self.meant.config
        those = free.order_by(free.selected_columns.draw, free.selected_columns.id).limit(SAMPLE)
        items = await self._prospects([Prospect(row.id) for row in await self.connection.execute(those)])
        if not items:
            return audience
        around = Circumstances(config, BatchPrices(PriceList.of(config, now), now), self.unserved)
        count = ReachCount(self.meant.definition)
        for item in items:
            count.add(around.facts(item, self.body), now)
        weight = audience.free / len(items)
        return replace(
            audience, anywhere=count.anywhere * weight, reach=count.scaled(weight), exact=len(items) == audience.free
        )

    async def company(
        self,
        entering: Entrance,
        rates: Mapping[str, Rate],
        budgets: Sequence[BudgetState],
        codes: Mapping[str, int],
        flying: int,
        others: Collection[str] = (),
    ) -> "Company":
        """Those who enter and the ``flying`` in flight, with companions for the customers ``others``.

        A stream shows how it runs for good: of those in flight nothing is counted, they are only companions.
        """
        beside = await companions(self.connection, self.meant, entering, others)
        entrants = [*((one, False) for one in entering.entrants), *((one, True) for one in beside)]
        items = await self._prospects([one.prospect for one, _ in entrants])
        known_as = {item.customer_id: item for item in items}  # who comes twice is the same both times
        own = [one.prospect.customer_id for one in entering.entrants]
        going, known = await self._going(None) if not entering.stream else ([], {})
        met, known_beside = await self._going([*own, *others]) if others else ([], {})
        known |= known_beside
        counted = {item.enrolment_id for item in going}
        along = [(item, False) for item in going] + [(one, True) for one in met if one.enrolment_id not in counted]
        known[self.version] = self.body
        around = await load_circumstances(
            self.connection, self.meant.config, [*items, *(item for item, _ in along)], known, self.meant.now,
            unserved=self.unserved, links=self.links, segments=self.meant.segments,
        )  # fmt: skip
        travellers = []
        for one, companion in entrants:
            if (item := known_as.get(one.prospect.customer_id)) is not None:
                facts, weight = around.facts(item, self.body), 0.0 if companion else entering.weight
                made = Traveller(self.body, item.journey, facts, one.at, weight, item.customer_id, companion)
                travellers.append(made)
        for item, companion in along:
            onward = goes_on(item, known[item.version], self.meant.now)
            if onward is not None:
                body, weight = known[item.version], 0.0 if companion else flying / len(going)
                facts = around.facts(onward[0], body)
                made = Traveller(body, item.journey, facts, onward[1], weight, item.customer_id, companion)
                travellers.append(made)
        latest = max([self.meant.now, *(one.at for one in entering.entrants)])
        return Company(self._world(around, rates, budgets, codes), travellers, latest + HORIZON)

    async def _prospects(self, prospects: Sequence[Prospect]) -> list[DueJourney]:
        return await load_prospects(self.connection, self.meant.config, self.meant.campaign.id, self.version, prospects)

    async def _going(self, among: Sequence[str] | None) -> tuple[list[DueJourney], dict[str, CampaignBody]]:
        """A sample of those in flight (``among`` these), as they go on once this version is in force."""
        items = await load_in_flight(self.connection, self.meant.config, self.meant.campaign.id, SAMPLE, among)
        known = await bodies(self.connection, {item.version for item in items})
        return carried_over(items, self.body, self.version, known), known

    def _world(
        self,
        around: Circumstances,
        rates: Mapping[str, Rate],
        budgets: Sequence[BudgetState],
        codes: Mapping[str, int],
    ) -> World:
        zone = zone_named(self.meant.config.zone)
        today, _ = day_of(self.meant.now, zone)
        quotas = {
            step.id: DailyQuota(
                step.max.number,
                around.quota_left.get((self.meant.campaign.id, step.id), step.max.number),
                today,
            )
            for step in self.meant.definition.steps
            if isinstance(step, HandoffStep | TaskStep) and step.max is not None
        }
        purse = Purse(self.meant.definition, self.meant.config, {one.limit.key: one.left for one in budgets})
        shares = {channel: rate.share for channel, rate in rates.items()}
        return World(zone, purse, shares, quotas, {name: float(left) for name, left in codes.items()})


@dataclass(frozen=True, slots=True)
class Company:
    """One campaign's travellers before they set out."""

    world: World
    travellers: Sequence[Traveller]
    until: datetime

    def party(self, purse: dict[tuple[str, datetime], float] | None = None) -> Party:
        """All of it anew, to walk once; without ``purse``, which campaigns share, alone and without companions."""
        world = self.world
        left = dict(world.purse.left)
        if purse is not None:
            for key, amount in left.items():
                purse.setdefault(key, amount)
            left = purse
        made = World(
            world.zone,
            replace(world.purse, left=left),
            world.rates,
            {step: replace(quota) for step, quota in world.quotas.items()},
            dict(world.codes),
        )
        return Party(
            made, [replace(one) for one in self.travellers if purse is not None or not one.companion], self.until
        )
