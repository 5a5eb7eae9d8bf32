"""The staffed desk, on both databases."""

import pytest

from core.clock import VirtualClock
from storage.store import Store
from tests.bot.handoff.stage import Desk
from tests.bot.topics.stage import Staffed


@pytest.fixture
def staffed(store: Store, clock: VirtualClock) -> Staffed:
    return Staffed(Desk(store, clock))
