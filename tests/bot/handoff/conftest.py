"""The desk fixture, on both databases."""

import pytest

from core.clock import VirtualClock
from storage.store import Store
from tests.bot.handoff.stage import Desk


@pytest.fixture
def desk(store: Store, clock: VirtualClock) -> Desk:
    return Desk(store, clock)
