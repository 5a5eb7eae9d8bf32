"""A sample of real customers with what is known of them, and what the engine makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.composing.links import MessageLinks
from campaigns.definition import CampaignBody, HandoffStep, TaskStep
from campaigns.facts import DueJourney, Prospect, load_circumstances, load_in_flight, load_prospects
from campaigns.facts.circumstances import Circumstances, Served
from campaigns.forecast.audience import Audience, Meant, ReachCount
from campaigns.forecast.entrances import SAMPLE, Entrance
from campaigns.forecast.in_flight import carried_over, goes_on
from campaigns.forecast.purse import DailyQuota, Purse
from campaigns.forecast.rates import Rate
from campaigns.forecast.walking import HORIZON, Tally, Traveller, World, walk
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

    async def tally(
        self,
        entering: Entrance,
        rates: Mapping[str, Rate],
        budgets: Sequence[BudgetState],
        codes: Mapping[str, int],
        flying: int,
    ) -> tuple[Tally, Mapping[str, float]]:
        """What those who enter and the ``flying`` in flight come to, and the codes that are left then.

        A stream shows how it runs for good: of those in flight nothing is counted.
        """
        items = await self._prospects([one.prospect for one in entering.entrants])
        known_as = {item.customer_id: item for item in items}  # who comes twice is the same both times
        going, known = ([], {}) if entering.stream else await self._going()
        known[self.version] = self.body
        around = await load_circumstances(
            self.connection, self.meant.config, [*items, *going], known, self.meant.now,
            unserved=self.unserved, links=self.links, segments=self.meant.segments,
        )  # fmt: skip
        travellers = [
            Traveller(self.body, item.journey, around.facts(item, self.body), one.at, entering.weight)
            for one in entering.entrants
            if (item := known_as.get(one.prospect.customer_id)) is not None
        ]
        for item in going:
            body = known[item.version]
            onward = goes_on(item, body, self.meant.now)
            if onward is not None:
                facts = around.facts(onward[0], body)
                travellers.append(Traveller(body, item.journey, facts, onward[1], flying / len(going)))
        world = self._world(around, rates, budgets, codes)
        latest = max([self.meant.now, *(one.at for one in entering.entrants)])
        return walk(travellers, world, latest + HORIZON), world.codes

    async def _prospects(self, prospects: Sequence[Prospect]) -> list[DueJourney]:
        return await load_prospects(self.connection, self.meant.config, self.meant.campaign.id, self.version, prospects)

    async def _going(self) -> tuple[list[DueJourney], dict[str, CampaignBody]]:
        """A sample of those in flight, as they go on once this version is in force."""
        items = await load_in_flight(self.connection, self.meant.config, self.meant.campaign.id, SAMPLE)
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
