"""The daily Thompson draw: entries go to each variant as often as it is likely to be the best one.

Drawn once a day (the organisation's), from what was known at midnight, seeded by experiment and day, and stored: the
same whoever draws it, and whoever is second finds it there. Only customers whose time to react is over are counted, or
the variant that got the latest entries would look the worst.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, Experiment, Goal, WorkspaceConfig
from campaigns.experiments.arms import CLICK, FOR_ALL, REPLY, REVENUE, Arm, Question, count_arms
from campaigns.periods import day_of, resolve, zone_named
from core.actors import SYSTEM
from core.ids import new_id
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.store import Store
from storage.tables import Audit, Campaign, ExperimentWeights

log = structlog.get_logger(__name__)

_WEIGHTS, _AUDIT = table(ExperimentWeights), table(Audit)
DRAWS = 2000
"""Weights are right to about a hundredth."""
LEAST = 0.02
"""Nobody is given up for good: a variant gets at least so many of the entries."""
FEWEST_AMOUNTS = 30
"""So many customers a variant before means of amounts are compared."""


def ripe_after(metric: str, goal: Goal | None) -> timedelta:
    """How long a customer has to react before they are counted."""
    longest = timedelta(days=3) if metric in (REPLY, CLICK) else timedelta(days=7)
    return min(longest, goal.within.rough) if metric in FOR_ALL and goal and goal.within else longest


def drawn(experiment: Experiment, arms: Mapping[str, Arm], seed: str) -> dict[str, float]:
    """The weights, by variant; they add up to 1. Variants that the definition gives no weight stay without."""
    names = sorted(name for name, weight in experiment.variants.items() if weight)
    whole = sum(experiment.variants.values())
    own = {name: weight / whole for name, weight in experiment.variants.items()}
    counted = [arms.get(name, Arm(name, 0)) for name in names]
    fewest = FEWEST_AMOUNTS if experiment.metric == REVENUE else 1
    if len(names) < 2 or any(arm.entered < fewest for arm in counted):
        return own
    chance = random.Random(seed)  # noqa: S311  a draw that anybody may repeat
    wins = dict.fromkeys(names, 0)
    for _ in range(DRAWS):
        values = [_value(arm, experiment.metric, chance) for arm in counted]
        wins[names[values.index(max(values))]] += 1
    least = min(LEAST, 0.2 / len(names))
    shares = {name: round(least + (1 - least * len(names)) * wins[name] / DRAWS, 4) for name in names}
    return {name: shares.get(name, 0.0) for name in experiment.variants}


def _value(arm: Arm, metric: str, chance: random.Random) -> float:
    """A draw from what is known of the arm: Beta of a share (all equally likely before), else the mean's normal."""
    if metric == REVENUE:
        return chance.gauss(arm.amounts.mean, (arm.amounts.variance / arm.entered) ** 0.5)
    return chance.betavariate(1 + arm.reached, 1 + arm.entered - arm.reached)


async def draw_weights(
    store: Store,
    active: Sequence[tuple[Campaign, CampaignDefinition]],
    config: WorkspaceConfig,
    now: datetime,
) -> int:
    """Draw today's weights of every experiment that has none yet; gives how many were drawn here."""
    moving = {
        campaign.id: (campaign, definition, definition.experiment)
        for campaign, definition in active
        if definition.experiment is not None and definition.experiment.winner == "thompson"
    }
    if not moving:
        return 0
    zone = zone_named(config.zone)
    today, _ = day_of(now, zone)
    midnight = resolve(datetime.combine(today, time()), zone)
    async with store.read() as connection:
        done = set(await connection.scalars(select(_WEIGHTS.c.campaign_id).where(_WEIGHTS.c.day == today.isoformat())))
    written = 0
    for id_, (campaign, definition, experiment) in moving.items():
        if id_ in done or not experiment.variants:
            continue
        ripe = ripe_after(experiment.metric, definition.goal)
        question = Question(id_, experiment.metric, definition.goal, midnight, config.currency, ripe)
        async with store.read() as connection:
            arms = await count_arms(connection, question)
        weights = drawn(experiment, arms, f"{experiment.salt or definition.name} {today.isoformat()}")
        async with store.write() as connection:
            written += await _keep(connection, campaign, today.isoformat(), weights, arms, now)
    return written


async def _keep(
    connection: AsyncConnection,
    campaign: Campaign,
    day: str,
    weights: Mapping[str, float],
    arms: Mapping[str, Arm],
    now: datetime,
) -> int:
    row = {"campaign_id": campaign.id, "day": day, "weights": dict(weights), "at": now}
    statement = insert_into(connection, _WEIGHTS).values(**row).on_conflict_do_nothing().returning(_WEIGHTS.c.day)
    if await connection.scalar(statement) is None:  # another scheduler was faster
        return 0
    counted = {name: {"entered": arms[name].entered, "reached": arms[name].reached} for name in weights if name in arms}
    await connection.execute(
        _AUDIT.insert(),
        [{"id": new_id(), "at": now, "actor": str(SYSTEM), "action": "experiment.draw", "subject": "campaign",
          "subject_id": campaign.name, "detail": {"day": day, "weights": dict(weights), "from": counted}}],
    )  # fmt: skip
    log.info("experiment drawn", campaign=campaign.name, day=day, weights=dict(weights))
    return 1
