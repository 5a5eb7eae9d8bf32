import pytest

from storage.store import Store
from tests.bot.scene import Scene


@pytest.fixture
def scene(store: Store) -> Scene:
    """Customers on journeys, on each database."""
    return Scene(store)
