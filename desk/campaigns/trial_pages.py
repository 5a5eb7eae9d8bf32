"""The page of tests: to whom and as whom, then what became of each."""

from collections.abc import Sequence
from http.cookies import CookieError
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from campaigns.composing.files import read_contents
from campaigns.definition import SendStep
from campaigns.live import workspace_config
from campaigns.previewing.applied import applied_body
from core.actors import Actor
from core.agents import Role
from core.clock import Clock
from core.errors import Refused
from core.ids import is_id
from core.wakeup import Wakeup
from desk.access.sessions import SignedIn
from desk.campaigns.editing.workbench import Workbench
from desk.campaigns.figures import Figures
from desk.campaigns.trials import MOST_MESSAGES, Content, Wanted, plan_tests, tests_sent
from desk.campaigns.words import Words
from desk.guard import Guard, reader_of
from desk.rendering import HEADERS, page, rendered
from storage.store import Store

COOKIE = "otklik_test_to"
"""Where this browser's last test went: its owner's own address, and nobody else's business."""
_KEPT_SECONDS = 180 * 24 * 3600
_LONGEST = 300


class TrialPages:
    """Tests of what was applied; the editor sends tests of drafts."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, guard: Guard, bench: Workbench | None) -> None:
        self._store, self._clock, self._wakeup, self._guard, self._bench = store, clock, wakeup, guard, bench

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        shown, here = self._guard.page, "/campaigns/{name}/test"
        return [
            Route(here, shown(self._show, Role.MARKETER), methods=["GET"]),
            Route(here, shown(self._send, Role.MARKETER), methods=["POST"]),
        ]

    async def _content(self, name: str) -> Content:
        async with self._store.read() as connection:
            body = await applied_body(connection, name)
            contents = await read_contents(connection, (file.blob for file in body.files.values()))
            return Content(body, await workspace_config(connection), contents)

    async def _show(self, request: Request, me: SignedIn) -> Response:
        ids = [id_ for id_ in request.query_params.get("sent", "").split(",")[:MOST_MESSAGES] if is_id(id_)]
        sent = await tests_sent(self._store, ids) if ids else ()
        reader = reader_of(me, (await self._guard.workspace()).zone)
        if request.headers.get("x-desk") == "part":
            words = Words(Figures(reader), self._clock.now())
            part = rendered("campaigns/test_part.html", reader, sent=sent, words=words)
            return HTMLResponse(part, headers=dict(HEADERS))
        return await self._page(request, me, {"to": remembered(request) or me.email}, sent)

    async def _send(self, request: Request, me: SignedIn) -> Response:
        async with request.form(max_files=0, max_fields=10) as form:
            given = {name: str(form.get(name, "")).strip()[:_LONGEST] for name in ("to", "customer", "step")}
        try:
            if self._bench is None:
                raise Refused("this desk sends no tests", name="no_tests")  # noqa: TRY301  told as the others are
            trials = await plan_tests(
                self._store, self._wakeup, self._bench, await self._content(request.path_params["name"]),
                Wanted(given["customer"], given["to"], given["step"]), Actor("agent", me.id), self._clock.now(),
            )  # fmt: skip
        except Refused as error:
            return await self._page(request, me, given, (), reader_of(me, "").refusal(error))
        sent = [one.claim.message_id for one in trials if one.claim is not None]
        unsent = [one for one in trials if one.claim is None and one.to is not None]
        if unsent or not sent:
            why = "; ".join(f"{one.speech.step}: {one.problem}" for one in unsent or trials)
            if not sent:
                return await self._page(request, me, given, (), why)
        answer = RedirectResponse(f"{request.url.path}?sent={','.join(sent)}", 303)
        answer.set_cookie(
            COOKIE, quote(given["to"]), _KEPT_SECONDS, path="/desk/campaigns", secure=self._guard.secure,
            httponly=True, samesite="strict",
        )  # fmt: skip
        return answer

    async def _page(
        self, request: Request, me: SignedIn, given: dict[str, str], sent: Sequence[Any], problem: str = ""
    ) -> Response:
        name, workspace = request.path_params["name"], await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        try:
            steps = [one.id for one in (await self._content(name)).body.definition.steps if isinstance(one, SendStep)]
        except Refused:
            steps = []  # a draft's tests are looked at, too
        if not steps and not sent:
            return page("lost.html", reader, 404, brand=workspace.brand.name, why="campaigns_lost", room="campaigns")
        figures = Figures(reader)
        return page(
            "campaigns/test.html", reader, 422 if problem else 200, brand=workspace.brand.name, me=me, name=name,
            steps=steps, sent=sent, problem=problem, fig=figures, words=Words(figures, self._clock.now()),
            given={"customer": "", "step": "", **given},
        )  # fmt: skip


def remembered(request: Request) -> str:
    """Where this browser sent its last test."""
    try:
        return unquote(request.cookies.get(COOKIE, ""))[:_LONGEST]
    except (CookieError, UnicodeDecodeError):
        return ""
