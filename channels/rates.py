"""How fast an account may send: in all, to one recipient, to one group; by every worker together.

A rate is a row of slots, evenly spaced, each for one message: the generic cell rate algorithm (ITU-T I.371), whose
whole state is when the next free slot is. Spacing them means that no stretch of time holds more than the rate, whatever
the network does to the messages on their way. Whoever keeps that state decides who shares the rate: :class:`LocalSlots`
a process, ``storage.rates.SharedSlots`` all workers of a store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from channels.adapter import Capabilities, Rate
from core.clock import uptime

PACE = 0.96
"""Part of the provider's rate that is used: what is late by a network's whim must still fit into it."""
SLICE_SECONDS = 0.2
"""Slots are reserved for so long at once at the most, so that a fast account does not ask for each message."""
MOST_SLOTS = 500
LATE_SECONDS = 0.03
"""A slot that was missed by more is lost: using it now would put two messages where one may be."""
AHEAD_SECONDS = 1.0
"""Nobody reserves further into the future than this."""
IDLE_RECIPIENTS = 4096
NOBODY = ""
"""Stands for the account itself, in the place of a recipient."""


class Slots(Protocol):
    """Keeps when the next slot of an account, or of one of its recipients, is free."""

    async def reserve(
        self, account: str, recipient: str, interval: float, count: int, ahead: float
    ) -> tuple[float, bool]:
        """Reserve ``count`` slots, ``interval`` seconds apart, the first at most ``ahead`` seconds from now.

        Gives (seconds until the first, True), or (seconds until it is worth asking again, False) and reserves nothing.

        Raises:
            StoreUnavailable: nobody knows; nothing is reserved.
        """
        ...


class LocalSlots:
    """Slots of this process alone."""

    def __init__(self, now: Callable[[], float] = uptime) -> None:
        self._now = now
        self._next: dict[tuple[str, str], float] = {}
        self._sweep_at = IDLE_RECIPIENTS

    async def reserve(
        self, account: str, recipient: str, interval: float, count: int, ahead: float
    ) -> tuple[float, bool]:
        now = self._now()
        first = max(self._next.get((account, recipient), now), now)
        if first - now > ahead:
            return first - now - ahead, False
        if len(self._next) >= self._sweep_at:
            self._forget(now)
        self._next[account, recipient] = first + count * interval
        return first - now, True

    def _forget(self, now: float) -> None:
        """Drop who has waited long enough; the next sweep comes when as many again are new."""
        self._next = {key: at for key, at in self._next.items() if at > now}
        self._sweep_at = len(self._next) + IDLE_RECIPIENTS


@dataclass(slots=True)
class _Line:
    """Who wants a slot of an account, first come first served, and the slots that are reserved for them.

    ``count`` were reserved the last time; ``missed`` says that one of them passed unused.
    """

    interval: float
    slots: list[float] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    count: int = 0
    missed: bool = False

    def keep(self, since: float) -> None:
        """Drop the slots before ``since``."""
        kept = [slot for slot in self.slots if slot > since]
        self.missed = self.missed or len(kept) < len(self.slots)
        self.slots = kept

    def wanted(self) -> int:
        """How many to reserve next: one for who comes now and then, more and more for who takes them all.

        What one worker reserves and does not use is lost to the others.
        """
        most = max(1, min(MOST_SLOTS, int(SLICE_SECONDS / self.interval)))
        return 1 if self.missed else max(1, min(most, 2 * self.count))


class RateGate:
    """The rates of every account, as far as this worker is concerned.

    ``scale`` multiplies every rate (a provider of one's own, a demo); it is no way around a real provider's limit.
    """

    def __init__(
        self,
        accounts: Mapping[str, Capabilities],
        *,
        slots: Slots | None = None,
        scale: float = 1.0,
        now: Callable[[], float] = uptime,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if scale <= 0:
            raise ValueError("scale must be above 0")
        self._capabilities = dict(accounts)
        self._scale = scale
        self._slots = slots if slots is not None else LocalSlots(now)
        self._lines = {name: _Line(self._interval(one.rate)) for name, one in accounts.items() if one.rate is not None}
        self._now = now
        self._sleep = sleep

    def ahead(self, account: str, most: int) -> int:
        """How many messages, at most ``most``, are worth having ready: what may leave in a moment."""
        line = self._lines.get(account)
        return most if line is None else max(1, min(most, round(SLICE_SECONDS / line.interval)))

    async def turn(self, account: str, recipient: str, weight: int = 1) -> float:
        """Wait for the turn of a message that the provider counts as ``weight``; 0 once it may leave.

        Where it is the recipient's turn only later it does not wait: it gives the seconds until then, nothing is taken.
        A message of several leaves at the last of its slots, so that it is over the rate by no more than its own parts.

        Raises:
            StoreUnavailable: nobody knows.
        """
        wait = await self.recipient_wait(account, recipient, weight)
        if wait:
            return wait
        asked = self._now()
        for _ in range(weight):
            await self.acquire(account)
        rate, late = self._recipient_rate(account, recipient), self._now() - asked
        if rate is not None and late > LATE_SECONDS:  # the recipient's next turn counts from when this one leaves
            await self._slots.reserve(account, recipient, late, 1, weight * self._interval(rate))
        return 0.0

    async def recipient_wait(self, account: str, recipient: str, weight: int = 1) -> float:
        """Take the recipient's turn; 0 if it was free, else the seconds until it is, and nothing was taken.

        Raises:
            StoreUnavailable: nobody knows.
        """
        rate = self._recipient_rate(account, recipient)
        if rate is None:
            return 0.0
        wait, reserved = await self._slots.reserve(account, recipient, self._interval(rate), weight, LATE_SECONDS)
        return 0.0 if reserved else wait + LATE_SECONDS

    async def acquire(self, account: str) -> None:
        """Wait for the account's next slot. A cancelled wait may have taken one with it, never more than one.

        Raises:
            StoreUnavailable: nobody knows.
        """
        line = self._lines.get(account)
        if line is None:
            return
        async with line.turn:
            while True:
                now = self._now()
                line.keep(now - max(LATE_SECONDS, line.interval / 2))
                if line.slots:
                    slot = line.slots.pop(0)
                    if slot > now:
                        await self._sleep(slot - now)
                    return
                count = line.wanted()
                wait, reserved = await self._slots.reserve(account, NOBODY, line.interval, count, AHEAD_SECONDS)
                if not reserved:
                    await self._sleep(max(wait, 0.001))
                    continue
                line.count, line.missed = count, False
                first = self._now() + wait
                line.slots = [first + number * line.interval for number in range(count)]

    def _recipient_rate(self, account: str, recipient: str) -> Rate | None:
        capabilities = self._capabilities.get(account)
        if capabilities is None:
            return None
        is_group = bool(capabilities.group_prefix) and recipient.startswith(capabilities.group_prefix)
        return capabilities.rate_per_group if is_group else capabilities.rate_per_recipient

    def _interval(self, rate: Rate) -> float:
        """Seconds from slot to slot."""
        return rate.seconds / rate.messages / PACE / self._scale
