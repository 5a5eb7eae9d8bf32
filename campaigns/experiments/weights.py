"""The weights that variants are dealt by."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.periods import day_of, zone_named
from storage.outbox.columns import table
from storage.tables import ExperimentWeights

_WEIGHTS = table(ExperimentWeights)


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
