"""Control over a service whose clock is virtual: what is left to do, and moving the clock. For the demo and tests.

Mounted only where ``OTKLIK_CLOCK`` is virtual; answers only to this machine.
"""

import ipaddress
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import func, select

from campaigns.agenda import agenda
from core.clock import VirtualClock
from core.wakeup import INBOUND, JOURNEYS, STARTS
from otklik.service import Service
from storage.outbox.columns import table
from storage.tables import Inbound


class Move(BaseModel):
    """Where the clock goes."""

    now: AwareDatetime


class State(BaseModel):
    """What a director needs to know before it moves the clock. ``received`` counts stored deliveries by account."""

    now: datetime
    idle: bool
    due: int
    sendable: int
    claimed: int
    dispatching: int
    unprocessed: int
    busy: list[str]
    next_at: datetime | None
    received: dict[str, int]


def control_router(service: Service, clock: VirtualClock) -> APIRouter:
    """``GET /control/state`` and ``POST /control/clock``."""
    router = APIRouter(prefix="/control")

    @router.get("/state")
    async def state(request: Request) -> State:
        _only_from_here(request)
        return await _state(service, clock)

    @router.post("/clock")
    async def move(request: Request, to: Move) -> State:
        _only_from_here(request)
        clock.advance_to(to.now)
        await service.sweep()
        await service.scheduler.tick()
        for topic in (JOURNEYS, INBOUND, STARTS, *(f"outbox:{each.channel}" for each in service.dispatchers)):
            service.wakeup.notify(topic)
        return await _state(service, clock)

    return router


async def _state(service: Service, clock: VirtualClock) -> State:
    busy = service.busy
    found = await agenda(service.store, clock.now())
    start = await service.scheduler.next_start()
    inbound = table(Inbound)
    async with service.store.read() as connection:
        rows = await connection.execute(select(inbound.c.account, func.count().label("n")).group_by(inbound.c.account))
        received = {row.account: row.n for row in rows}
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
        received=received,
    )


def _only_from_here(request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise HTTPException(403, "only from this machine")
