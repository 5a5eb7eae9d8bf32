"""A place on each database."""

import pytest

from storage.store import Store
from tests.campaigns.starts.place import Place


@pytest.fixture
async def place(store: Store) -> Place:
    made = Place(store)
    await made.begin()
    return made
