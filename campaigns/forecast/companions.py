"""Companions: customers of other campaigns' samples who enter this campaign too, and when."""

from bisect import bisect_left
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.experiments.weights import weights_of
from campaigns.forecast.audience import Meant
from campaigns.forecast.entrances import SAMPLE, Entrance, Entrant, assigned, instant_of
from campaigns.periods import zone_named
from campaigns.segments.compiling import compile_segment
from core.draws import customer_draw
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.tables import Customer

_CUSTOMERS = table(Customer)


async def companions(
    connection: AsyncConnection, meant: Meant, entering: Entrance, customers: Collection[str]
) -> list[Entrant]:
    """Those of ``customers`` who enter and are not of the sample; at most as many as a sample has."""
    own = {one.prospect.customer_id for one in entering.entrants}
    wanted = sorted(set(customers) - own)
    if not wanted or entering.at is None or not entering.entrants:
        return []
    if entering.stream:
        return await _of_stream(connection, meant, entering, frozenset(wanted))
    return await _of_wave(connection, meant, entering, wanted)


async def _of_wave(connection: AsyncConnection, meant: Meant, entering: Entrance, wanted: list[str]) -> list[Entrant]:
    """At a pace they begin with whoever of the sample stands beside them in the line."""
    definition = meant.definition
    those = (
        Meant(meant.campaign, definition, meant.config, meant.segments, entering.at or meant.now)
        .free()
        .subquery("those")
    )
    asked = (
        select(those, _CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == those.c.id)
        .where(given_ids(_CUSTOMERS.c.id))
        .order_by(those.c.draw, those.c.id)
        .limit(SAMPLE)
    )
    weights = await weights_of(connection, meant.campaign.id, definition, meant.config, meant.now)
    line = sorted((one.prospect.customer_id, one.at) for one in entering.entrants if not one.prospect.ghost)
    found = []
    for row in await connection.execute(asked, {IDS: wanted}):
        at: datetime | None = instant_of(meant, row.zone or row.zone_guess)
        if definition.pace is not None and line:
            at = line[min(bisect_left(line, (row.id,)), len(line) - 1)][1]
        if at is not None:
            found.append(Entrant(assigned(meant, row.id, row.draw, row.variant, weights), at))
    return found


async def _of_stream(
    connection: AsyncConnection, meant: Meant, entering: Entrance, wanted: frozenset[str]
) -> list[Entrant]:
    coming = sorted((customer_draw(who), who, at) for who, at in entering.coming if who in wanted)[:SAMPLE]
    if meant.definition.audience and coming:
        zone, audience = zone_named(meant.config.zone), meant.definition.audience
        inside = compile_segment(audience, meant.segments, now=meant.now, zone=zone, among=given_ids)
        members = set(await connection.scalars(inside, {IDS: sorted({who for _, who, _ in coming})}))
        coming = [one for one in coming if one[1] in members]
    weights = await weights_of(connection, meant.campaign.id, meant.definition, meant.config, meant.now)
    return [Entrant(assigned(meant, who, draw, "", weights), at) for draw, who, at in coming]
