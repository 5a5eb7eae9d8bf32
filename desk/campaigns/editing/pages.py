"""The editor's pages: a campaign's files with what is wrong with them, tried out and saved from the same form."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from campaigns.applying import version_hash
from campaigns.previewing.making import make_preview
from campaigns.previewing.page import page as preview_page
from campaigns.reading.names import name as checked_name
from core.actors import Actor
from core.agents import Role
from core.clock import Clock
from core.errors import OtklikError, Refused, StoreUnavailable
from core.wakeup import Wakeup
from desk.access.sessions import SignedIn
from desk.campaigns.editing.checking import Checked, by_place, check, templates_used
from desk.campaigns.editing.companion import Companion, PlanAsked, PlayAsked, TookTooLong
from desk.campaigns.editing.customers import suggested
from desk.campaigns.editing.folder import Draft, Folder, Overtaken, editable
from desk.campaigns.editing.form import Form, read_form
from desk.campaigns.editing.saving import Moved, Otherwise, review, save, standing_version
from desk.campaigns.editing.showing import FRAMED, compared, first_texts, plan_shown, play_shown
from desk.campaigns.editing.workbench import Loaded, Workbench
from desk.campaigns.editing.writing import vocabulary
from desk.campaigns.figures import Figures
from desk.campaigns.journey import Standing, drawn
from desk.campaigns.trials import Content, Wanted, audience_of, plan_tests
from desk.campaigns.words import Words
from desk.guard import Guard, reader_of
from desk.rendering import HEADERS, Reader, page, rendered
from storage.store import Store

CHECKS_AT_ONCE = 2
DAYS, CUSTOMERS = (30, 1, 120), (300, 10, 2000)
"""Of a simulation: usual, least, most."""
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Open:
    """An editor that is open: whose, of which campaign (whose file stands where), with which texts.

    ``seen`` is the store's version that was looked at.
    """

    me: SignedIn
    name: str
    file: str
    form: Form
    checked: Checked
    seen: str
    now: datetime


class EditorPages:
    """For marketers and above. Without a workbench nobody writes anything."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, guard: Guard, bench: Workbench | None) -> None:
        self._store, self._clock, self._wakeup, self._guard, self._bench = store, clock, wakeup, guard, bench
        self._companion = Companion()
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        shown, here = self._guard.page, "/campaigns/{name}/edit"
        return [
            Route("/new-campaign", shown(self._begin, Role.MARKETER), methods=["GET"]),
            Route("/customer-names", shown(self._customers, Role.MARKETER), methods=["GET"]),
            Route(here, shown(self._show, Role.MARKETER), methods=["GET"]),
            Route(here, shown(self._asked, Role.MARKETER), methods=["POST"]),
            Route(f"{here}/words", shown(self._words, Role.MARKETER), methods=["GET"]),
            Route(f"{here}/preview", shown(self._preview, Role.MARKETER), methods=["POST"]),
        ]

    async def _begin(self, request: Request, me: SignedIn) -> Response:
        try:
            return RedirectResponse(f"/desk/campaigns/{checked_name(request.query_params.get('name', ''))}/edit", 303)
        except ValueError as error:
            return await self._nothing(me, str(error))

    async def _customers(self, request: Request, me: SignedIn) -> Response:
        async with self._store.read() as connection:
            found = await suggested(connection, request.query_params.get("q", ""))
        return JSONResponse([{"value": one.value, "name": one.name} for one in found], headers=dict(HEADERS))

    async def _words(self, request: Request, me: SignedIn) -> Response:
        """What may stand in a campaign's file, for completing."""
        bench = self._bench
        if bench is None:
            return PlainTextResponse("there is no workspace here", 404)
        return JSONResponse(await asyncio.to_thread(vocabulary, bench), headers=dict(HEADERS))

    async def _show(self, request: Request, me: SignedIn) -> Response:
        name = request.path_params["name"]
        try:
            checked_name(name)
        except ValueError as error:
            return await self._nothing(me, str(error))
        bench = self._bench
        if bench is None or not Folder(bench.folder).is_there:
            return await self._nothing(me)
        async with self._store.read() as connection:
            seen = await standing_version(connection, name)
        try:
            opened = await self._opened(me, name, await self._files(name, new=not seen), seen)
        except (Refused, OSError) as error:  # a file that is no text, or that we may not read
            return await self._nothing(me, reader_of(me, "").refusal(error))
        return await self._page(request, opened)

    async def _asked(self, request: Request, me: SignedIn) -> Response:
        """Every button of the form, and the check while somebody types."""
        bench, name = self._bench, request.path_params["name"]
        if bench is None or not Folder(bench.folder).is_there:
            return await self._nothing(me)
        try:
            checked_name(name)
            form = await read_form(request)
            do = form.given.get("do", "check")
            if do == "theirs":
                theirs = form.given.get("overtaken", "").split(",")
                files = [await self._theirs(one.path) if one.path in theirs else one for one in form.files]
                form = replace(form, files=files)
            elif do == "add":
                form = await self._added(form)
            opened = await self._opened(me, name, form, form.given.get("seen", ""))
        except (ValueError, Refused, OSError) as error:
            return PlainTextResponse(reader_of(me, "").refusal(error), 422)
        answering = self._answers.get(do)
        if answering is None:
            return await self._page(request, opened)
        if opened.checked.loaded is None:
            return await self._page(request, opened, {"kind": "unready"}, 422)
        try:
            return await answering(self, request, opened)
        except TookTooLong:
            return await self._page(request, opened, {"kind": "too_long"}, 422)
        except StoreUnavailable:
            raise
        except OtklikError as error:
            why = reader_of(me, "").refusal(error)
            return await self._page(request, opened, {"kind": "refused", "why": why}, 422)

    async def _plan(self, request: Request, opened: _Open) -> Response:
        bench, loaded = self._ready(opened)
        planned = await self._companion.plan(
            PlanAsked(loaded.workspace, opened.name, opened.now, bench.database_url, bench.addresses, bench.unserved)
        )
        figures = Figures(await self._reader(opened.me))
        return await self._page(request, opened, plan_shown(planned, figures, loaded.workspace.config))

    async def _simulate(self, request: Request, opened: _Open) -> Response:
        _, loaded = self._ready(opened)
        form = opened.form
        days, customers = form.number("days", *DAYS), form.number("customers", *CUSTOMERS)
        played = await self._companion.play(PlayAsked(loaded.workspace, opened.name, opened.now, days, customers))
        return await self._page(request, opened, play_shown(played, Figures(await self._reader(opened.me)), days))

    async def _review(self, request: Request, opened: _Open) -> Response:
        """What saving would change: asked before anything is."""
        bench, loaded = self._ready(opened)
        drafts = opened.form.drafts
        overtaken = await asyncio.to_thread(Folder(bench.folder).overtaken, drafts)
        if overtaken:
            return await self._conflict(request, opened, Overtaken(overtaken))
        async with self._store.read() as connection:
            if await standing_version(connection, opened.name) != opened.seen:
                return await self._moved(request, opened)
        found = await review(self._store, loaded, drafts)
        answer = {
            "kind": "review", "sure": found.mark, "own": [one for one in found.changes if one.name == opened.name],
            "others": found.others(opened.name), "compared": await asyncio.to_thread(compared, bench, drafts),
            "names": loaded.workspace.campaigns,
        }  # fmt: skip
        return await self._page(request, opened, answer)

    async def _save(self, request: Request, opened: _Open) -> Response:
        bench, _ = self._ready(opened)
        try:
            await save(
                self._store, bench, opened.form.drafts, opened.name, opened.file, seen=opened.seen,
                sure=opened.form.given.get("sure", ""), actor=Actor("agent", opened.me.id), now=opened.now,
            )  # fmt: skip
        except Otherwise:
            return await self._review(request, opened)
        except Moved:
            return await self._moved(request, opened)
        except Overtaken as overtaken:
            return await self._conflict(request, opened, overtaken)
        where = f"/desk/campaigns/{opened.name}"
        if request.headers.get("x-desk") == "part":
            return Response(status_code=204, headers={**HEADERS, "x-desk-go": where})
        return RedirectResponse(where, 303)

    async def _test(self, request: Request, opened: _Open) -> Response:
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

    _answers: Mapping[str, Callable[["EditorPages", Request, _Open], Awaitable[Response]]] = {
        "plan": _plan, "simulate": _simulate, "review": _review, "save": _save, "test": _test,
    }  # fmt: skip

    async def _preview(self, request: Request, me: SignedIn) -> Response:
        """The campaign as one customer would get it, for a frame."""
        bench, name = self._bench, request.path_params["name"]
        if bench is None:
            return PlainTextResponse("there is no workspace here", 404)
        reader = await self._reader(me)
        try:
            form = await read_form(request)
            opened = await self._opened(me, name, form, "")
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

    async def _conflict(self, request: Request, opened: _Open, overtaken: Overtaken) -> Response:
        """Their text against this one; saving once more takes the place of theirs, knowingly."""
        now = {one.path: one for one in overtaken.theirs}
        assert self._bench is not None  # noqa: S101  whoever calls this had one
        answer = {
            "kind": "conflict", "compared": await asyncio.to_thread(compared, self._bench, opened.form.drafts),
            "bases": {path: there.mark for path, there in now.items()},
        }  # fmt: skip
        files = [replace(one, base=now[one.path].mark) if one.path in now else one for one in opened.form.files]
        return await self._page(request, replace(opened, form=replace(opened.form, files=files)), answer, 409)

    async def _moved(self, request: Request, opened: _Open) -> Response:
        """Another version came into force meanwhile."""
        async with self._store.read() as connection:
            seen = await standing_version(connection, opened.name)
        return await self._page(request, replace(opened, seen=seen), {"kind": "moved"}, 409)

    # ── what all of them need ────────────────────────────────────────────────

    def _ready(self, opened: _Open) -> tuple[Workbench, Loaded]:
        assert self._bench is not None  # noqa: S101  nothing is answered without
        assert opened.checked.loaded is not None  # noqa: S101  nor this
        return self._bench, opened.checked.loaded

    async def _reader(self, me: SignedIn) -> Reader:
        return reader_of(me, (await self._guard.workspace()).zone)

    async def _opened(self, me: SignedIn, name: str, form: Form, seen: str) -> _Open:
        bench = self._bench
        assert bench is not None  # noqa: S101  as above
        folder = Folder(bench.folder)
        file = next((one.path for one in form.files if one.path.startswith("campaigns/")), "")
        async with self._checks:
            checked = await asyncio.to_thread(check, bench, name, file or folder.file_of(name), form.drafts)
        return _Open(me, name, file, form, checked, seen, self._clock.now())

    async def _files(self, name: str, *, new: bool) -> Form:
        bench = self._bench
        assert bench is not None  # noqa: S101  as above
        folder = Folder(bench.folder)

        def read() -> Sequence[Draft]:
            file = folder.file_of(name)
            there = folder.read(file)
            if not there.mark and new:
                return first_texts(bench, name, file)
            paths = [path for template in templates_used(bench.folder, file) for path in folder.texts_of(template)]
            texts = [there, *(folder.read(path) for path in paths)]
            return [Draft(one.path, one.text, one.mark) for one in texts]

        return Form(await asyncio.to_thread(read))

    async def _theirs(self, path: str) -> Draft:
        assert self._bench is not None  # noqa: S101  as above
        there = await asyncio.to_thread(Folder(self._bench.folder).read, path)
        return Draft(path, there.text, there.mark)

    async def _added(self, form: Form) -> Form:
        """One more file, of the path that is asked for."""
        path = f"templates/{form.given.get('new', '').strip('/').removeprefix('templates/')}"
        if not editable(path) or any(one.path == path for one in form.files):
            return form
        return replace(form, files=[*form.files, await self._theirs(path)])

    async def _nothing(self, me: SignedIn, why: str = "") -> Response:
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        return page(
            "campaigns/no_folder.html", reader, 404, brand=workspace.brand.name, me=me, why=why,
            **self._said(reader, self._clock.now()),
        )  # fmt: skip

    def _said(self, reader: Reader, now: datetime) -> dict[str, Any]:
        figures = Figures(reader)
        return {"fig": figures, "words": Words(figures, now)}

    async def _page(self, request: Request, opened: _Open, answer: Answer | None = None, status: int = 200) -> Response:
        bench, form, checked = self._bench, opened.form, opened.checked
        assert bench is not None  # noqa: S101  as above
        workspace = await self._guard.workspace()
        reader = reader_of(opened.me, workspace.zone)
        paths = {one.path: one for one in form.files}
        definition = checked.definition
        ahead = False
        if checked.loaded is not None and not form.drafts and opened.name in checked.loaded.workspace.campaigns:
            ahead = version_hash(checked.loaded.workspace.campaigns[opened.name]) not in opened.seen.split(":")
        values: dict[str, Any] = {
            **self._said(reader, opened.now),
            "brand": workspace.brand.name, "me": opened.me, "name": opened.name, "files": form.files,
            "seen": opened.seen, "given": form.given, "definition": definition, "answer": answer or {"kind": ""},
            "problems": by_place(checked.problems, paths), "warnings": by_place(checked.warnings, paths),
            "paths": paths, "problem_files": {one.file for one in checked.problems},
            "nodes": drawn(definition, Standing()) if definition is not None else (),
            "writable": Folder(bench.folder).is_writable, "folder": str(bench.folder), "ahead": ahead,
            "dirty": bool(form.drafts), "days": DAYS, "customers": CUSTOMERS,
            "to": form.given.get("to", "") or opened.me.email, "in_order": checked.loaded is not None,
        }  # fmt: skip
        if request.headers.get("x-desk") == "part":
            return HTMLResponse(rendered("campaigns/edit_part.html", reader, **values), status, dict(HEADERS))
        return page("campaigns/edit.html", reader, status, **values)


def _in_order(opened: _Open, reader: Reader) -> Loaded:
    """Raises :class:`Refused` where the workspace has problems."""
    if opened.checked.loaded is None:
        raise Refused(reader.say("editor_unready"))
    return opened.checked.loaded
