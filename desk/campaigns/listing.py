"""The list: every campaign by its state, with what it came to and what it does next."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from campaigns.reporting.report import LEFT
from campaigns.versions import definitions
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from core.text import folded
from desk.campaigns.coming import Coming, next_start, planned
from desk.campaigns.recent import Recent, recent
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, Message

Groups = Sequence[tuple[CampaignState, Sequence["Card"]]]
_CAMPAIGNS, _ENROLMENTS, _MESSAGES = table(Campaign), table(Enrolment), table(Message)
ORDER = (
    CampaignState.ACTIVE, CampaignState.PAUSED, CampaignState.DRAFT, CampaignState.ENDED, CampaignState.STOPPED,
    CampaignState.ARCHIVED,
)  # fmt: skip
"""What needs an eye first."""
NOTHING = Recent()
RESPONDED = ("answered", "converted")


@dataclass(frozen=True, slots=True)
class Card:
    """One campaign in the list. ``waits``: a version of it waits for another person's approval."""

    name: str
    state: CampaignState
    description: str
    waits: bool
    entered: int
    in_flight: int
    responded: int
    sent: int
    unknown: int
    coming: Sequence[Coming]
    recent: Recent = NOTHING


async def cards(connection: AsyncConnection, config: WorkspaceConfig, now: datetime, zone: str) -> Groups:
    """The cards by state, states that have none left out; days are those of ``zone``."""
    rows = sorted(await connection.execute(_CAMPAIGNS.select()), key=lambda row: _place(row.name))
    known = await definitions(connection, {row.version for row in rows})
    journeys: dict[str, Counter[str]] = defaultdict(Counter)
    for row in await connection.execute(
        select(
            _ENROLMENTS.c.campaign_id, _ENROLMENTS.c.state, _ENROLMENTS.c.closed_at.is_(None).label("open"),
            func.count().label("number"),
        ).group_by(_ENROLMENTS.c.campaign_id, _ENROLMENTS.c.state, _ENROLMENTS.c.closed_at.is_(None))
    ):  # fmt: skip
        journeys[row.campaign_id][row.state.value] += row.number
        journeys[row.campaign_id]["open"] += row.number if row.open else 0
        journeys[row.campaign_id]["all"] += row.number
    sends: dict[str, Counter[MessageState]] = defaultdict(Counter)
    for row in await connection.execute(
        select(_MESSAGES.c.campaign_id, _MESSAGES.c.state, func.count().label("number"))
        .where(_MESSAGES.c.campaign_id.is_not(None))
        .group_by(_MESSAGES.c.campaign_id, _MESSAGES.c.state)
    ):
        sends[row.campaign_id][row.state] += row.number
    active = [row.id for row in rows if row.state is CampaignState.ACTIVE]
    lately = await recent(connection, [row.id for row in rows], now, zone_named(zone))
    soon = await planned(connection, active, now, zone)
    found: dict[CampaignState, list[Card]] = {}
    for row in rows:
        definition = known.get(row.version)
        coming = list(soon.get(row.id, ()))
        if definition is not None and row.state is CampaignState.ACTIVE:
            start = await next_start(connection, definition, config, now)
            coming += [start] if start is not None else []
        own, out = journeys[row.id], sends[row.id]
        found.setdefault(row.state, []).append(
            Card(
                name=row.name, state=row.state, description=definition.description if definition else "",
                waits=bool(row.pending), entered=own["all"], in_flight=own["open"],
                responded=sum(own[state] for state in RESPONDED), sent=sum(out[state] for state in LEFT),
                unknown=out[MessageState.UNKNOWN], coming=coming, recent=lately.get(row.id, NOTHING),
            )
        )  # fmt: skip
    return [(state, found[state]) for state in ORDER if state in found]


def named(groups: Groups, asked: str) -> Groups:
    """Those whose name or description holds every word of ``asked``."""
    words = folded(asked).split()
    kept = [
        (state, [one for one in ones if all(word in folded(f"{one.name} {one.description}") for word in words)])
        for state, ones in groups
    ]
    return [(state, ones) for state, ones in kept if ones]


def _place(name: str) -> tuple[list[tuple[int, str]], str]:
    """Where a name stands in a list that people read: spring-2 before spring-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], name
