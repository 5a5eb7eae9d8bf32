"""What became of offers, for people: stock, grants, the campaigns that promise them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Offer
from campaigns.versions import bodies
from core.machines.campaign import CampaignState
from storage.outbox.columns import table
from storage.tables import Campaign, Grant, OfferCode

_CAMPAIGNS, _CODES, _GRANTS = table(Campaign), table(OfferCode), table(Grant)
IN_FORCE = ""
"""In place of how a grant ended, for one that has not."""


@dataclass(frozen=True, slots=True)
class OfferState:
    """An offer with its codes and grants.

    ``offer`` is None where there are codes or grants, but no applied campaign promises it (any more). ``grants`` are
    counted by how they ended (redeemed, expired, withdrawn), those in force under an empty word.
    """

    name: str
    offer: Offer | None = None
    campaigns: Sequence[str] = ()
    codes: int = 0
    free: int = 0
    grants: dict[str, int] = field(default_factory=dict)

    @property
    def is_short(self) -> bool:
        """Whether single codes are wanted and no more than ``low_stock`` are left."""
        return self.offer is not None and self.offer.codes == "unique" and self.free <= self.offer.low_stock

    @property
    def granted(self) -> int:
        """All grants that were ever made."""
        return sum(self.grants.values())


async def offer_states(connection: AsyncConnection) -> dict[str, OfferState]:
    """Every offer that an applied campaign can promise, that has codes or that was granted, by name."""
    offers, campaigns = await _applied(connection)
    counts = {
        row.offer: (row.codes, row.free)
        for row in await connection.execute(
            select(
                _CODES.c.offer,
                func.count().label("codes"),
                func.sum(case((_CODES.c.taken_at.is_(None), 1), else_=0)).label("free"),
            ).group_by(_CODES.c.offer)
        )
    }
    grants: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await connection.execute(
        select(_GRANTS.c.offer, _GRANTS.c.ended_by, func.count().label("number")).group_by(
            _GRANTS.c.offer, _GRANTS.c.ended_by
        )
    ):
        grants[row.offer][row.ended_by] = row.number
    return {
        name: OfferState(
            name,
            offers.get(name),
            campaigns.get(name, ()),
            codes=int(counts[name][0]) if name in counts else 0,
            free=int(counts[name][1]) if name in counts else 0,
            grants=grants.get(name, {}),
        )
        for name in sorted({*offers, *counts, *grants})
    }


async def _applied(connection: AsyncConnection) -> tuple[dict[str, Offer], dict[str, list[str]]]:
    """The offers of campaigns as they were last applied, and who promises each; stopped campaigns promise nothing."""
    rows = (
        await connection.execute(
            select(_CAMPAIGNS.c.name, _CAMPAIGNS.c.version)
            .where(_CAMPAIGNS.c.state.not_in([CampaignState.STOPPED, CampaignState.ARCHIVED]))
            .order_by(_CAMPAIGNS.c.name)
        )
    ).all()
    by_version = await bodies(connection, {row.version for row in rows})
    offers: dict[str, Offer] = {}
    campaigns: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for name, offer in by_version[row.version].offers.items():
            offers[name] = offer
            campaigns[name].append(row.name)
    return offers, dict(campaigns)
