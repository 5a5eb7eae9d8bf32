"""A sandbox with its listeners in this process, on a virtual clock; and a server in the company's place."""

from collections.abc import AsyncIterator

import pytest_asyncio

from otklik.demo.processes import kept_port
from tests.sandbox.scene import Company, Running, listening, running


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Running]:
    with kept_port() as port:  # the mailbox finds it free when it comes back
        async with running(imap_port=port) as started:
            yield started


@pytest_asyncio.fixture
async def company() -> AsyncIterator[Company]:
    async with listening() as stand_in:
        yield stand_in
