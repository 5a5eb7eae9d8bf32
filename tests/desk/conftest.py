"""What all tests of the desk share."""

import pytest
from argon2 import PasswordHasher

from desk.access import passwords


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing: a password is to be hard to guess, not the test to wait for."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
