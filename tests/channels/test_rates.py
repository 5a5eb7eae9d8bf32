"""Rates, on a clock that moves only when someone sleeps."""

import asyncio
from collections import deque

import pytest

from channels.adapter import Capabilities, Rate
from channels.rates import IDLE_RECIPIENTS, RateGate


class Time:
    """Milliseconds that pass by sleeping only."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.ms += max(1, round(seconds * 1000))
        await asyncio.sleep(0)


def gate(time: Time, rate: Rate | None, per_recipient: Rate | None = None, scale: float = 1.0) -> RateGate:
    capabilities = Capabilities("telegram", 4096, rate=rate, rate_per_recipient=per_recipient)
    return RateGate({"bot": capabilities}, scale=scale, now_ms=time.now, sleep=time.sleep)


async def passed(rates: RateGate, time: Time, count: int, *, recipients: int) -> list[int]:
    """The milliseconds at which ``count`` messages passed, to so many recipients in turn."""
    moments = []
    for number in range(count):
        await rates.acquire("bot", str(number % recipients))
        moments.append(time.ms)
    return moments


def most_within(moments: list[int], window_ms: int) -> int:
    inside: deque[int] = deque()
    most = 0
    for moment in moments:
        inside.append(moment)
        while inside[0] <= moment - window_ms:
            inside.popleft()
        most = max(most, len(inside))
    return most


@pytest.mark.parametrize(
    ("rate", "scale", "window_ms", "limit"),
    [
        (Rate(30), 1.0, 1000, 30),
        (Rate(20, 60), 1.0, 60_000, 20),
        (Rate(30), 10.0, 100, 30),
        (Rate(1, 2.0), 0.5, 4000, 1),
    ],
)
async def test_no_window_holds_more_than_the_rate_and_little_less(
    rate: Rate, scale: float, window_ms: int, limit: int
) -> None:
    time = Time()
    moments = await passed(gate(time, rate, scale=scale), time, 6 * limit, recipients=1000)
    assert most_within(moments, window_ms) <= limit
    assert moments[-1] - moments[0] <= 6 * window_ms


async def test_one_recipient_waits_while_another_passes() -> None:
    time = Time()
    rates = gate(time, Rate(30), Rate(1))
    await rates.acquire("bot", "anna")
    await rates.acquire("bot", "boris")
    assert time.ms == 1_000_000
    await rates.acquire("bot", "anna")
    assert time.ms > 1_000_990


async def test_a_bounded_wait_gives_up_at_once_and_takes_nothing() -> None:
    time = Time()
    rates = gate(time, Rate(1, 10.0))
    assert await rates.acquire_within(1, "bot", "anna")
    assert not await rates.acquire_within(1, "bot", "anna")
    assert time.ms == 1_000_000
    assert await rates.acquire_within(11, "bot", "anna")
    assert time.ms <= 1_010_100


async def test_a_cancelled_wait_takes_nothing_and_lets_the_next_one_in() -> None:
    time = Time()
    blocked = asyncio.Event()

    async def stuck(_: float) -> None:
        blocked.set()
        await asyncio.Event().wait()

    rates = RateGate({"bot": Capabilities("telegram", 1, rate=Rate(1))}, now_ms=time.now, sleep=stuck)
    await rates.acquire("bot", "anna")
    waiter = asyncio.create_task(rates.acquire("bot", "anna"))
    await asyncio.wait_for(blocked.wait(), 5)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    time.ms += 1001
    assert await asyncio.wait_for(rates.acquire_within(0, "bot", "anna"), 5)


async def test_waiters_pass_in_the_order_of_their_coming() -> None:
    time = Time()
    rates, order = gate(time, Rate(2)), []

    async def one(number: int) -> None:
        await rates.acquire("bot", str(number))
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert order == list(range(20))


async def test_an_account_without_a_rate_never_waits() -> None:
    time = Time()
    await passed(gate(time, None), time, 10_000, recipients=1)
    assert time.ms == 1_000_000


async def test_recipients_long_gone_are_forgotten() -> None:
    time = Time()
    rates = gate(time, None, Rate(1))
    for number in range(3 * IDLE_RECIPIENTS):
        time.ms += 2
        await rates.acquire("bot", str(number))
    assert len(rates._recipients) <= 2 * IDLE_RECIPIENTS


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        gate(Time(), None, scale=0)
