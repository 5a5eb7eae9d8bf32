"""Waiting for a condition, with a deadline: the only place of these suites that sleeps."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.005


async def until(condition: Callable[[], T | Awaitable[T]], what: str, seconds: float = 180.0) -> T:
    """The first true value of ``condition``; fails, saying ``what`` was waited for, after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        await asyncio.sleep(LOOK_SECONDS)
