"""The page's interface (``/api/…``): people, their phones, deeds, and a WebSocket of what happens."""

import asyncio
import contextlib
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from sandbox.deeds import DEEDS, parse_deed
from sandbox.guard import read_object
from sandbox.people import Person
from sandbox.wire import json_response
from sandbox.world import World

PEOPLE_LIMIT = 200
LEDGER_LATEST = 100


class Api:
    """Routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.get("/api/state", self.state),
            web.get("/api/deeds", self.deeds),
            web.get("/api/ledger", self.ledger),
            web.get("/api/people", self.people),
            web.get("/api/people/{key}", self.person),
            web.get("/api/people/{key}/mail/{number}", self.mail),
            web.post("/api/people/{key}/do", self.do),
            web.get("/api/live", self.live),
        ]

    async def state(self, request: web.Request) -> web.Response:
        """GET state: as the control interface's, with the notices that are kept."""
        return json_response({**self._world.state(), "notices": list(self._world.live.notices)})

    async def deeds(self, request: web.Request) -> web.Response:
        """GET deeds: what people can do, with a line each."""
        return json_response({"deeds": DEEDS})

    async def ledger(self, request: web.Request) -> web.Response:
        """GET ledger?limit=: the latest entries, the newest last."""
        limit = min(int(request.query.get("limit", LEDGER_LATEST)), 1000)
        after = max(0, len(self._world.ledger) - limit)
        return json_response({"entries": [orjson.loads(line) for line in self._world.ledger.lines(after)]})

    async def people(self, request: web.Request) -> web.Response:
        """GET people?query=&active=1&app=&wrote=1&limit=: latest active first, each with the last message per app."""
        query = request.query
        limit = min(max(int(query.get("limit", 50)), 1), PEOPLE_LIMIT)
        active = query.get("active", "") in ("1", "true")
        app = query.get("app") or None
        wrote = query.get("wrote", "") in ("1", "true")
        found = self._world.people.search(query.get("query", ""), active=active, limit=limit, app=app, wrote=wrote)
        return json_response({"total": len(self._world.people), "people": [person.as_json() for person in found]})

    async def person(self, request: web.Request) -> web.Response:
        """GET people/KEY: with all threads."""
        return json_response(self._person(request).as_json(with_threads=True))

    async def mail(self, request: web.Request) -> web.Response:
        """GET people/KEY/mail/ID: {"headers", "text", "html", "links"} of a mail on the phone."""
        number = int(request.match_info["number"])
        thread = (self._person(request).threads or {}).get("email", ())
        message = next((message for message in thread if message.number == number), None)
        letter = self._world.office.letter(message.raw) if message else None
        if letter is None:
            return json_response({"error": f"mail {number} is not here"}, 404)
        return json_response(
            {"headers": letter.headers, "text": letter.text, "html": letter.html, "links": letter.links}
        )

    async def do(self, request: web.Request) -> web.Response:
        """POST people/KEY/do {"do": …}: performed now; {"result": what happened}."""
        person = self._person(request)
        deed = parse_deed(await read_object(request))
        return json_response({"result": await self._world.acting.perform(person, deed)})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """WebSocket live: frames as they happen; ``{"type": "resync"}`` and the end when the page is too slow."""
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=4096)
        await socket.prepare(request)
        queue = self._world.live.join()
        reader = asyncio.create_task(_drain(socket))
        try:
            await socket.send_str(orjson.dumps({"type": "hello", **self._world.state()}).decode())
            while not socket.closed:
                frame = asyncio.ensure_future(queue.get())
                await asyncio.wait((frame, reader), return_when=asyncio.FIRST_COMPLETED)
                if not frame.done():
                    frame.cancel()
                    break
                content: bytes | None = frame.result()
                await socket.send_str((content or b'{"type":"resync"}').decode())
                if content is None:
                    break
        except ConnectionError:
            pass
        finally:
            self._world.live.leave(queue)
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        await socket.close()
        return socket

    def _person(self, request: web.Request) -> Person:
        return self._world.people.get(request.match_info["key"])


async def _drain(socket: web.WebSocketResponse) -> None:
    """Read until the page goes; it has nothing to say."""
    while True:
        message: Any = await socket.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return
