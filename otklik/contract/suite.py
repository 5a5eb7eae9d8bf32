"""What the parts of the suite share: parametrisation by a driver's facts and samples, and waiting without guessing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from channels.adapter import Adapter
from core.errors import SendFailure, TransientFailure
from otklik.contract.driver import Driver, Running
from otklik.contract.facts import SILENT, Fact

DEADLINE = 60.0
"""Seconds that a condition may take to come true."""


@pytest.mark.usefixtures("loopback_only")
class Contract:
    """A test class over one driver; what it asks for as ``fact`` or ``sample`` comes from there."""

    driver: Driver

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each fact, or for each captured payload."""
        if "fact" in metafunc.fixturenames:
            facts = self.driver.facts
            metafunc.parametrize("fact", facts, ids=[fact.name for fact in facts])
        if "sample" in metafunc.fixturenames:
            metafunc.parametrize("sample", sorted(self.driver.inbound()))

    def make(self, options: Mapping[str, object] | None = None) -> Adapter:
        """The adapter, not yet open; without options it leads where nobody listens, and has time to find that out."""
        return self.driver.adapter(self.driver.patient(self.driver.unreachable()) if options is None else options)

    @asynccontextmanager
    async def facing(self, fact: Fact) -> AsyncIterator[tuple[Running, Adapter]]:
        """A provider that does as ``fact`` says, and the adapter before it, open.

        Its own time-outs are for silence only: on a busy machine an answer at once may take longer than they do.
        """
        async with self.driver.provider(fact.script) as provider:
            options = provider.options if fact.name == SILENT else self.driver.patient(provider.options)
            async with opened(self.make(options)) as adapter:
                yield provider, adapter

    async def unanswered(self, provider: Running, adapter: Adapter) -> SendFailure:
        """How a send ends before a silent provider, within the driver's patience.

        One that a busy machine did not even bring there within the time-out met no silence; the next one may.
        """
        async with asyncio.timeout(self.driver.patience):
            while True:
                with pytest.raises(SendFailure) as caught:
                    await adapter.send(self.driver.message)
                if provider.taken() or not isinstance(caught.value, TransientFailure):
                    return caught.value

    def needed(self, name: str) -> Fact:
        """The fact of that name; a driver that says why it has none skips the test."""
        found = self.driver.fact(name)
        if found is None:
            if name in self.driver.lacks:
                pytest.skip(f"{self.driver.kind} has no {name!r}: {self.driver.lacks[name]}")
            pytest.fail(f"the driver of {self.driver.kind} has no fact {name!r}")
        return found


@asynccontextmanager
async def opened(adapter: Adapter) -> AsyncIterator[Adapter]:
    """The adapter, open; closed at the end."""
    await adapter.open()
    try:
        yield adapter
    finally:
        await adapter.close()


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for ``condition``; the test fails after :data:`DEADLINE` seconds."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - a provider's ledger rings no bell
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"{what} did not come about in {DEADLINE:g} seconds")
