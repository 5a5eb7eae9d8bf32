"""The pauses of campaigns that are over, as the engine counts with them."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.engine import Standstill
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.tables import Pause

_PAUSES = table(Pause)
DROP = "drop"
_OVER = (
    select(_PAUSES.c.campaign_id, _PAUSES.c.from_at, _PAUSES.c.to_at, _PAUSES.c.catch_up)
    .where(given_ids(_PAUSES.c.campaign_id), _PAUSES.c.to_at.is_not(None))
    .order_by(_PAUSES.c.from_at)
)


async def standstills(connection: AsyncConnection, campaign_ids: Iterable[str]) -> dict[str, tuple[Standstill, ...]]:
    """By campaign: its pauses, the oldest first. One that still lasts is not among them: nothing is decided in it."""
    found: dict[str, list[Standstill]] = defaultdict(list)
    for row in await connection.execute(_OVER, {IDS: sorted(campaign_ids)}):
        found[row.campaign_id].append(Standstill(row.from_at, row.to_at, row.catch_up == DROP))
    return {campaign: tuple(pauses) for campaign, pauses in found.items()}
