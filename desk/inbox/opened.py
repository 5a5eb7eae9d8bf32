"""A conversation that somebody has open: whose it is, what may be done to it, and what was said; and its news."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from core.clock import Clock
from core.ids import is_id
from desk.access.sessions import SignedIn
from desk.campaigns.figures import Figures
from desk.customers.card import card_of
from desk.customers.telling import Telling
from desk.guard import Guard, reader_of
from desk.inbox.listing import Line, lines
from desk.inbox.passing import Colleague, colleagues
from desk.inbox.thread import PAGE, Entry, entries, news
from desk.inbox.tongues import named, speaker_for
from desk.rendering import HEADERS, rendered
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the thread, the oldest first. ``earlier`` is the entry before which there may be more; empty: none."""

    entries: list[Entry]
    earlier: str = ""


class OpenedPages:
    """What is read of one conversation: with the whole page, as news of it, and further back."""

    def __init__(self, store: Store, clock: Clock, guard: Guard) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        shown: dict[str, Callable[[Request, SignedIn], Awaitable[Response]]] = {
            "news": self._news, "thread": self._thread, "colleagues": self._colleagues,
        }  # fmt: skip
        return [Route(f"/inbox/{{id}}/{name}", self._guard.page(part), methods=["GET"]) for name, part in shown.items()]

    async def whole(self, conversation_id: str, me: SignedIn, before: str = "") -> dict[str, Any] | None:
        """A conversation with its thread (the newest of it, or what is ``before`` an entry) and its customer."""
        now = self._clock.now()
        async with self._store.read() as connection:
            line = await line_of_one(connection, conversation_id)
            if line is None:
                return None
            config = await workspace_config(connection)
            head = await _head(connection, line, me, config, now)
            head["colleagues"] = await _others(connection, line, me)
            said = await _stretch(connection, line, before)
            card = await card_of(connection, line.customer_id, now)
        telling = Telling(Figures(reader_of(me, config.zone)))
        return {**head, "thread": said, "card": card, "telling": telling, "now": now, "back": bool(before)}

    async def _news(self, request: Request, me: SignedIn) -> Response:
        """What came after an entry, and how it stands now: what is above the thread, and the composer's fence.

        ``next``: the entry after which there is still more.
        """
        async with self._store.read() as connection:
            line = await line_of_one(connection, request.path_params["id"])
            if line is None:
                return PlainTextResponse(reader_of(me, "UTC").say("refused_lost"), 404)
            config = await workspace_config(connection)
            head = await _head(connection, line, me, config, self._clock.now())
            after = _id(request.query_params.get("after", ""))
            said, changed = await news(connection, line.customer_id, after)
        reader = reader_of(me, config.zone)
        told = {
            "thread": rendered("inbox/entries.html", reader, line=line, entries=[*changed, *said]),
            "head": rendered("inbox/head.html", reader, open=head, me=me),
            "token": line.token,
            "next": said[-1].id if after and len(said) == PAGE else "",
        }
        return JSONResponse(told, headers=dict(HEADERS))

    async def _thread(self, request: Request, me: SignedIn) -> Response:
        """What was said before an entry, as HTML."""
        async with self._store.read() as connection:
            line = await line_of_one(connection, request.path_params["id"])
            if line is None:
                return PlainTextResponse(reader_of(me, "UTC").say("refused_lost"), 404)
            said = await _stretch(connection, line, _id(request.query_params.get("before", "")))
            zone = (await workspace_config(connection)).zone
        return HTMLResponse(
            rendered("inbox/stretch.html", reader_of(me, zone), line=line, thread=said), 200, dict(HEADERS)
        )

    async def _colleagues(self, request: Request, me: SignedIn) -> Response:
        """Who else may have it, as a menu's choices."""
        async with self._store.read() as connection:
            line = await line_of_one(connection, request.path_params["id"])
            others = await _others(connection, line, me) if line is not None else []
        return HTMLResponse(rendered("inbox/colleagues.html", reader_of(me, "UTC"), colleagues=others), 200,
                            dict(HEADERS))  # fmt: skip


async def line_of_one(connection: AsyncConnection, conversation_id: str) -> Line | None:
    """The conversation as its line in the inbox, if there is one."""
    found = await lines(connection, [conversation_id]) if is_id(conversation_id) else []
    return found[0] if found else None


async def _head(
    connection: AsyncConnection, line: Line, me: SignedIn, config: WorkspaceConfig, now: datetime
) -> dict[str, Any]:
    """Whose a conversation is and what may be done to it, as a template takes it.

    ``colleagues`` who may have it are asked for when somebody chooses one: there may be hundreds.
    """
    speaker = await speaker_for(connection, line, me.id, config.zone, now)
    return {
        "line": line, "colleagues": None, "queues": sorted(config.desk.queues),
        "speaker": speaker, "tongue": named(speaker.language, me.locale) if speaker is not None else "",
    }  # fmt: skip


async def _others(connection: AsyncConnection, line: Line, me: SignedIn) -> list[Colleague]:
    return [one for one in await colleagues(connection, me.id) if one.id != line.agent]


async def _stretch(connection: AsyncConnection, line: Line, before: str) -> Stretch:
    said = list(await entries(connection, line.customer_id, before=before))
    return Stretch(said, said[0].id if len(said) == PAGE else "")


def _id(text: str) -> str:
    return text if is_id(text) else ""
