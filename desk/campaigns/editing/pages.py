"""The editor of a campaign: planned, previewed, simulated, tried on oneself, and saved, from the same form."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from campaigns.applying import version_hash
from campaigns.previewing.making import make_preview
from campaigns.previewing.page import page as preview_page
from campaigns.simulation.reading import FILE
from core.actors import Actor
from core.clock import Clock
from core.errors import Refused
from core.wakeup import Wakeup
from desk.access.sessions import SignedIn
from desk.campaigns.editing.checking import templates_used
from desk.campaigns.editing.companion import Companion, PlanAsked, PlayAsked
from desk.campaigns.editing.customers import suggested
from desk.campaigns.editing.editor import Editor, Opened
from desk.campaigns.editing.folder import Draft, Folder
from desk.campaigns.editing.form import Form, read_form
from desk.campaigns.editing.showing import FRAMED, first_texts, plan_shown, play_shown
from desk.campaigns.editing.subject import Kind, Subject
from desk.campaigns.editing.workbench import Loaded, Workbench
from desk.campaigns.figures import Figures
from desk.campaigns.journey import Standing, drawn
from desk.campaigns.trials import Content, Wanted, audience_of, plan_tests
from desk.guard import Guard
from desk.rendering import HEADERS, Reader, rendered
from storage.store import Store

DAYS, CUSTOMERS = (30, 1, 120), (300, 10, 2000)
"""Of a simulation: usual, least, most."""


class EditorPages(Editor):
    """A campaign's file with its templates."""

    kind: ClassVar[Kind] = Kind.CAMPAIGN
    begins: ClassVar[str] = "/new-campaign"

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, guard: Guard, bench: Workbench | None) -> None:
        super().__init__(store, clock, guard, bench)
        self._wakeup = wakeup
        self._companion = Companion()

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [
            *super().routes(),
            self._route("GET", "/customer-names", self._customers),
            self._route("GET", f"{self._here}/words", self._words),
            self._route("POST", f"{self._here}/preview", self._preview),
        ]

    def _answering(self, do: str) -> Callable[[Request, Opened], Awaitable[Response]] | None:
        own = {"plan": self._plan, "simulate": self._simulate, "test": self._test}
        return own.get(do) or super()._answering(do)

    def _saved(self, name: str) -> str:
        return f"/desk/campaigns/{name}"

    async def _customers(self, request: Request, me: SignedIn) -> Response:
        async with self._store.read() as connection:
            found = await suggested(connection, request.query_params.get("q", ""))
        return JSONResponse([{"value": one.value, "name": one.name} for one in found], headers=dict(HEADERS))

    async def _plan(self, request: Request, opened: Opened) -> Response:
        bench, loaded = self._ready(opened)
        planned = await self._companion.plan(
            PlanAsked(loaded.workspace, opened.name, opened.now, bench.database_url, bench.addresses, bench.unserved)
        )
        figures = Figures(await self._reader(opened.me))
        return await self._page(request, opened, plan_shown(planned, figures, loaded.workspace.config))

    async def _simulate(self, request: Request, opened: Opened) -> Response:
        bench, loaded = self._ready(opened)
        form = opened.form
        file = bench.folder / FILE
        behaviour = file if await asyncio.to_thread(file.is_file) else None
        days, customers = form.number("days", *DAYS), form.number("customers", *CUSTOMERS)
        played = await self._companion.play(
            PlayAsked(loaded.workspace, opened.name, opened.now, days, customers, loaded.flows, behaviour)
        )
        shown = play_shown(played, Figures(await self._reader(opened.me)), days)
        return await self._page(request, opened, {**shown, "behaviour": behaviour is not None})

    async def _test(self, request: Request, opened: Opened) -> Response:
        bench, loaded = self._ready(opened)
        given, workspace = opened.form.given, loaded.workspace
        content = Content(workspace.campaigns[opened.name], workspace.config, workspace.contents)
        wanted = Wanted(given.get("customer", ""), given.get("to", "") or opened.me.email, given.get("step", ""))
        trials = await plan_tests(
            self._store, self._wakeup, bench, content, wanted, Actor("agent", opened.me.id), opened.now
        )
        sent = ",".join(one.claim.message_id for one in trials if one.claim is not None)
        unsent = [one for one in trials if one.claim is None and one.to is not None]
        return await self._page(request, opened, {"kind": "tested", "sent": sent, "unsent": unsent})

    async def _preview(self, request: Request, me: SignedIn) -> Response:
        """The campaign as one customer would get it, for a frame."""
        bench, name = self._bench, request.path_params["name"]
        if bench is None:
            return PlainTextResponse("there is no workspace here", 404)
        reader = await self._reader(me)
        try:
            form = await read_form(request)
            opened = await self._opened(me, await self._subject(name), form, "")
            workspace = _in_order(opened, reader).workspace
            content = Content(workspace.campaigns[name], workspace.config, workspace.contents)
            audience = await audience_of(
                self._store, content, form.given.get("customer", ""), opened.now, reader.locale
            )

            def made() -> str:
                return preview_page(
                    make_preview(
                        content.body, content.config, audience, bench.addresses, opened.now,
                        contents=content.contents, step=form.given.get("step", ""), lang=reader.locale,
                    )
                )  # fmt: skip

            html = await asyncio.to_thread(made)
        except (Refused, OSError) as error:
            html = rendered("campaigns/frame_note.html", reader, why=reader.refusal(error))
        pictures = form.given.get("pictures") == "yes"
        return HTMLResponse(html, 200, {**HEADERS, **FRAMED(pictures=pictures)})

    async def _files(self, request: Request, subject: Subject, *, new: bool) -> Form:
        bench = self._bench
        assert bench is not None  # noqa: S101  nothing is opened without
        folder = Folder(bench.folder)

        def read() -> Sequence[Draft]:
            there = folder.read(subject.file)
            if not there.mark and new:
                return first_texts(bench, subject.name, subject.file)
            paths = [path for name in templates_used(bench.folder, subject.file) for path in folder.texts_of(name)]
            texts = [there, *(folder.read(path) for path in paths)]
            return [Draft(one.path, one.text, one.mark) for one in texts]

        return Form(await asyncio.to_thread(read))

    async def _more(self, opened: Opened, reader: Reader) -> dict[str, Any]:
        form, loaded, definition = opened.form, opened.checked.loaded, opened.checked.definition
        ahead = False
        if loaded is not None and not form.drafts and opened.name in loaded.workspace.campaigns:
            ahead = version_hash(loaded.workspace.campaigns[opened.name]) not in opened.seen.split(":")
        return {
            "definition": definition, "nodes": drawn(definition, Standing()) if definition is not None else (),
            "ahead": ahead, "days": DAYS, "customers": CUSTOMERS, "to": form.given.get("to", "") or opened.me.email,
        }  # fmt: skip


def _in_order(opened: Opened, reader: Reader) -> Loaded:
    """Raises :class:`Refused` where the workspace has problems."""
    if opened.checked.loaded is None:
        raise Refused(reader.say("editor_unready"))
    return opened.checked.loaded
