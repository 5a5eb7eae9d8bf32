"""The pages of the campaigns: the list, one campaign, the calendar, and the levers with a question before."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from campaigns.experiments.results import result_if_any
from campaigns.operating.emergency import standing_stop
from campaigns.operating.pausing import CatchUp
from campaigns.operating.unknowns import Verdict, settle, unknown_sends
from campaigns.periods import zone_named
from campaigns.reporting.report import campaign_report
from campaigns.versions import definitions
from core.actors import Actor
from core.agents import Role
from core.clock import Clock
from core.errors import Refused
from core.ids import is_id
from core.machines.campaign import CampaignState
from desk.access.sessions import SignedIn
from desk.campaigns.coming import next_start, planned
from desk.campaigns.experiment import shown as experiment_shown
from desk.campaigns.figures import Figures
from desk.campaigns.journey import drawn, standing
from desk.campaigns.listing import cards, named
from desk.campaigns.month import month_days, month_named
from desk.campaigns.responses import newest
from desk.campaigns.steering import Lever, foreseen, levers, pull
from desk.campaigns.words import Words
from desk.guard import Guard, reader_of
from desk.rendering import HEADERS, Reader, page, rendered
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign

_CAMPAIGNS = table(Campaign)
UNKNOWNS_SHOWN = 50
MAX_FIELDS = 10
FEW = 9
"""Campaigns that are seen at a glance; from there on they can be looked for."""
LONGEST_ASKED = 100
_LIVING = ("list", "campaign")
"""Pages that bring themselves up to date."""
_VERDICTS: Mapping[str, Verdict] = {"sent": "sent", "not-sent": "not-sent", "resend": "resend"}


class CampaignPages:
    """Everybody on the desk may look; marketers and above pull the levers."""

    def __init__(self, store: Store, clock: Clock, guard: Guard, *, can_write: bool = False) -> None:
        self._store, self._clock, self._guard, self._can_write = store, clock, guard, can_write

    def routes(self) -> list[Route]:
        """Where they stand."""
        shown, may_steer = self._guard.page, Role.MARKETER
        return [
            Route("/campaigns", shown(self._list), methods=["GET"]),
            Route("/calendar", shown(self._calendar), methods=["GET"]),
            Route("/campaigns/{name}", shown(self._campaign), methods=["GET"]),
            Route("/campaigns/{name}/settle", shown(self._settle, may_steer), methods=["POST"]),
            Route("/campaigns/{name}/{lever}", shown(self._sure, may_steer), methods=["GET"]),
            Route("/campaigns/{name}/{lever}", shown(self._pull, may_steer), methods=["POST"]),
        ]

    async def _list(self, request: Request, me: SignedIn) -> Response:
        now = self._clock.now()
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        async with self._store.read() as connection:
            found = await cards(connection, workspace, now, reader.zone)
            stop = await standing_stop(connection)
        asked, number = request.query_params.get("q", "").strip()[:LONGEST_ASKED], sum(len(ones) for _, ones in found)
        return _answered(
            request, "list", reader, brand=workspace.brand.name, me=me, groups=named(found, asked), now=now,
            asked=asked, many=number > FEW,
            may_write=self._can_write and me.role.allows(Role.MARKETER),
            stopped_at=stop.at if stop is not None else None,
        )  # fmt: skip

    async def _campaign(self, request: Request, me: SignedIn, problem: str = "") -> Response:
        name, now = request.path_params["name"], self._clock.now()
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        async with self._store.read() as connection:
            row = await _row(connection, name)
            if row is None:
                return _lost(reader, workspace.brand.name)
            definition = (await definitions(connection, [row.version]))[row.version]
            report = await campaign_report(connection, name, now=now)
            there = await standing(connection, row.id)
            experiment = await result_if_any(connection, name, now)
            unknown, unsettled = await unknown_sends(connection, UNKNOWNS_SHOWN, campaign_id=row.id)
            said = await newest(connection, row.id)
            coming = list((await planned(connection, [row.id], now, reader.zone)).get(row.id, ()))
            start = None
            if row.state is CampaignState.ACTIVE:
                start = await next_start(connection, definition, workspace, now)
        held_out = sum(arm.entered for arm in report.tallies.arms if arm.held_out)
        return _answered(
            request, "campaign", reader, status=422 if problem else 200, brand=workspace.brand.name, me=me, name=name,
            state=row.state, definition=definition, report=report, exhausted=there.exhausted, now=now,
            nodes=drawn(definition, there, report.steps), problem=problem,
            experiment=experiment_shown(experiment, Figures(reader)) if experiment is not None else None,
            unknown=unknown, unsettled=unsettled, responses=said, held_out=held_out,
            coming=[*coming, *([start] if start is not None else [])],
            may_write=self._can_write and me.role.allows(Role.MARKETER),
            levers=levers(row.state, pending=bool(row.pending)) if me.role.allows(Role.MARKETER) else (),
        )  # fmt: skip

    async def _calendar(self, request: Request, me: SignedIn) -> Response:
        now = self._clock.now()
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        figures, zone = Figures(reader), zone_named(reader.zone)
        today = now.astimezone(zone).date()
        month = month_named(request.query_params.get("month", ""), today, jalali=figures.language == "fa")
        async with self._store.read() as connection:
            days = await month_days(connection, month, workspace, now, zone)
        return _answered(
            request, "calendar", reader, brand=workspace.brand.name, me=me, month=month, days=days, today=today,
            busiest=max((day.number for day in days.values()), default=0), now=now,
            may_write=self._can_write and me.role.allows(Role.MARKETER),
        )  # fmt: skip

    async def _sure(self, request: Request, me: SignedIn, problem: str = "") -> Response:
        """The question before: what it would do, to how many."""
        name, lever, now = request.path_params["name"], request.path_params["lever"], self._clock.now()
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        async with self._store.read() as connection:
            row = await _row(connection, name)
            if row is None or lever not in set(Lever):
                return _lost(reader, workspace.brand.name)
            effect = await foreseen(connection, row.id, row.pending or row.version, now)
        may = Lever(lever) in levers(row.state, pending=bool(row.pending))
        return _answered(
            request, "sure", reader, status=422 if problem else 200, brand=workspace.brand.name, me=me, name=name,
            state=row.state, lever=Lever(lever), effect=effect, problem=problem, may=may, catch_ups=CatchUp,
            hours=effect.paused_for / timedelta(hours=1), now=now,
        )  # fmt: skip

    async def _pull(self, request: Request, me: SignedIn) -> Response:
        name, lever = request.path_params["name"], request.path_params["lever"]
        if lever not in set(Lever):
            return PlainTextResponse("there is no such lever", 404)
        async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
            asked = form.get("catch_up", "")
        catch_up = CatchUp(asked) if isinstance(asked, str) and asked in set(CatchUp) else CatchUp.SHIFT
        try:
            await pull(self._store, Lever(lever), name, Actor("agent", me.id), self._clock.now(), catch_up)
        except Refused as error:
            return await self._sure(request, me, reader_of(me, "").refusal(error))
        return RedirectResponse(f"/desk/campaigns/{name}", 303)

    async def _settle(self, request: Request, me: SignedIn) -> Response:
        """Say what became of one unknown send."""
        name = request.path_params["name"]
        async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
            message, verdict = form.get("message", ""), _VERDICTS.get(str(form.get("verdict", "")))
        if not isinstance(message, str) or not is_id(message) or verdict is None:
            return PlainTextResponse("there is no such message", 404)
        try:
            async with self._store.write() as connection:
                await settle(connection, [message], verdict, Actor("agent", me.id), self._clock.now())
        except Refused as error:
            return await self._campaign(request, me, reader_of(me, "").refusal(error))
        return RedirectResponse(f"/desk/campaigns/{name}#unknown", 303)


async def _row(connection: AsyncConnection, name: str) -> Any:
    return (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == name))).first()


def _lost(reader: Reader, brand: str) -> Response:
    return page("lost.html", reader, 404, brand=brand, why="campaigns_lost", room="campaigns")


def _answered(
    request: Request, template: str, reader: Reader, *, now: datetime, status: int = 200, **values: Any
) -> Response:
    """The page, or only its living part where the page's own script asks."""
    figures = Figures(reader)
    given = {**values, "fig": figures, "words": Words(figures, now), "now": now.astimezone(UTC)}
    if template in _LIVING and request.headers.get("x-desk") == "part":
        return HTMLResponse(rendered(f"campaigns/{template}_part.html", reader, **given), status, dict(HEADERS))
    return page(f"campaigns/{template}.html", reader, status, **given)
