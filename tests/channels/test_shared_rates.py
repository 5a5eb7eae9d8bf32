"""Two workers and one store: together they keep every rate of the provider, and leave little of it unused.

Time is ours and moves only when every session sleeps; the slots are rows of the real databases, which are told that
time instead of their own clock's.
"""

import asyncio
import heapq
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from sqlalchemy import BigInteger, literal

from channels.adapter import Capabilities, Rate
from channels.rates import RateGate
from storage.rates import SharedSlots
from storage.store import Store
from tests.channels.test_rates import most_within

HOPS = 30
"""Turns of the event loop within which a task that was woken, and who waits behind it, sleeps or asks again."""
NOW_AND_THEN = 0.3
SENDING = 0.02
"""Seconds that a provider takes for a message."""


@dataclass
class Time:
    """Seconds that pass once nobody has anything left to do but to sleep."""

    at: float = 1000.0
    asking: int = 0
    _sleeping: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.at + seconds, next(self._numbers), woken))
        await woken

    async def pass_for(self, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Run ``work`` to its end."""
        tasks = asyncio.gather(*work)
        async with asyncio.timeout(120):
            while not tasks.done():
                for _ in range(HOPS):  # whoever was woken comes to its next question, or sleep
                    await asyncio.sleep(0)
                if self.asking:
                    self._answered.clear()
                    await self._answered.wait()
                elif self._sleeping:
                    at, _, woken = heapq.heappop(self._sleeping)
                    self.at = max(self.at, at)
                    woken.set_result(None)
        await tasks


class Asked(SharedSlots):
    """The store's slots; time stands still while they are asked for."""

    def __init__(self, store: Store, time: Time) -> None:
        super().__init__(store)
        self._time = time

    async def reserve(
        self, account: str, recipient: str, interval: float, count: int, ahead: float
    ) -> tuple[float, bool]:
        self._time.asking += 1
        try:
            return await super().reserve(account, recipient, interval, count, ahead)
        finally:
            self._time.asking -= 1
            self._time._answered.set()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    shared = Time()
    monkeypatch.setattr("storage.rates.lease_clock", lambda: literal(round(shared.at * 1_000_000), BigInteger()))
    return shared


Left = dict[str, list[float]]
"""When messages left, by recipient."""


Sessions = list[Coroutine[Any, Any, None]]


def worker(gate: RateGate, time: Time, recipients: list[str], left: Left, sessions: int = 3) -> Sessions:
    """The sessions of a worker with its own queue; what waits for its recipient is put aside, as dispatch does."""
    waiting, aside = deque(recipients), list[tuple[float, int, str]]()
    numbers = count()

    async def session() -> None:
        while waiting or aside:
            if aside and (aside[0][0] <= time.at or not waiting):
                at, _, recipient = heapq.heappop(aside)
                if at > time.at:
                    await time.sleep(at - time.at)
            else:
                recipient = waiting.popleft()
            wait = await gate.turn("bot", recipient)
            if wait:
                heapq.heappush(aside, (time.at + wait, next(numbers), recipient))
                continue
            left[recipient].append(time.at)
            await time.sleep(SENDING)

    return [session() for _ in range(sessions)]


def gates(store: Store, time: Time, **rates: Any) -> tuple[RateGate, RateGate]:
    capabilities = Capabilities("telegram", 4096, group_prefix="-", **rates)
    first, second = (
        RateGate({"bot": capabilities}, slots=Asked(store, time), now=time.now, sleep=time.sleep) for _ in range(2)
    )
    return first, second


def pace(moments: list[float]) -> float:
    """Messages a second, from the first to the last."""
    return (len(moments) - 1) / (max(moments) - min(moments))


async def test_an_account(store: Store, time: Time) -> None:
    left: Left = defaultdict(list)
    both = gates(store, time, rate=Rate(30))
    await time.pass_for(
        one for n, gate in enumerate(both) for one in worker(gate, time, [f"{n}:{i}" for i in range(150)], left)
    )
    moments = sorted(moment for one in left.values() for moment in one)
    assert len(moments) == 300
    assert most_within(moments, 1.0) <= 30
    assert pace(moments) >= 0.9 * 30


@pytest.mark.parametrize(
    ("recipients", "rate", "each"),
    [(("1", "2", "3"), Rate(1), 4), (("-1",), Rate(20, 60), 14)],
    ids=["chats", "groups"],
)
async def test_each_recipient(store: Store, time: Time, recipients: tuple[str, ...], rate: Rate, each: int) -> None:
    left: Left = defaultdict(list)
    both = gates(store, time, rate=Rate(30), rate_per_recipient=Rate(1), rate_per_group=Rate(20, 60))
    await time.pass_for(one for gate in both for one in worker(gate, time, list(recipients) * each, left))
    for recipient in recipients:
        moments = left[recipient]
        assert len(moments) == 2 * each
        assert most_within(moments, rate.seconds) <= rate.messages
        assert pace(moments) >= 0.9 * rate.messages / rate.seconds


async def test_a_recipient_of_a_busy_account(store: Store, time: Time) -> None:
    """Whoever waits for the account's slot as well: the recipient's time counts from when the message leaves."""
    left: Left = defaultdict(list)
    both = gates(store, time, rate=Rate(30), rate_per_recipient=Rate(1))
    crowd = [[f"{n}:{i}" for i in range(150)] for n in range(2)]
    for one in crowd:
        one[::25] = ["anna"] * 6
    await time.pass_for(
        one for gate, theirs in zip(both, crowd, strict=True) for one in worker(gate, time, theirs, left)
    )
    assert len(left["anna"]) == 12
    assert most_within(left["anna"], 1.0) <= 1
    everybody = sorted(moment for one in left.values() for moment in one)
    assert most_within(everybody, 1.0) <= 30


async def test_who_comes_now_and_then_takes_little_from_who_works(store: Store, time: Time) -> None:
    """A slot that one worker reserves and does not use is nobody's."""
    left: Left = defaultdict(list)
    busy, idle = gates(store, time, rate=Rate(30))

    async def now_and_then() -> None:
        for number in range(30):
            assert not await idle.turn("bot", f"reply {number}")
            left["replies"].append(time.at)
            await time.sleep(NOW_AND_THEN)

    await time.pass_for([*worker(busy, time, [str(i) for i in range(250)], left), now_and_then()])
    moments = sorted(moment for one in left.values() for moment in one if moment < 1009)
    assert most_within(moments, 1.0) <= 30
    assert pace(moments) >= 0.9 * 30


async def test_a_message_that_counts_as_several_takes_so_many_slots(store: Store, time: Time) -> None:
    left: Left = defaultdict(list)
    both = gates(store, time, rate=Rate(30), rate_per_recipient=Rate(1))

    async def long_letters(gate: RateGate, name: str) -> None:
        for number in range(25):
            assert not await gate.turn("bot", f"{name}:{number}", 4)
            left[name] += [time.at] * 4
        assert 4 <= await gate.recipient_wait("bot", f"{name}:24") <= 4.2

    await time.pass_for(long_letters(gate, str(n)) for n, gate in enumerate(both))
    moments = sorted(moment for one in left.values() for moment in one)
    assert pace(moments) >= 0.9 * 30
    assert most_within(moments, 1.0) <= 30 + 2 * 3, "no more over the rate than the parts of what is under way"
