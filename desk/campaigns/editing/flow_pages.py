"""The flows of the bot: the list of them, and the editor of one, in which it can be talked to."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, ClassVar

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.flows.live import flow_hash
from core.catalogue import LANGUAGES, language_of
from core.errors import Refused
from core.installed import channel_names
from core.messages import TELEGRAM
from desk.access.sessions import SignedIn
from desk.campaigns.editing.editor import Editor, Opened, said
from desk.campaigns.editing.folder import Draft, Folder
from desk.campaigns.editing.form import Form
from desk.campaigns.editing.subject import Kind, Subject
from desk.campaigns.editing.trying import LONGEST_LINE, MOST_LINES, Line, try_flow
from desk.campaigns.editing.workbench import Workbench
from desk.rendering import Reader, page
from storage.outbox.columns import table
from storage.tables import Flow

_NAME = re.compile(r"(?m)^flow:[ \t]*['\"]?([a-z0-9][a-z0-9_-]*)")
_DESCRIPTION = re.compile(r"(?m)^description:[ \t]*(\S.*)$")
_TEMPLATE = re.compile(r"\btemplate:[ \t]*['\"]?([a-z0-9][a-z0-9_-]*)")
_FIRST = """flow: {name}
description:{space}
on:
  words: [{name}]

steps:
  - ask: wish
    say: ""
  - handoff: true
    note: "{{{{ answers.wish }}}}"
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A flow's file in the folder, as far as its lines tell."""

    name: str
    file: str
    description: str
    in_force: bool


class FlowPages(Editor):
    """A flow's file with the templates that it names."""

    kind: ClassVar[Kind] = Kind.FLOW
    begins: ClassVar[str] = "/new-flow"

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [
            *super().routes(),
            self._route("GET", "/flows", self._list),
            self._route("GET", f"{self._here}/words", self._words),
        ]

    def _answering(self, do: str) -> Callable[[Request, Opened], Awaitable[Response]] | None:
        return {"try": self._try, "begin": self._try}.get(do) or super()._answering(do)

    async def _list(self, request: Request, me: SignedIn) -> Response:
        bench = self._bench
        if bench is None or not Folder(bench.folder).is_there:
            return await self._nothing(me)
        async with self._store.read() as connection:
            applied = set(await connection.scalars(select(table(Flow).c.name)))
        try:
            flows = await asyncio.to_thread(_listed, bench, applied)
        except (Refused, OSError) as error:
            return await self._nothing(me, (await self._reader(me)).refusal(error))
        workspace, reader = await self._guard.workspace(), await self._reader(me)
        return page(
            "campaigns/flows.html", reader, brand=workspace.brand.name, me=me, flows=flows, may_write=True,
            **said(reader, self._clock.now()),
        )  # fmt: skip

    async def _try(self, request: Request, opened: Opened) -> Response:
        """The talk so far and one line more, from its beginning: also where the flow was changed meanwhile."""
        _, loaded = self._ready(opened)
        given, config = opened.form.given, loaded.workspace.config
        heard: list[str] = []
        if given.get("do") == "try":
            before = takewhile(lambda key: key in given, (f"said:{place}" for place in count()))
            heard = [given[key][:LONGEST_LINE] for key in before][:MOST_LINES]
            heard += [given["say"][:LONGEST_LINE]] if given.get("say") else []
        channels = channel_names()
        channel = given["channel"] if given.get("channel") in channels else TELEGRAM
        language = given.get("language", "")
        if language not in LANGUAGES:
            language = language_of(config.locale)
        tried = await asyncio.to_thread(
            try_flow, loaded.flows.bodies[opened.name], config, channel, language, heard, opened.now
        )
        lines: Sequence[Line] = tried.lines
        answer = {
            "kind": "tried", "lines": lines, "heard": tried.heard, "state": tried.state, "open": tried.is_open,
            "channel": channel, "channels": channels, "language": language, "languages": LANGUAGES,
        }  # fmt: skip
        return await self._page(request, opened, answer)

    async def _files(self, request: Request, subject: Subject, *, new: bool) -> Form:
        bench = self._bench
        assert bench is not None  # noqa: S101  nothing is opened without
        folder = Folder(bench.folder)

        def read() -> Sequence[Draft]:
            there = folder.read(subject.file)
            if not there.mark and new:
                return [Draft(subject.file, _FIRST.format(name=subject.name, space=" "), "")]
            named = sorted(set(_TEMPLATE.findall(there.text)))
            texts = [there, *(folder.read(path) for name in named for path in folder.texts_of(name))]
            return [Draft(one.path, one.text, one.mark) for one in texts]

        return Form(await asyncio.to_thread(read))

    async def _more(self, opened: Opened, reader: Reader) -> dict[str, Any]:
        loaded = opened.checked.loaded
        body = loaded.flows.bodies.get(opened.name) if loaded is not None else None
        return {"ahead": body is not None and not opened.form.drafts and flow_hash(body) != opened.seen}


def _listed(bench: Workbench, applied: set[str]) -> list[Listed]:
    folder = Folder(bench.folder)
    found = []
    for file in folder.files_of(Kind.FLOW):
        text = folder.read(file).text
        named, described = _NAME.search(text), _DESCRIPTION.search(text)
        if named is not None:
            described_as = described[1].strip("'\" ") if described is not None else ""
            found.append(Listed(named[1], file, described_as, named[1] in applied))
    return sorted(found, key=lambda one: one.name)
