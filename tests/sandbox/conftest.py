"""A sandbox with its listeners in this process, on a virtual clock; and a server in the company's place."""

from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import web

from tests.sandbox.scene import Company, Running, running


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Running]:
    async with running() as started:
        yield started


@pytest_asyncio.fixture
async def company() -> AsyncIterator[Company]:
    stand_in = Company()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    await runner.cleanup()
