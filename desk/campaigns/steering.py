"""The levers of a campaign: what each would do, said before, and doing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.applying import approve
from campaigns.operating.pausing import CatchUp, drain, pause, resume, stop
from campaigns.segments.membership import segment_size
from campaigns.versions import definitions
from core.actors import Actor
from core.machines.campaign import PAUSE, RESUME, STOP, CampaignState
from storage.outbox.columns import is_planned, table
from storage.store import Store
from storage.tables import Enrolment, Message, Pause

_ENROLMENTS, _MESSAGES, _PAUSES = table(Enrolment), table(Message), table(Pause)
SPREAD = timedelta(hours=6)
"""How long a spread lasts that is chosen on the desk."""


class Lever(StrEnum):
    """What may be done to a campaign."""

    START = "start"  # put the version that waits for approval in force
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


_MOVES = {Lever.PAUSE: PAUSE, Lever.RESUME: RESUME, Lever.STOP: STOP}


@dataclass(frozen=True, slots=True)
class Effect:
    """Whom it concerns: open journeys, planned messages, those in the audience; since when a pause lasts."""

    journeys: int
    messages: int
    audience: int
    paused_for: timedelta


def levers(state: CampaignState, *, pending: bool) -> Sequence[Lever]:
    """Those that can be pulled in that state."""
    moves = [lever for lever, move in _MOVES.items() if state in move.sources]
    return [Lever.START, *moves] if pending else moves


async def foreseen(connection: AsyncConnection, campaign_id: str, version: str, now: datetime) -> Effect:
    """What a lever would move, by the store as it is now; ``version`` says whose audience."""
    is_open = and_(_ENROLMENTS.c.campaign_id == campaign_id, _ENROLMENTS.c.closed_at.is_(None))
    journeys = await connection.scalar(select(func.count()).select_from(_ENROLMENTS).where(is_open))
    waiting = and_(is_planned(_MESSAGES), _MESSAGES.c.campaign_id == campaign_id)
    messages = await connection.scalar(select(func.count()).select_from(_MESSAGES).where(waiting))
    definition = (await definitions(connection, [version])).get(version)
    audience = definition.audience if definition is not None else ""
    since = await connection.scalar(
        select(_PAUSES.c.from_at).where(_PAUSES.c.campaign_id == campaign_id, _PAUSES.c.to_at.is_(None))
    )
    return Effect(
        journeys or 0,
        messages or 0,
        await segment_size(connection, audience) if audience else 0,
        max(now - since, timedelta()) if since is not None else timedelta(),
    )


async def pull(
    store: Store, lever: Lever, name: str, actor: Actor, now: datetime, catch_up: CatchUp = CatchUp.SHIFT
) -> None:
    """Do it; when it returns, nothing leaves any more that was stopped.

    Raises:
        Refused: if there is no such campaign, or it is not in a state for that.
    """
    if lever is Lever.START:
        await approve(store, name, actor, now)
        return
    if lever is Lever.PAUSE:
        async with store.write() as connection:
            await pause(connection, name, actor, now)
    else:  # these touch every journey of the campaign
        async with store.unhurried() as connection:
            if lever is Lever.RESUME:
                await resume(connection, name, actor, now, catch_up, over=SPREAD)
            else:
                await stop(connection, name, actor, now)
    await drain(store)
