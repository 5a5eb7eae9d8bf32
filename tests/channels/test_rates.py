"""Rates, on a clock that moves only when someone sleeps; and shared by several workers, on the database's clock."""

import asyncio
from collections import deque

import pytest
from sqlalchemy import select

from channels.adapter import Capabilities, Rate
from channels.rates import IDLE_RECIPIENTS, LATE_SECONDS, LocalSlots, RateGate
from storage.outbox.columns import table
from storage.rates import FORGOTTEN_SECONDS, SharedSlots
from storage.store import Store
from storage.tables import RateSlot


class Time:
    """Seconds that pass by sleeping only."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)


def gate(time: Time, capabilities: Capabilities, scale: float = 1.0) -> RateGate:
    return RateGate({"bot": capabilities}, scale=scale, now=time.now, sleep=time.sleep)


def rated(rate: Rate | None = None, **more: Rate | str) -> Capabilities:
    return Capabilities("telegram", 4096, rate=rate, **more)  # type: ignore[arg-type]


def most_within(moments: list[float], seconds: float) -> int:
    inside: deque[float] = deque()
    most = 0
    for moment in moments:
        inside.append(moment)
        while inside[0] <= moment - seconds:
            inside.popleft()
        most = max(most, len(inside))
    return most


@pytest.mark.parametrize(
    ("rate", "scale", "seconds", "limit"),
    [(Rate(30), 1.0, 1.0, 30), (Rate(20, 60), 1.0, 60.0, 20), (Rate(30), 10.0, 0.1, 30), (Rate(1000), 1.0, 1.0, 1000),
     (Rate(1, 2.0), 0.5, 4.0, 1)],
)  # fmt: skip
async def test_no_stretch_holds_more_than_the_rate_and_little_less(
    rate: Rate, scale: float, seconds: float, limit: int
) -> None:
    time = Time()
    rates, moments = gate(time, rated(rate), scale), []
    for _ in range(6 * limit + 1):
        await rates.acquire("bot")
        moments.append(time.at)
    assert most_within(moments, seconds) <= limit
    assert 6 * seconds <= moments[-1] - moments[0] <= 6 * seconds / 0.9, "at least 90 % of it while there is work"


async def test_slots_that_a_stall_missed_are_not_made_up_for() -> None:
    time = Time()
    rates, moments = gate(time, rated(Rate(30))), []
    for number in range(200):
        if number == 50:
            time.at += 3.0  # nobody came
        await rates.acquire("bot")
        moments.append(time.at)
    assert most_within(moments, 1.0) <= 30


async def test_one_recipient_waits_while_another_passes() -> None:
    time = Time()
    rates = gate(time, rated(rate_per_recipient=Rate(1)))
    assert await rates.recipient_wait("bot", "anna") == 0
    assert await rates.recipient_wait("bot", "boris") == 0
    wait = await rates.recipient_wait("bot", "anna")
    assert 0.9 < wait < 1.2
    time.at += wait
    assert await rates.recipient_wait("bot", "anna") == 0, "it was told when to come again"


async def test_group_has_a_rate_of_its_own() -> None:
    time = Time()
    rates = gate(time, rated(rate_per_recipient=Rate(1), rate_per_group=Rate(20, 60), group_prefix="-"))
    for recipient, least in (("-100", 3.0), ("100", 1.0)):
        assert await rates.recipient_wait("bot", recipient) == 0
        wait = await rates.recipient_wait("bot", recipient)
        assert least - LATE_SECONDS <= wait < least + 0.3


async def test_waiters_pass_in_the_order_of_their_coming() -> None:
    time = Time()
    rates, order = gate(time, rated(Rate(2))), []

    async def one(number: int) -> None:
        await rates.acquire("bot")
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert order == list(range(20))


async def test_cancelled_wait_lets_the_next_one_in() -> None:
    time = Time()
    blocked = asyncio.Event()

    async def stuck(_: float) -> None:
        blocked.set()
        await asyncio.Event().wait()

    rates = RateGate({"bot": rated(Rate(1))}, now=time.now, sleep=stuck)
    await rates.acquire("bot")
    waiter = asyncio.create_task(rates.acquire("bot"))
    await asyncio.wait_for(blocked.wait(), 60)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    time.at += 2.2  # at most one slot went with it
    await asyncio.wait_for(rates.acquire("bot"), 60)


async def test_account_without_a_rate_never_waits() -> None:
    time = Time()
    rates = gate(time, rated())
    for _ in range(1000):
        await rates.acquire("bot")
        assert await rates.recipient_wait("bot", "anna") == 0
    assert time.at == 1000.0
    assert rates.ahead("bot", 200) == 200


async def test_no_more_is_ready_than_leaves_in_a_moment() -> None:
    assert gate(Time(), rated(Rate(30))).ahead("bot", 200) == 6
    assert gate(Time(), rated(Rate(1, 60))).ahead("bot", 200) == 1


async def test_recipients_long_gone_are_forgotten() -> None:
    time = Time()
    slots = LocalSlots(time.now)
    for number in range(3 * IDLE_RECIPIENTS):
        time.at += 0.002
        await slots.reserve("bot", str(number), 1.0, 1, 0.0)
    assert len(slots._next) <= 2 * IDLE_RECIPIENTS


@pytest.mark.parametrize(
    ("per_second", "rate"),
    [(0, None), (-1, None), (30, Rate(30)), (1.4, Rate(1, 1 / 1.4)), (1.9, Rate(1, 1 / 1.9)), (1 / 3, Rate(1, 3.0))],
)
def test_rate_is_kept_to_the_fraction(per_second: float, rate: Rate | None) -> None:
    """Rounded up it would be over the limit, rounded down under nine tenths of it."""
    assert Rate.of(per_second) == rate


def test_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        gate(Time(), rated(), scale=0)


async def test_workers_share_one_rate(store: Store) -> None:
    """Three workers ask at once, as fast as they can: no two slots are closer than the rate allows."""
    clock = asyncio.get_running_loop().time
    interval, given = 0.02, []

    async def worker() -> None:
        slots = SharedSlots(store)
        while len(given) < 60:
            asked = clock()
            wait, reserved = await slots.reserve("bot", "", interval, 3, 0.5)
            if reserved:
                given.extend((asked, clock(), wait + number * interval) for number in range(3))
            else:
                await asyncio.sleep(wait)

    async with asyncio.timeout(120):
        await asyncio.gather(*(worker() for _ in range(3)))
    # the database read its clock between asking and answering: a slot lies between these two
    earliest = sorted(asked + wait for asked, _, wait in given)
    latest = sorted(answered + wait for _, answered, wait in given)
    spans = [latest[at + 20] - earliest[at] for at in range(len(given) - 20)]
    assert min(spans) >= 20 * interval * 0.999


async def test_slot_too_far_ahead_is_not_reserved(store: Store) -> None:
    slots = SharedSlots(store)
    assert await slots.reserve("bot", "anna", 60.0, 1, 0.0) == (0.0, True)
    wait, reserved = await slots.reserve("bot", "anna", 60.0, 1, 0.0)
    assert not reserved
    assert 30 < wait <= 60
    assert await slots.reserve("bot", "boris", 60.0, 1, 0.0) == (0.0, True)


async def test_store_keeps_no_recipient(store: Store) -> None:
    slots = SharedSlots(store)
    await slots.reserve("bot", "", 1.0, 1, 0.0)
    await slots.reserve("bot", "+12025550100", -2.0 * FORGOTTEN_SECONDS, 1, 0.0)
    rows = select(table(RateSlot))
    async with store.read() as connection:
        assert "+1202" not in str((await connection.execute(rows)).all())
    await slots.forget()
    async with store.read() as connection:
        assert [row.recipient for row in await connection.execute(rows)] == [""]
