"""What the parts of the suite share: parametrisation by a driver's facts and samples, and waiting without guessing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from channels.adapter import Adapter
from otklik.contract.driver import Driver
from otklik.contract.facts import Fact

DEADLINE = 10.0
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
        """The adapter, not yet open; without options it leads where nobody listens."""
        return self.driver.adapter(self.driver.unreachable() if options is None else options)

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
