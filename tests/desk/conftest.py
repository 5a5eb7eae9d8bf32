"""What all tests of the desk share."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from core.agents import Role
from desk.access import passwords
from tests.channels.webchat.stage import Stage
from tests.desk.seats import staffed
from tests.sandbox.browser import browsing


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing: a password is to be hard to guess, not the test to wait for."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with browsing() as started:
        yield started


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A service with two agents, one of whom reads Persian."""
    team = ("ann@example.com", "Ann Stone", "en", Role.AGENT), ("reza@example.com", "رضا کریمی", "fa", Role.AGENT)
    async with staffed(tmp_path, *team) as stage:
        yield stage
