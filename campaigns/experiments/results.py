"""The result of an experiment: what each arm came to, the lift against the holdout, and whether there is a winner.

With ``winner: fixed`` everything is counted up to one instant that was set before, ``horizon`` after the first entry,
and nobody is named a winner before it: who looks every day and stops at the first good day finds a difference where
there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, Experiment, WorkspaceConfig
from campaigns.experiments.arms import FOR_ALL, HOLDOUT, REVENUE, Arm, Question, count_arms
from campaigns.experiments.inference import (
    CONFIDENCE,
    Interval,
    difference,
    needed,
    needed_of_amounts,
    proportions_differ,
    split_differs,
    welch,
)
from campaigns.limits.hours import ALWAYS
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.versions import definitions
from core.errors import Refused
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, ExperimentWeights

_CAMPAIGNS, _ENROLMENTS, _WEIGHTS = table(Campaign), table(Enrolment), table(ExperimentWeights)
FEWEST_EXPECTED = 5
"""Of fewer who did it, or did not, in any arm, the test says nothing (the usual rule for chi-square)."""
FEWEST_AMOUNTS = 30
SPLIT_ALARM = 0.001
"""Below it the split of the arms is no chance: something keeps customers of one arm out."""

Verdict = Literal["early", "few", "same", "winner", "drawn", "alone"]
"""early: before the horizon · few: it is over, and there are too few · same: no difference is proven · winner ·
drawn: the weights follow by themselves · alone: there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Lift:
    """An arm against the holdout: the difference of rates (or of amounts a customer), and what it brought in all."""

    arm: str
    difference: Interval
    relative: float | None
    customers: int

    @property
    def brought(self) -> Interval:
        """The difference, over all customers of the arm."""
        one = self.difference
        return Interval(*(value * self.customers for value in (one.estimate, one.low, one.high)))


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """Everything that ``otklik experiment show`` prints.

    ``counted_until`` bounds entries and deeds. ``needed`` customers an arm see a relative lift of ``lift``; None where
    nothing has happened yet. ``p`` is the winner's against the next best, over all pairs (Bonferroni). ``split_p`` is
    the chance of a split like this one, None where weights move.
    """

    campaign: str
    metric: str
    rule: str
    currency: str
    counted_until: datetime
    verdict_at: datetime | None
    arms: tuple[Arm, ...]
    holdout: Arm | None
    lifts: tuple[Lift, ...]
    verdict: Verdict
    winner: str = ""
    p: float | None = None
    lift: float = 0.0
    needed: int | None = None
    split_p: float | None = None
    weights: Mapping[str, float] | None = None

    @property
    def enough(self) -> bool:
        """Whether every arm has as many customers as are needed."""
        return self.needed is not None and all(arm.entered >= self.needed for arm in self.arms)

    @property
    def split_is_off(self) -> bool:
        """Whether customers did not come into the arms as they should have."""
        return self.split_p is not None and self.split_p < SPLIT_ALARM


async def experiment_result(connection: AsyncConnection, name: str, now: datetime) -> ExperimentResult:
    """The result of the campaign's experiment as of ``now``.

    Raises:
        Refused: if there is no such campaign, or it compares nothing.
    """
    row = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == name))).first()
    if row is None:
        known = sorted(await connection.scalars(select(_CAMPAIGNS.c.name)))
        raise Refused(f"there is no campaign {name!r}; applied are: {', '.join(known) or 'none'}")
    definition = (await definitions(connection, [row.version]))[row.version]
    config = await workspace_config(connection)
    experiment = definition.experiment
    if experiment is None:
        if not config.holdout:
            hint = "add experiment: {variants: [a, b]} or {holdout: 10%} to it"
            raise Refused(f"campaign {name!r} has no experiment and no holdout; {hint}")
        experiment = Experiment(metric="goal")
    first = await connection.scalar(
        select(func.min(_ENROLMENTS.c.entered_at)).where(_ENROLMENTS.c.campaign_id == row.id)
    )
    ends = experiment.horizon.after(first, zone_named(config.zone)) if first is not None else None
    fixed = experiment.winner == "fixed"
    until = min(now, ends) if fixed and ends is not None else now
    question = Question(row.id, experiment.metric, definition.goal, until, config.currency)
    arms = await count_arms(connection, question)
    weights = None if fixed else await _weights(connection, row.id)
    return concluded(definition, experiment, config, arms, until=until, ends=ends if fixed else None,
                     over=ends is not None and now >= ends, weights=weights)  # fmt: skip


async def result_if_any(connection: AsyncConnection, name: str, now: datetime) -> ExperimentResult | None:
    """The result of a campaign that experiments; None of one that does not."""
    row = (await connection.execute(select(_CAMPAIGNS.c.version).where(_CAMPAIGNS.c.name == name))).first()
    known = await definitions(connection, [row.version]) if row is not None else {}
    if not any(definition.experiment is not None for definition in known.values()):
        return None
    return await experiment_result(connection, name, now)


async def _weights(connection: AsyncConnection, campaign_id: str) -> Mapping[str, float] | None:
    found: Mapping[str, float] | None = await connection.scalar(
        select(_WEIGHTS.c.weights).where(_WEIGHTS.c.campaign_id == campaign_id).order_by(_WEIGHTS.c.day.desc()).limit(1)
    )
    return found


def concluded(
    definition: CampaignDefinition,
    experiment: Experiment,
    config: WorkspaceConfig,
    counted: Mapping[str, Arm],
    *,
    until: datetime,
    ends: datetime | None,
    over: bool,
    weights: Mapping[str, float] | None = None,
) -> ExperimentResult:
    """What may be said of the counts. Pure."""
    names = sorted(experiment.variants) or [""]
    arms = tuple(counted.get(name, Arm(name, 0)) for name in names)
    holdout = counted.get(HOLDOUT)
    metric = experiment.metric
    verdict, winner, p = _verdict(experiment, arms, holdout, over=over)
    lift = float(experiment.lift)
    everybody = arms[0]
    for arm in arms[1:]:
        everybody = everybody.and_(arm)
    number = needed_of_amounts(everybody.amounts, lift) if metric == REVENUE else needed(everybody.rate.estimate, lift)
    return ExperimentResult(
        campaign=definition.name, metric=metric, rule=experiment.winner, currency=config.currency, counted_until=until,
        verdict_at=ends, arms=arms, holdout=holdout, lifts=_lifts(arms, holdout, metric), verdict=verdict,
        winner=winner, p=p, lift=lift, needed=number, split_p=_split(experiment, config, definition, arms, holdout),
        weights=weights,
    )  # fmt: skip


def _lifts(arms: tuple[Arm, ...], holdout: Arm | None, metric: str) -> tuple[Lift, ...]:
    if holdout is None or not holdout.entered or metric not in FOR_ALL:
        return ()
    found = []
    for arm in arms:
        if not arm.entered:
            continue
        if metric == REVENUE:
            apart, base = welch(arm.amounts, holdout.amounts).difference, holdout.amounts.mean
        else:
            apart = difference(arm.reached, arm.entered, holdout.reached, holdout.entered)
            base = holdout.rate.estimate
        found.append(Lift(arm.name, apart, apart.estimate / base if base else None, arm.entered))
    return tuple(found)


def _verdict(
    experiment: Experiment, arms: tuple[Arm, ...], holdout: Arm | None, *, over: bool
) -> tuple[Verdict, str, float | None]:
    """The verdict, the winner and its p-value. Without variants the campaign stands against its holdout."""
    compared = [arm for arm in arms if experiment.variants.get(arm.name, 1)]
    if len(compared) < 2 and holdout is not None and experiment.metric in FOR_ALL:
        compared.append(holdout)
    if len(compared) < 2:
        return "alone", "", None
    if experiment.winner == "thompson":
        return "drawn", "", None
    if not over:
        return "early", "", None
    if any(_too_few(arm, compared, experiment.metric) for arm in compared):
        return "few", "", None
    ranked = sorted(compared, key=lambda arm: (-_figure(arm, experiment.metric), arm.name))
    pairs = len(list(combinations(ranked, 2)))
    p = min(1.0, pairs * max(_p(ranked[0], other, experiment.metric) for other in ranked[1:]))
    if p >= 1 - CONFIDENCE:
        return "same", "", p
    return "winner", ranked[0].name, p


def _figure(arm: Arm, metric: str) -> float:
    return arm.amounts.mean if metric == REVENUE else arm.rate.estimate


def _p(one: Arm, two: Arm, metric: str) -> float:
    if metric == REVENUE:
        return welch(one.amounts, two.amounts).p
    return proportions_differ(one.reached, one.entered, two.reached, two.entered)


def _too_few(arm: Arm, compared: list[Arm], metric: str) -> bool:
    if metric == REVENUE:
        return arm.entered < FEWEST_AMOUNTS
    entered = sum(one.entered for one in compared)
    share = sum(one.reached for one in compared) / entered if entered else 0.0
    return arm.entered * min(share, 1 - share) < FEWEST_EXPECTED


def _split(
    experiment: Experiment,
    config: WorkspaceConfig,
    definition: CampaignDefinition,
    arms: tuple[Arm, ...],
    holdout: Arm | None,
) -> float | None:
    """The chance of such a split, by the weights and the holdouts that are in force now."""
    general = float(config.holdout) if definition.purpose not in ALWAYS else 0.0
    held = 1 - (1 - general) * (1 - float(experiment.holdout))
    observed = [arm.entered for arm in arms]
    shares = [float(experiment.variants.get(arm.name, 1)) for arm in arms]
    if experiment.winner == "thompson":  # between the variants nothing is known beforehand
        observed, shares = [sum(observed)], [1.0]
    whole = sum(shares)
    shares = [share / whole * (1 - held) for share in shares] if whole else shares
    if held:
        observed.append(holdout.entered if holdout is not None else 0)
        shares.append(held)
    return split_differs(observed, shares) if len(observed) > 1 and any(observed) else None
