"""What the sandbox's tests share: a started sandbox, people, and a server in the company's place."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
import pytest
from aiohttp import web

from sandbox.server import HttpServer
from sandbox.world import Options, World
from tests.conftest import beside_the_checkout

JSON = {"Content-Type": "application/json"}
START = datetime(2026, 12, 1, 10, tzinfo=UTC)

PEOPLE: list[dict[str, Any]] = [
    {
        "key": "anna",
        "name": "Anna Stone",
        "country": "US",
        "email": "anna@example.org",
        "phone": "+12025550111",
        "sms": True,
        "whatsapp": True,
        "telegram": {"user_id": 5001, "started": True},
    },
    {"key": "boris", "name": "Борис", "lang": "ru", "email": "boris@example.org", "mailbox": "unknown"},
    {"key": "chloe", "name": "Chloe", "email": "chloe@example.org", "mailbox": "full", "phone": "+12025550113"},
    {"key": "dana", "name": "Dana", "email": "dana@example.org", "telegram": {"user_id": 5004}},
]


@dataclass
class Running:
    """A started sandbox, its base URL and a client for its control interface."""

    world: World
    url: str
    client: aiohttp.ClientSession

    async def get(self, path: str, **query: Any) -> Any:
        async with self.client.get(self.url + path, params=query) as response:
            assert response.status == 200, await response.text()
            return orjson.loads(await response.read())

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        async with self.client.post(self.url + path, data=orjson.dumps(body), headers=JSON) as response:
            answer = orjson.loads(await response.read())
            assert response.status == status, answer
            return answer

    async def ledger(self, **query: Any) -> list[dict[str, Any]]:
        async with self.client.get(self.url + "/control/ledger", params=query) as response:
            return [orjson.loads(line) for line in (await response.read()).splitlines()]

    async def do(self, key: str, **deed: Any) -> str:
        return (await self.post(f"/api/people/{key}/do", deed))["result"]

    async def later(self, seconds: float) -> Any:
        """Move the virtual clock on."""
        to = self.world.clock.now() + timedelta(seconds=seconds)
        return await self.post("/control/clock", {"now": to.isoformat()})

    def texts(self, key: str, channel: str) -> list[str]:
        return [message.text for message in self.world.people.get(key).thread(channel)]


@contextlib.asynccontextmanager
async def running(people: list[dict[str, Any]] | None = None, **options: Any) -> AsyncIterator[Running]:
    options.setdefault("virtual_now", START)
    world = World(Options(**options))
    server = HttpServer(world)
    await world.start()
    world.add_people(PEOPLE if people is None else people)
    url = await server.start()
    async with aiohttp.ClientSession() as client:
        try:
            yield Running(world, url, client)
        finally:
            await server.stop()
            await world.stop()


@dataclass
class Received:
    """A request that the company's server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Company:
    """A small server in the company's place: records requests, answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer: Callable[[Received], web.Response] = lambda _: web.Response()
        self.url = ""
        self._arrived = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        received = Received(request.method, request.path_qs, dict(request.headers), await request.read())
        async with self._arrived:
            self.requests.append(received)
            self._arrived.notify_all()
        return self.answer(received)

    async def wait_for(self, count: int, seconds: float = 30) -> list[Received]:
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Company]:
    stand_in = Company()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stand_in
    finally:
        await runner.cleanup()


def spec(name: str) -> Any:
    """A provider's specification from the folder in OTKLIK_PROVIDER_SPECS, or beside the checkout, or a skip."""
    given = os.environ.get("OTKLIK_PROVIDER_SPECS")
    path = Path(given) / name if given else beside_the_checkout(name)
    if path is None or not path.is_file():
        pytest.skip(f"{name} is not at hand: name the folder with it in OTKLIK_PROVIDER_SPECS")
    return orjson.loads(path.read_bytes())
