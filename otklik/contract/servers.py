"""A scripted HTTP provider on 127.0.0.1: it answers what its script says and keeps a ledger of what it was asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from aiohttp import web

from otklik.contract.driver import Running


@dataclass(frozen=True)
class Http:
    """One HTTP answer. ``act``: answer it, close the connection without a word, or stay silent."""

    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    act: str = "answer"


DROP, SILENCE = Http(act="drop"), Http(act="silence")


@dataclass(frozen=True)
class Asked:
    """One request as it came: ``path`` with its query, header lines ``Name: value``."""

    method: str
    path: str
    headers: tuple[str, ...]
    body: bytes


@dataclass
class HttpServer:
    """A server under way; ``url`` has no slash at its end. ``bodies`` and ``asked`` grow in the order of arrival."""

    url: str = ""
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    def connections(self) -> int:
        """How many clients hold a connection now."""
        server = self._runner.server if self._runner is not None else None
        if not isinstance(server, web.Server):
            return 0
        return sum(handler.transport is not None for handler in server.connections)

    def spoken(self) -> list[str]:
        """Every request line and header line, in the order of arrival."""
        return [line for asked in self.asked for line in (f"{asked.method} {asked.path}", *asked.headers)]

    def running(self, options: dict[str, object]) -> Running:
        """What a driver's ``provider`` yields: ``options`` are those that lead here."""
        return Running(options, self.bodies, self.spoken, self.connections)


@asynccontextmanager
async def http_server(answer: Http | Sequence[Http]) -> AsyncIterator[HttpServer]:
    """Gives ``answer`` to every request, after having read it whole; of several, each in turn and the last for good."""
    answers = (answer,) if isinstance(answer, Http) else tuple(answer)
    state, closing = HttpServer(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        given = answers[min(len(state.bodies), len(answers) - 1)]
        state.bodies.append(body)
        lines = tuple(f"{name}: {value}" for name, value in request.headers.items())
        state.asked.append(Asked(request.method, request.path_qs, lines, body))
        if given.act == "silence":
            await closing.wait()
        if given.act != "answer" and request.transport is not None:
            request.transport.abort()
        return web.Response(status=given.status, text=given.body, headers=dict(given.headers))

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    state._runner = runner
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    state.port = int(runner.addresses[0][1])
    state.url = f"http://127.0.0.1:{state.port}"
    try:
        yield state
    finally:
        closing.set()
        await runner.cleanup()


@cache
def closed_port() -> int:
    """A port on which nobody listens, and nobody can as long as this process lives: it is ours, and refuses."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    port = int(held.getsockname()[1])
    held.detach()
    return port
