"""How fast an account may send, in all and to one recipient: sliding windows by pyrate-limiter, in memory.

The windows are the library's; the waiting is ours, in turn, so that a waiter can be cancelled without having taken
anything, and the clock can be a test's. Scaled out, each worker has its share of the account's rate.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from pyrate_limiter import InMemoryBucket, RateItem
from pyrate_limiter import Rate as Window

from channels.adapter import Capabilities, Rate

SHORTEST_MS = 20  # a window below it would be mostly rounding
IDLE_RECIPIENTS = 4096
GRACE_SECONDS = 0.05  # lets a sleep that ends at the deadline still take its turn


def monotonic_ms() -> int:
    """Machine time in milliseconds."""
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class _Gate:
    """One window and those who wait for it, first come first served."""

    bucket: InMemoryBucket
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    inside: int = 0


class RateGate:
    """The gates of every account.

    ``scale`` multiplies every rate (a provider of one's own, a demo); it is no way around a real provider's limit.
    """

    def __init__(
        self,
        accounts: Mapping[str, Capabilities],
        *,
        scale: float = 1.0,
        now_ms: Callable[[], int] = monotonic_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if scale <= 0:
            raise ValueError("scale must be above 0")
        self._windows = {name: _window(capabilities.rate, scale) for name, capabilities in accounts.items()}
        self._recipient_windows = {
            name: _window(capabilities.rate_per_recipient, scale) for name, capabilities in accounts.items()
        }
        self._accounts: dict[str, _Gate] = {}
        self._recipients: dict[tuple[str, str], _Gate] = {}
        self._sweep_at = IDLE_RECIPIENTS
        self._now_ms = now_ms
        self._sleep = sleep

    async def acquire(self, account: str, recipient: str) -> None:
        """Wait until a message may go from ``account`` to ``recipient``, however long that takes.

        The recipient's turn comes first: whoever waits for it takes nothing of the account's rate. A cancelled wait has
        taken nothing of it either.
        """
        for gate in self._gates(account, recipient):
            await self._pass(gate, None)

    async def acquire_within(self, seconds: float, account: str, recipient: str) -> bool:
        """As :meth:`acquire`, but False, at once where that can be known, if it would take over ``seconds``."""
        deadline = self._now_ms() + round(seconds * 1000)
        for gate in self._gates(account, recipient):
            if not await self._pass(gate, deadline):
                return False
        return True

    def _gates(self, account: str, recipient: str) -> Iterator[_Gate]:
        window = self._recipient_windows.get(account)
        if window is not None:
            yield self._recipient_gate(account, recipient, window)
        window = self._windows.get(account)
        if window is not None:
            if account not in self._accounts:
                self._accounts[account] = _Gate(InMemoryBucket([window]))
            yield self._accounts[account]

    async def _pass(self, gate: _Gate, deadline: int | None) -> bool:
        gate.inside += 1
        remaining = None if deadline is None else max(0, deadline - self._now_ms()) / 1000 + GRACE_SECONDS
        try:
            async with asyncio.timeout(remaining):
                async with gate.turn:
                    return await self._take(gate.bucket, deadline)
        except TimeoutError:
            return False  # too many stand in line before this one
        finally:
            gate.inside -= 1

    async def _take(self, bucket: InMemoryBucket, deadline: int | None) -> bool:
        while True:
            now = self._now_ms()
            _forget(bucket, now)
            item = RateItem("message", now)
            if bucket.put(item):
                return True
            wait = max(1, cast("int", bucket.waiting(item)))  # a bucket in memory answers at once
            if deadline is not None and now + wait > deadline:
                return False
            await self._sleep(wait / 1000)

    def _recipient_gate(self, account: str, recipient: str, window: Window) -> _Gate:
        gate = self._recipients.get((account, recipient))
        if gate is None:
            if len(self._recipients) >= self._sweep_at:
                self._sweep()
            gate = self._recipients[account, recipient] = _Gate(InMemoryBucket([window]))
        return gate

    def _sweep(self) -> None:
        """Drop the gates that hold nothing any more; the next sweep comes when as many again are new."""
        now = self._now_ms()
        for key, gate in list(self._recipients.items()):
            if gate.inside == 0:
                gate.bucket.leak(now)
                if gate.bucket.count() == 0:
                    del self._recipients[key]
        self._sweep_at = len(self._recipients) + IDLE_RECIPIENTS


def _window(rate: Rate | None, scale: float) -> Window | None:
    """``rate`` times ``scale`` as messages in whole milliseconds."""
    if rate is None:
        return None
    messages, milliseconds = rate.messages, rate.seconds * 1000 / scale
    if milliseconds < SHORTEST_MS:
        messages, milliseconds = max(1, round(messages * SHORTEST_MS / milliseconds)), SHORTEST_MS
    return Window(messages, max(1, round(milliseconds)))


def _forget(bucket: InMemoryBucket, now: int) -> None:
    """Drop what left the window once that is most of the list; the library would need a thread for it."""
    if bucket.count() > 2 * bucket.rates[0].limit:
        bucket.leak(now)
