"""The inbox's pages and parts: the whole page for a first look, parts for what changes on it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.handoff import ownership
from bot.handoff.answering import LONGEST, Draft, answer, note
from bot.handoff.ending import end_chat
from campaigns.limits.prices import PriceList
from core.actors import Actor
from core.clock import Clock
from core.errors import Refused, StoreUnavailable
from core.ids import is_id
from core.wakeup import DESK, Wakeup
from core.wakeup import outbox as outbox_topic
from desk.access.sessions import SignedIn
from desk.canned.pages import CannedPages
from desk.guard import Guard, reader_of
from desk.inbox.counting import MOST, choices, tallies
from desk.inbox.files import MOST as MOST_FILES
from desk.inbox.files import MOST_BYTES, MOST_REQUEST, attach, chosen, file_of
from desk.inbox.listing import Filters, View, listed
from desk.inbox.mail import html_of, policy_of, raw_mail
from desk.inbox.measuring import measured
from desk.inbox.opened import OpenedPages
from desk.inbox.passing import block, settle_send, transfer, unblock
from desk.inbox.presence import PresenceSwitch
from desk.inbox.refusing import EXPECTED, told, words_of
from desk.inbox.tongues import language_of, named, other_tongue
from desk.rendering import HEADERS, Reader, page, rendered
from desk.search.pages import SearchPages
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)
MAX_FIELDS = 40
MOST_MEGABYTES = MOST_BYTES // 1_000_000
SNOOZES = {"1h": 1, "4h": 4, "tomorrow": 24, "week": 7 * 24}
"""Hours of business time."""


class InboxPages:
    """Reads for everybody at the desk, and acts in an agent's name."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, guard: Guard) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._guard = guard
        self._opened = OpenedPages(store, clock, guard)

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        acts: dict[str, Callable[[Request, SignedIn, str, Any], Awaitable[Response]]] = {
            "answer": self._answer, "note": self._note, "take": self._take, "return": self._return,
            "snooze": self._snooze, "resolve": self._resolve, "leave": self._leave, "measure": self._measure,
            "transfer": self._transfer, "block": self._block, "unblock": self._unblock, "settle": self._settle,
            "tongue": self._tongue,
        }  # fmt: skip
        page_of, acting = self._guard.page, self._acting
        return [
            *CannedPages(self._store, self._clock, self._guard).routes(),
            *PresenceSwitch(self._store, self._guard).routes(),
            *SearchPages(self._store, self._guard).routes(),
            *self._opened.routes(),
            Route("/", page_of(self._home), methods=["GET"]),
            Route("/inbox", page_of(self._inbox), methods=["GET"]),
            Route("/inbox/list", page_of(self._list), methods=["GET"]),
            Route("/inbox/{id}", page_of(self._inbox), methods=["GET"]),
            Route("/inbox/{id}/files/{message}/{place:int}", page_of(self._file), methods=["GET"]),
            Route("/inbox/{id}/mail/{message}", page_of(self._mail), methods=["GET"]),
            *(Route(f"/inbox/{{id}}/{name}", page_of(acting(act)), methods=["POST"]) for name, act in acts.items()),
        ]

    async def reader(self, me: SignedIn) -> Reader:
        """The agent as a reader, in the organisation's zone where they have no own."""
        return reader_of(me, (await self._guard.workspace()).zone)

    async def _home(self, request: Request, me: SignedIn) -> Response:
        return RedirectResponse("/desk/inbox", 303)

    async def _inbox(self, request: Request, me: SignedIn) -> Response:
        filters = Filters.of(request.query_params)
        open_id = request.path_params.get("id", "")
        before = _id(request.query_params.get("before", "")) if open_id else ""
        shown = await self._opened.whole(open_id, me, before) if open_id else None
        workspace = await self._guard.workspace()
        reader, brand = reader_of(me, workspace.zone), workspace.brand.name
        if open_id and shown is None:
            return page("lost.html", reader, 404, brand=brand, why="lost_why", room="inbox")
        async with self._store.read() as connection:
            found, numbers = await listed(connection, filters, me.id), await tallies(connection)
        return page(
            "inbox/page.html", reader, brand=brand, me=me, filters=filters, lines=found, counts=numbers.counts(me.id),
            choices=choices(filters, numbers.facets(me.id)), views=View, most=MOST, now=self._clock.now(),
            more=filters.after(found), open=shown,
        )  # fmt: skip

    async def _list(self, request: Request, me: SignedIn) -> Response:
        filters = Filters.of(request.query_params)
        async with self._store.read() as connection:
            found, numbers = await listed(connection, filters, me.id), await tallies(connection)
        html = rendered(
            "inbox/list.html", await self.reader(me), lines=found, filters=filters, more=filters.after(found), open=None
        )
        told = {"html": html, "counts": numbers.counts(me.id), "facets": numbers.facets(me.id)}
        return JSONResponse(told, headers=dict(HEADERS))

    async def _answer(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        files, place, now = await chosen(form), _id(_text(form, "identity")), self._clock.now()
        token = _text(form, "token")
        async with self._store.write() as connection:
            more = await attach(connection, id_, place, files, now)
            draft = Draft(_text(form, "key"), _text(form, "text"), place, more)
            await answer(connection, id_, me.id, int(token) if token.isdigit() else 0, draft, now)
        for channel in [_text(form, "channel")] if _text(form, "channel") else await self._channels(id_):
            self._wakeup.notify(outbox_topic(channel))
        return self._done(request, id_)

    async def _channels(self, id_: str) -> list[str]:
        async with self._store.read() as connection:
            return list(await connection.scalars(select(_CONVERSATIONS.c.channel).where(_CONVERSATIONS.c.id == id_)))

    async def _file(self, request: Request, me: SignedIn) -> Response:
        asked = request.path_params
        async with self._store.read() as connection:
            kept = await file_of(connection, asked["id"], _id(asked["message"]), asked["place"])
        if kept is None:
            return PlainTextResponse((await self.reader(me)).say("refused_no_file"), 404)
        return Response(kept.content, 200, kept.headers)

    async def _mail(self, request: Request, me: SignedIn) -> Response:
        """A mail's own HTML for the frame; with ``?remote=1`` with pictures from outside."""
        asked = request.path_params
        async with self._store.read() as connection:
            raw = await raw_mail(connection, asked["id"], _id(asked["message"]))
        html = await asyncio.to_thread(html_of, raw) if raw else ""
        if not html:
            return PlainTextResponse((await self.reader(me)).say("mail_plain"), 404)
        allowed = policy_of(remote=request.query_params.get("remote") == "1")
        return HTMLResponse(
            html, 200, {**HEADERS, "content-security-policy": allowed, "referrer-policy": "no-referrer"}
        )

    async def _note(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        if await chosen(form):
            raise Refused("a note carries no files", name="note_files")
        async with self._store.write() as connection:
            await note(connection, id_, me.id, _text(form, "text"), [], self._clock.now())
        return self._done(request, id_)

    async def _measure(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        """How many SMS a draft is, and at which price, in words; empty where it is none."""
        workspace = await self._guard.workspace()
        prices = PriceList.of(workspace, self._clock.now())
        async with self._store.read() as connection:
            found = await measured(connection, prices, _id(_text(form, "identity")), _text(form, "text")[:LONGEST])
        reader, words = reader_of(me, workspace.zone), ""
        if found is not None:
            name, price = ("sms_measure", found.price) if found.price else ("sms_measure_only", "")
            words = reader.say(name, parts=reader.number(found.parts), price=reader.number(price))
        return JSONResponse({"words": words}, headers=dict(HEADERS))

    async def _tongue(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        """A gentle word on a draft in another language than the customer's; empty where nothing is to be said."""
        async with self._store.read() as connection:
            language = await language_of(connection, id_)
        written, words = other_tongue(_text(form, "text")[:LONGEST], language), ""
        if written:
            theirs, yours = named(language, me.locale), named(written, me.locale)
            words = (await self.reader(me)).say("tongue_differs", theirs=theirs, yours=yours)
        return JSONResponse({"words": words}, headers=dict(HEADERS))

    async def _take(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        async with self._store.write() as connection:
            await ownership.take(connection, id_, me.id, actor=_actor(me), now=self._clock.now(), over=_seen(form))
        return self._done(request, id_)

    async def _return(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        async with self._store.write() as connection:
            await ownership.give_back(connection, id_, actor=_actor(me), now=self._clock.now(), over=_seen(form))
        return self._done(request, id_)

    async def _leave(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        async with self._store.write() as connection:
            note, now = _text(form, "text"), self._clock.now()
            await ownership.leave(connection, id_, actor=_actor(me), now=now, note=note, over=_seen(form))
        return self._done(request, id_)

    async def _transfer(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        config, token = await self._guard.workspace(), _text(form, "token")
        seen = int(token) if token.isdigit() else -1
        async with self._store.write() as connection:
            to, now = _text(form, "to"), self._clock.now()
            await transfer(connection, id_, to, seen, config, actor=_actor(me), now=now)
        return self._done(request, id_)

    async def _block(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        async with self._store.write() as connection:
            await block(connection, id_, actor=_actor(me), now=self._clock.now())
        return self._done(request, id_)

    async def _unblock(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        async with self._store.write() as connection:
            await unblock(connection, id_, actor=_actor(me), now=self._clock.now())
        return self._done(request, id_)

    async def _settle(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        arrived, now, message = _text(form, "arrived") == "yes", self._clock.now(), _id(_text(form, "message"))
        async with self._store.write() as connection:
            await settle_send(connection, id_, message, arrived=arrived, actor=_actor(me), now=now)
        return self._done(request, id_)

    async def _snooze(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        now = self._clock.now()
        until = now + timedelta(hours=SNOOZES.get(_text(form, "for"), 1))
        async with self._store.write() as connection:
            await ownership.snooze(connection, id_, until, actor=_actor(me), now=now, over=_seen(form))
        return self._done(request, id_)

    async def _resolve(self, request: Request, me: SignedIn, id_: str, form: Any) -> Response:
        config = await self._guard.workspace()
        async with self._store.write() as connection:
            asked = await end_chat(connection, id_, me.id, config, self._clock.now(), over=_seen(form))
        if asked:
            self._wakeup.notify(outbox_topic(asked))
        return self._done(request, id_)

    def _acting(
        self, act: Callable[[Request, SignedIn, str, Any], Awaitable[Response]]
    ) -> Callable[[Request, SignedIn], Awaitable[Response]]:
        """A form that does something; what is refused is said in words, with 409 where somebody was faster."""

        async def acted(request: Request, me: SignedIn) -> Response:
            id_, length = request.path_params["id"], request.headers.get("content-length", "")
            reader = await self.reader(me)
            if not is_id(id_):
                return told("lost", reader.say("refused_lost"), 404)
            if not length.isdigit() or int(length) > MOST_REQUEST:  # files are kept while they come: bounded before
                return told("refused", reader.say("refused_large", megabytes=reader.number(MOST_MEGABYTES)), 413)
            async with request.form(max_files=MOST_FILES + 1, max_fields=MAX_FIELDS) as form:
                try:
                    return await act(request, me, id_, form)
                except StoreUnavailable:
                    raise
                except EXPECTED as error:
                    async with self._store.read() as connection:
                        return told(*await words_of(connection, error, reader))

        return acted

    def _done(self, request: Request, id_: str) -> Response:
        self._wakeup.notify(DESK)
        if request.headers.get("x-desk") == "part":
            return JSONResponse({"done": True}, headers=dict(HEADERS))
        return RedirectResponse(f"/desk/inbox/{id_}", 303)


def _actor(me: SignedIn) -> Actor:
    return Actor("agent", me.id)


def _text(form: Any, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _seen(form: Any) -> int | None:
    """The token that the page showed: what changed hands since is not acted upon."""
    token = _text(form, "token")
    return int(token) if token.isdigit() else None


def _id(text: str) -> str:
    return text if is_id(text) else ""
