"""Who is meant now, who of them may enter, and where they can be reached."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import BEST, CampaignDefinition, SendStep, WorkspaceConfig
from campaigns.engine import Facts
from campaigns.engine.choosing import address
from campaigns.periods import zone_named
from campaigns.segments.compiling import compile_segment
from campaigns.segments.syntax import SegmentDefinition
from campaigns.starting.entry import may_enter
from core.ids import ANONYMOUS
from storage.outbox.columns import table
from storage.tables import Campaign, Customer

_CUSTOMERS = table(Customer)
Segments = Mapping[str, SegmentDefinition]


@dataclass(frozen=True, slots=True)
class Reach:
    """How many can be written to on a channel, and why the others cannot, by the engine's words for it."""

    channel: str
    reachable: float
    missing: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Audience:
    """The customers who are meant: ``size`` now, ``barred`` by having entered before, ``unlisted`` before going live.

    ``free`` may enter. ``reach`` is of those, on every channel that the campaign writes to; ``anywhere`` counts those
    whom at least one of them reaches. ``exact`` is false where it was scaled up from a sample.
    """

    segment: str
    size: int
    free: int
    barred: int = 0
    unlisted: int = 0
    anywhere: float = 0.0
    reach: Sequence[Reach] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Meant:
    """The campaign that is asked for, with everything its audience depends on. ``campaign.id`` may be new."""

    campaign: Campaign
    definition: CampaignDefinition
    config: WorkspaceConfig
    segments: Segments
    now: datetime

    def inside(self) -> Select[Any]:
        """The ids of everybody in the audience; of all customers where it is not said."""
        if not self.definition.audience:
            return select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id < ANONYMOUS)
        zone = zone_named(self.config.zone)
        return compile_segment(self.definition.audience, self.segments, now=self.now, zone=zone)

    def free(self, config: WorkspaceConfig | None = None) -> Select[Any]:
        """Those of the audience who may enter, as (id, draw, last variant), in no order."""
        wanted = may_enter(self.campaign, self.definition, config or self.config, self.now).order_by(None)
        if self.definition.audience:
            inside = self.inside().subquery("audience")
            wanted = wanted.join(inside, inside.c.id == _CUSTOMERS.c.id)
        columns = wanted.selected_columns
        return wanted.with_only_columns(columns.id, columns.draw, columns.variant)


async def counted(connection: AsyncConnection, meant: Meant) -> Audience:
    """The audience without its reach."""

    async def number(of: Select[Any]) -> int:
        only = of.with_only_columns(of.selected_columns.id)
        return int(await connection.scalar(select(func.count()).select_from(only.subquery())) or 0)

    size = await number(meant.inside())
    free = await number(meant.free())
    unlisted = 0
    if meant.config.mode == "allowlist":
        unlisted = await number(meant.free(meant.config.model_copy(update={"mode": "live"}))) - free
    return Audience(meant.definition.audience, size, free, barred=size - free - unlisted, unlisted=unlisted)


def channels_of(definition: CampaignDefinition) -> tuple[str, ...]:
    """Every channel that the campaign may write to, in the order of its steps."""
    legs = [leg for step in definition.steps if isinstance(step, SendStep) for leg in step.legs]
    named = [channel for leg in legs for channel in (leg.among if leg.channel == BEST else (leg.channel,))]
    return tuple(dict.fromkeys(named))


@dataclass(slots=True)
class ReachCount:
    """Counts who can be reached where, one customer after the other."""

    definition: CampaignDefinition
    anywhere: float = 0.0
    _reached: Counter[str] = field(default_factory=Counter)
    _missing: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, facts: Facts, now: datetime) -> None:
        """Look at one customer."""
        reached = False
        for channel in channels_of(self.definition):
            found, reason = address(self.definition, channel, facts, now)
            if found is not None:
                self._reached[channel] += 1
                reached = True
            else:
                self._missing.setdefault(channel, Counter())[reason] += 1
        self.anywhere += reached

    def scaled(self, weight: float) -> list[Reach]:
        """The counts, each customer standing for ``weight``."""
        return [
            Reach(
                channel,
                self._reached[channel] * weight,
                {why: number * weight for why, number in self._missing.get(channel, Counter()).most_common()},
            )
            for channel in channels_of(self.definition)
        ]
