"""What every editor does: show the files with what is wrong in them, compare, save, and lose nobody's text."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from campaigns.reading.names import name as checked_name
from core.actors import Actor
from core.agents import Role
from core.clock import Clock
from core.errors import OtklikError, Refused, StoreUnavailable
from desk.access.sessions import SignedIn
from desk.campaigns.editing.checking import Checked, by_place, check
from desk.campaigns.editing.companion import TookTooLong
from desk.campaigns.editing.folder import Draft, Folder, Overtaken, editable
from desk.campaigns.editing.form import Form, read_form
from desk.campaigns.editing.saving import Moved, Otherwise, review, save
from desk.campaigns.editing.showing import compared
from desk.campaigns.editing.subject import ROOMS, Kind, Subject
from desk.campaigns.editing.telling import problem_in_words
from desk.campaigns.editing.workbench import Loaded, Workbench
from desk.campaigns.editing.writing import vocabulary
from desk.campaigns.figures import Figures
from desk.campaigns.words import Words
from desk.guard import Guard, Page, reader_of
from desk.rendering import HEADERS, Reader, page, rendered
from storage.store import Store

CHECKS_AT_ONCE = 2
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """An editor that is open: whose, of what, with which texts. ``seen`` is what was looked at of the store."""

    me: SignedIn
    subject: Subject
    form: Form
    checked: Checked
    seen: str
    now: datetime

    @property
    def name(self) -> str:
        """The campaign's, the flow's, the topic's."""
        return self.subject.name


class Editor(ABC):
    """For marketers and above. Without a workbench nobody writes anything."""

    kind: ClassVar[Kind]
    begins: ClassVar[str]
    """The path that leads from a name to its editor."""
    added_below: ClassVar[str] = "templates/"
    """The folder of the files that may be opened besides."""

    def __init__(self, store: Store, clock: Clock, guard: Guard, bench: Workbench | None) -> None:
        self._store, self._clock, self._guard, self._bench = store, clock, guard, bench
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    def routes(self) -> list[Route]:
        """Paths below ``/desk``; each kind adds its own."""
        return [
            self._route("GET", self.begins, self._begin),
            self._route("GET", self._here, self._show),
            self._route("POST", self._here, self._asked),
        ]

    def _route(self, method: str, path: str, answered: Page) -> Route:
        return Route(path, self._guard.page(answered, Role.MARKETER), methods=[method])

    @property
    def _here(self) -> str:
        """The editor's own path."""
        return f"/{ROOMS[self.kind]}/{{name}}/edit"

    @abstractmethod
    async def _files(self, request: Request, subject: Subject, *, new: bool) -> Form:
        """The files to begin with; ``new``: nothing of that name is in force."""

    @abstractmethod
    async def _more(self, opened: Opened, reader: Reader) -> dict[str, Any]:
        """What the page shows besides."""

    def _answering(self, do: str) -> Callable[[Request, Opened], Awaitable[Response]] | None:
        """Who answers a button."""
        return {"review": self._review, "save": self._save}.get(do)

    @property
    def _within(self) -> str:
        """The desk's room that it is a part of."""
        return "answers" if self.kind is Kind.ANSWERS else "campaigns"

    def _at(self, name: str) -> str:
        return f"/desk/{ROOMS[self.kind]}/{name}/edit"

    def _saved(self, name: str) -> str:
        """Where one is led from saving."""
        return f"{self._at(name)}?saved=yes"

    async def _begin(self, request: Request, me: SignedIn) -> Response:
        """From a name to its editor."""
        try:
            return RedirectResponse(self._at(_named(request.query_params.get("name", ""))), 303)
        except Refused as error:
            return await self._nothing(me, reader_of(me, "").refusal(error))

    async def _words(self, request: Request, me: SignedIn) -> Response:
        """What may stand in a file, for completing."""
        bench = self._bench
        if bench is None:
            return PlainTextResponse("there is no workspace here", 404)
        return JSONResponse(await asyncio.to_thread(vocabulary, bench, self.kind), headers=dict(HEADERS))

    async def _show(self, request: Request, me: SignedIn) -> Response:
        bench = self._bench
        if bench is None or not Folder(bench.folder).is_there:
            return await self._nothing(me)
        try:
            subject = await self._subject(_named(request.path_params["name"]))
            async with self._store.read() as connection:
                seen = await subject.standing(connection)
            opened = await self._opened(me, subject, await self._files(request, subject, new=not seen), seen)
        except (Refused, OSError) as error:  # no name, a file that is no text, or that we may not read
            return await self._nothing(me, reader_of(me, "").refusal(error))
        return await self._page(request, opened)

    async def _asked(self, request: Request, me: SignedIn) -> Response:
        """Every button of the form, and the check while somebody types."""
        bench = self._bench
        if bench is None or not Folder(bench.folder).is_there:
            return await self._nothing(me)
        try:
            subject = await self._subject(_named(request.path_params["name"]))
            form = await read_form(request)
            do = form.given.get("do", "check")
            if do == "theirs":
                theirs = form.given.get("overtaken", "").split(",")
                files = [await self._theirs(one.path) if one.path in theirs else one for one in form.files]
                form = replace(form, files=files)
            elif do == "add":
                form = await self._added(form)
            opened = await self._opened(me, subject, form, form.given.get("seen", ""))
        except (ValueError, Refused, OSError) as error:
            return PlainTextResponse(reader_of(me, "").refusal(error), 422)
        answering = self._answering(do)
        if answering is None:
            return await self._page(request, opened)
        if opened.checked.loaded is None:
            return await self._page(request, opened, {"kind": "unready"}, 422)
        try:
            return await answering(request, opened)
        except TookTooLong:
            return await self._page(request, opened, {"kind": "too_long"}, 422)
        except StoreUnavailable:
            raise
        except OtklikError as error:
            why = reader_of(me, "").refusal(error)
            return await self._page(request, opened, {"kind": "refused", "why": why}, 422)

    async def _review(self, request: Request, opened: Opened) -> Response:
        """What saving would change: asked before anything is."""
        bench, loaded = self._ready(opened)
        drafts = opened.form.drafts
        overtaken = await asyncio.to_thread(Folder(bench.folder).overtaken, drafts)
        if overtaken:
            return await self._conflict(request, opened, Overtaken(overtaken))
        async with self._store.read() as connection:
            if await opened.subject.standing(connection) != opened.seen:
                return await self._moved(request, opened)
        found = await review(self._store, loaded, drafts)
        answer = {
            "kind": "review", "sure": found.mark, "own": found.own(opened.subject),
            "others": found.others(opened.subject), "compared": await asyncio.to_thread(compared, bench, drafts),
            "names": loaded.workspace.campaigns,
        }  # fmt: skip
        return await self._page(request, opened, answer)

    async def _save(self, request: Request, opened: Opened) -> Response:
        bench, _ = self._ready(opened)
        try:
            await save(
                self._store, bench, opened.form.drafts, opened.subject, seen=opened.seen,
                sure=opened.form.given.get("sure", ""), actor=Actor("agent", opened.me.id), now=opened.now,
            )  # fmt: skip
        except Otherwise:
            return await self._review(request, opened)
        except Moved:
            return await self._moved(request, opened)
        except Overtaken as overtaken:
            return await self._conflict(request, opened, overtaken)
        where = self._saved(opened.name)
        if request.headers.get("x-desk") == "part":
            return Response(status_code=204, headers={**HEADERS, "x-desk-go": where})
        return RedirectResponse(where, 303)

    async def _conflict(self, request: Request, opened: Opened, overtaken: Overtaken) -> Response:
        """Their text against this one; saving once more takes the place of theirs, knowingly."""
        now = {one.path: one for one in overtaken.theirs}
        assert self._bench is not None  # noqa: S101  whoever calls this had one
        answer = {
            "kind": "conflict", "compared": await asyncio.to_thread(compared, self._bench, opened.form.drafts),
            "bases": {path: there.mark for path, there in now.items()},
        }  # fmt: skip
        files = [replace(one, base=now[one.path].mark) if one.path in now else one for one in opened.form.files]
        return await self._page(request, replace(opened, form=replace(opened.form, files=files)), answer, 409)

    async def _moved(self, request: Request, opened: Opened) -> Response:
        """Another version came into force meanwhile."""
        async with self._store.read() as connection:
            seen = await opened.subject.standing(connection)
        return await self._page(request, replace(opened, seen=seen), {"kind": "moved"}, 409)

    # ── what all of them need ────────────────────────────────────────────────

    def _ready(self, opened: Opened) -> tuple[Workbench, Loaded]:
        assert self._bench is not None  # noqa: S101  nothing is answered without
        assert opened.checked.loaded is not None  # noqa: S101  nor this
        return self._bench, opened.checked.loaded

    async def _reader(self, me: SignedIn) -> Reader:
        return reader_of(me, (await self._guard.workspace()).zone)

    async def _subject(self, name: str) -> Subject:
        assert self._bench is not None  # noqa: S101  as above
        file = await asyncio.to_thread(Folder(self._bench.folder).file_of, self.kind, name)
        return Subject(self.kind, name, file)

    async def _opened(self, me: SignedIn, subject: Subject, form: Form, seen: str) -> Opened:
        """``subject`` stands in the form's file of its kind, where that is open."""
        bench, below = self._bench, f"{ROOMS[self.kind]}/"
        assert bench is not None  # noqa: S101  as above
        file = next((one.path for one in form.files if one.path.startswith(below)), subject.file)
        subject = replace(subject, file=file)
        async with self._checks:
            checked = await asyncio.to_thread(check, bench, subject, form.drafts)
        return Opened(me, subject, form, checked, seen, self._clock.now())

    async def _theirs(self, path: str) -> Draft:
        assert self._bench is not None  # noqa: S101  as above
        there = await asyncio.to_thread(Folder(self._bench.folder).read, path)
        return Draft(path, there.text, there.mark)

    async def _added(self, form: Form) -> Form:
        """One more file, of the path that is asked for."""
        path = f"{self.added_below}{form.given.get('new', '').strip('/').removeprefix(self.added_below)}"
        if not editable(path) or any(one.path == path for one in form.files):
            return form
        return replace(form, files=[*form.files, await self._theirs(path)])

    async def _nothing(self, me: SignedIn, why: str = "") -> Response:
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        return page(
            "campaigns/no_folder.html", reader, 404, brand=workspace.brand.name, me=me, why=why,
            room=ROOMS[self.kind], within=self._within, **said(reader, self._clock.now()),
        )  # fmt: skip

    async def _page(
        self, request: Request, opened: Opened, answer: Answer | None = None, status: int = 200
    ) -> Response:
        bench, form, checked = self._bench, opened.form, opened.checked
        assert bench is not None  # noqa: S101  as above
        workspace = await self._guard.workspace()
        reader = reader_of(opened.me, workspace.zone)
        paths = {one.path: one for one in form.files}
        values: dict[str, Any] = {
            **said(reader, opened.now), "brand": workspace.brand.name, "me": opened.me, "name": opened.name,
            "kind": self.kind, "within": self._within, "at": self._at(opened.name), "added_below": self.added_below,
            "files": form.files,
            "seen": opened.seen, "given": form.given, "answer": answer or {"kind": ""},
            "problems": by_place(checked.problems, paths), "warnings": by_place(checked.warnings, paths),
            "paths": paths, "problem_files": {one.file for one in checked.problems},
            "in_words": lambda message: problem_in_words(message, reader.locale),
            "writable": Folder(bench.folder).is_writable, "dirty": bool(form.drafts), "ahead": False,
            "saved": request.method == "GET" and "saved" in request.query_params,
            "in_order": checked.loaded is not None, **await self._more(opened, reader),
        }  # fmt: skip
        if request.headers.get("x-desk") == "part":
            return HTMLResponse(rendered("campaigns/edit_part.html", reader, **values), status, dict(HEADERS))
        return page("campaigns/edit.html", reader, status, **values)


def said(reader: Reader, now: datetime) -> dict[str, Any]:
    """How a page writes figures and says things."""
    figures = Figures(reader)
    return {"fig": figures, "words": Words(figures, now)}


def _named(text: str) -> str:
    """A name.

    Raises:
        Refused: if it is none.
    """
    try:
        return checked_name(text)
    except ValueError as error:
        raise Refused(str(error), name="no_name", given=text[:80]) from None
