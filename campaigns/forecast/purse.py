"""What a forecast has to spend: money by budget and period, tasks by step and day. In memory, taken by nobody else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.limits.budgets import Limit, limits_of


@dataclass(slots=True)
class Purse:
    """The budgets of one campaign. ``left`` is what is left of the present periods; a later period begins full."""

    definition: CampaignDefinition
    config: WorkspaceConfig
    left: dict[tuple[str, datetime], float] = field(default_factory=dict)

    def money_left(self, at: datetime) -> int | None:
        """Micro-units for a message planned at ``at``; None where the campaign has no budget."""
        limits = self._limits(at)
        if not limits:
            return None
        return math.floor(min(self.left.setdefault(limit.key, limit.amount_micros) for limit in limits))

    def take(self, at: datetime, micros: float) -> None:
        """Spend; a share of a sample may take a little more than there is."""
        for limit in self._limits(at):
            self.left[limit.key] = max(0.0, self.left.get(limit.key, limit.amount_micros) - micros)

    def _limits(self, at: datetime) -> tuple[Limit, ...]:
        budget = self.definition.budget
        return limits_of(budget, self.definition.name, self.config, at) if budget is not None else ()


@dataclass(slots=True)
class DailyQuota:
    """``number`` a day of a step. Whoever of a sample stands for many takes as many: what a day lacks the next ones
    owe, so that the average of days is right.
    """

    number: int
    left: float
    day: date

    def on(self, day: date) -> int:
        """How many are left on ``day``, which is never earlier than the last one asked about."""
        if day > self.day:
            self.left = min(self.number, self.left + self.number * (day - self.day).days)
            self.day = day
        return math.ceil(self.left)

    def take(self, number: float) -> None:
        """Use up some of the day that was asked about last."""
        self.left -= number


def spread(demand: Mapping[date, float], number: int | None) -> dict[date, float]:
    """What is done on each day where at most ``number`` are: what is over goes to the following days."""
    if number is None:
        return dict(demand)
    done: dict[date, float] = {}
    over = 0.0
    days = sorted(demand)
    ordinal = days[0].toordinal() if days else 0
    while days and (ordinal <= days[-1].toordinal() or over > 0.5):
        today = date.fromordinal(ordinal)
        wanted = over + demand.get(today, 0.0)
        done[today] = min(float(number), wanted)
        over = wanted - done[today]
        ordinal += 1
    return {day: amount for day, amount in done.items() if amount}
