"""A scripted HTTP provider on 127.0.0.1: it answers what its script says and keeps what it was asked."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Http:
    """One HTTP answer. ``act``: answer it, close the connection without a word, or stay silent."""

    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    act: str = "answer"


DROP, SILENCE = Http(act="drop"), Http(act="silence")


@dataclass
class HttpServer:
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def http_server(answer: Http) -> AsyncIterator[HttpServer]:
    """Gives ``answer`` to every request, after having read it whole."""
    state, closing = HttpServer(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        state.bodies.append(await request.read())
        if answer.act == "silence":
            await closing.wait()
        if answer.act != "answer":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=answer.status, text=answer.body, headers=dict(answer.headers))

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    state.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield state
    finally:
        closing.set()
        await runner.cleanup()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
