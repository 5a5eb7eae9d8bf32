"""The providers' business clock and what is due on it: status callbacks, answers of scripted customers.

Two modes. *Fixed*: time stands still until it is set, and setting it performs everything that falls due on the way.
*Flowing*: time goes by (from now, or from a given instant) and a task performs what falls due.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

Action = Callable[[], Awaitable[object]]

CONCURRENT_ACTIONS = 32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_log = logging.getLogger("sandbox.clock")


def to_micros(instant: datetime) -> int:
    """Microseconds since the epoch of an aware ``instant``."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no zone: write it with Z or an offset, as 2026-12-01T10:00:00Z")
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC instant of ``micros`` since the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


def parse_instant(text: str) -> datetime:
    """An aware instant from ISO 8601 ``text``; ValueError says what to write."""
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text!r} is not an instant: write it as 2026-12-01T10:00:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: write it with Z or an offset, as 2026-12-01T10:00:00Z")
    return instant.astimezone(UTC)


def iso(micros: int) -> str:
    """``micros`` since the epoch as ISO 8601 with a Z."""
    return from_micros(micros).isoformat().replace("+00:00", "Z")


class ClockBackwardsError(ValueError):
    """The clock was asked to go back."""


class BusinessClock:
    """One clock for all providers, with one heap of actions ordered by (instant, order of scheduling)."""

    def __init__(self, fixed_at: datetime | None = None) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._order = itertools.count()
        self._fixed: int | None = None if fixed_at is None else to_micros(fixed_at)
        self._base = time.time_ns() // 1000
        self._base_monotonic = time.monotonic_ns()
        self._setting = asyncio.Lock()
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(CONCURRENT_ACTIONS)
        self.performed = 0
        self.failed = 0

    @property
    def flowing(self) -> bool:
        """Whether time goes by on its own."""
        return self._fixed is None

    def micros(self) -> int:
        """Now, in microseconds since the epoch."""
        if self._fixed is not None:
            return self._fixed
        return self._base + (time.monotonic_ns() - self._base_monotonic) // 1000

    def now(self) -> datetime:
        """Now, as an aware UTC datetime."""
        return from_micros(self.micros())

    def schedule(self, seconds: float, action: Action) -> None:
        """Perform ``action`` in ``seconds`` of business time; on a fixed clock not before it is set again."""
        self.schedule_at(self.micros() + int(seconds * 1_000_000), action)

    def schedule_at(self, micros: int, action: Action) -> None:
        """Perform ``action`` at ``micros`` since the epoch."""
        heapq.heappush(self._heap, (micros, next(self._order), action))
        if self._heap[0][0] == micros:
            self._changed.set()

    @property
    def pending(self) -> int:
        """How many actions wait or run."""
        return len(self._heap) + len(self._running)

    def next(self) -> int | None:
        """The instant (microseconds) of the earliest action that waits."""
        return self._heap[0][0] if self._heap else None

    async def set(self, to: datetime, *, flow: bool = False) -> int:
        """Set the clock forward, performing all that falls due, in order of instant and each to its end.

        Actions of one instant run side by side, at most CONCURRENT_ACTIONS of them; those they schedule up to ``to``
        run as well. Returns how many ran. With ``flow`` time goes by from ``to`` on.
        """
        target = to_micros(to)
        async with self._setting:
            now = self.micros()
            if target < now:
                raise ClockBackwardsError(f"the clock shows {iso(now)} and does not go back to {iso(target)}")
            self._fixed = now
            if self._running:
                await asyncio.gather(*self._running, return_exceptions=True)
            before = self.performed
            while self._heap and self._heap[0][0] <= target:
                at = self._heap[0][0]
                self._fixed = max(self._fixed, at)
                batch = []
                while self._heap and self._heap[0][0] == at:
                    batch.append(heapq.heappop(self._heap)[2])
                if len(batch) == 1:
                    await self._perform(batch[0])
                else:
                    await asyncio.gather(*(self._perform(action) for action in batch))
            self._fixed = target
            if flow:
                self._base, self._base_monotonic, self._fixed = target, time.monotonic_ns(), None
                self._changed.set()
            return self.performed - before

    async def run(self) -> None:
        """Perform what falls due while time flows; runs until cancelled."""
        while True:
            self._changed.clear()
            if self._fixed is None:
                now = self.micros()
                while self._heap and self._heap[0][0] <= now:
                    task = asyncio.create_task(self._perform(heapq.heappop(self._heap)[2]))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
            wait = None
            if self._fixed is None and self._heap:
                wait = max(0.0, (self._heap[0][0] - self.micros()) / 1_000_000)
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _perform(self, action: Action) -> None:
        async with self._slots:
            try:
                await action()
            except Exception:  # noqa: BLE001 - one customer's mishap must not stop the clock
                self.failed += 1
                _log.exception("an action of the sandbox failed")
            finally:
                self.performed += 1
