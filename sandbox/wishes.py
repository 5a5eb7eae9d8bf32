"""What the visitor of the page asks the director of the scene for (move time on, break something)."""

import asyncio
import time
from typing import Any

KEPT = 200
ATTENTION = 120.0  # seconds a director may be busy with a wish before it counts as gone


class Wishes:
    """Numbered wishes, waited for by long polling."""

    def __init__(self) -> None:
        self._wishes: list[dict[str, Any]] = []
        self._last = 0
        self._arrived = asyncio.Condition()
        self._asked = float("-inf")
        self._waiting = 0

    @property
    def attended(self) -> bool:
        """Whether a director listens: it waits for wishes, or did a moment ago."""
        return self._waiting > 0 or time.monotonic() - self._asked < ATTENTION

    async def add(self, wish: dict[str, Any]) -> int:
        """Record a wish; its number."""
        async with self._arrived:
            self._last += 1
            self._wishes = [*self._wishes[-KEPT + 1 :], {**wish, "n": self._last}]
            self._arrived.notify_all()
            return self._last

    async def after(self, number: int, seconds: float) -> list[dict[str, Any]]:
        """Wishes above ``number``; waits up to ``seconds`` for one."""
        async with self._arrived:
            self._waiting += 1
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait_for(lambda: self._last > number)
            except TimeoutError:
                return []
            finally:
                self._waiting -= 1
                self._asked = time.monotonic()
            return [wish for wish in self._wishes if wish["n"] > number]
