"""Control over a service whose clock is virtual: what is left to do, and moving the clock. For the demo and tests.

Mounted only where ``OTKLIK_CLOCK`` is virtual; answers only to this machine.
"""

import asyncio
import ipaddress
from datetime import datetime

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import func, select

from campaigns.running.agenda import agenda
from core.clock import VirtualClock, uptime
from core.messages import EMAIL
from core.wakeup import INBOUND, JOURNEYS, STARTS
from otklik.service import Service
from storage.outbox.columns import table
from storage.tables import Inbound

LOOK_SECONDS = 0.005
"""Machine seconds between two looks while something is under way; most looks ask memory only."""
LONGEST_WAIT = 30.0


class Move(BaseModel):
    """Where the clock goes."""

    now: AwareDatetime


class State(BaseModel):
    """What a director needs to know before it moves the clock. ``mails`` counts stored deliveries of e-mail."""

    now: datetime
    idle: bool
    due: int
    sendable: int
    claimed: int
    dispatching: int
    unprocessed: int
    busy: list[str]
    next_at: datetime | None
    mails: int


def control_router(service: Service, clock: VirtualClock) -> APIRouter:
    """``GET /control/state``, ``GET /control/rest`` and ``POST /control/clock``."""
    router = APIRouter(prefix="/control")

    @router.get("/state")
    async def state(request: Request) -> State:
        _only_from_here(request)
        return await _state(service, clock, await _mails(service))

    @router.get("/rest")
    async def rest(
        request: Request, mails: int = 0, seconds: float = Query(default=LONGEST_WAIT, ge=0, le=LONGEST_WAIT)
    ) -> State:
        """Answer when ``mails`` mails are stored and nothing can be done until the clock moves, or after a while."""
        _only_from_here(request)
        return await _rest(service, clock, mails, seconds)

    @router.post("/clock")
    async def move(request: Request, to: Move) -> dict[str, datetime]:
        _only_from_here(request)
        clock.advance_to(to.now)
        await service.sweep()
        for topic in (JOURNEYS, INBOUND, STARTS, *(f"outbox:{each.channel}" for each in service.dispatchers)):
            service.wakeup.notify(topic)
        return {"now": clock.now()}

    return router


async def _rest(service: Service, clock: VirtualClock, mails: int, seconds: float) -> State:
    until = uptime() + seconds
    fetched = 0
    while uptime() < until:
        if not service.busy:
            if fetched < mails:
                fetched = await _mails(service)
            if fetched >= mails:
                seen = await _state(service, clock, fetched)
                if seen.idle:
                    return seen
        await asyncio.sleep(LOOK_SECONDS)
    return await _state(service, clock, await _mails(service))


async def _mails(service: Service) -> int:
    inbound = table(Inbound)
    async with service.store.read() as connection:
        count = select(func.count()).select_from(inbound).where(inbound.c.account == EMAIL)
        return await connection.scalar(count) or 0


async def _state(service: Service, clock: VirtualClock, mails: int) -> State:
    """Whether anything is left. One look is enough: whatever the parts have in hand, the store has as not done yet."""
    busy = service.busy
    found = await agenda(service.store, clock.now())
    start = await service.scheduler.next_start() if found.idle and not busy else None
    starts_now = start is not None and start <= clock.now()
    return State(
        now=clock.now(),
        idle=found.idle and not busy and not service.busy and not starts_now,
        due=found.due,
        sendable=found.sendable,
        claimed=found.claimed,
        dispatching=found.dispatching,
        unprocessed=found.unprocessed,
        busy=[*busy, *(["starts"] if starts_now else [])],
        next_at=min((at for at in (found.next_at, start) if at is not None), default=None),
        mails=mails,
    )


def _only_from_here(request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise HTTPException(403, "only from this machine")
