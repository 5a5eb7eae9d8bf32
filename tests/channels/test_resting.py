"""A channel whose provider is away rests, and begins again by itself."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from channels.dispatch import ChannelDispatcher
from channels.journal import Journal
from channels.rates import RateGate
from channels.resting import FAULT_SECONDS, FIRST_REST, LONGEST_REST, MISSES, Rest
from core.dispatching import Ended
from core.errors import ChannelFault, ProviderAway, TransientFailure
from core.outcomes import OutcomeKind
from core.wakeup import LocalWakeup
from tests.channels.test_pipelined_dispatch import SOON, Composer, Outbox, Provider, stopped

AWAY = ProviderAway("cannot reach the provider: connection refused")


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def missing(rest: Rest, times: int, error: ProviderAway = AWAY) -> None:
    for _ in range(times):
        rest.missed(error)


def test_one_miss_is_a_hiccup(time: Time) -> None:
    rest = Rest("sms", "sms", time)
    missing(rest, MISSES - 1)
    rest.answered()
    missing(rest, MISSES - 1)
    assert not rest.now
    assert rest.why == ""
    rest.missed(AWAY)
    assert rest.now
    assert rest.why == AWAY.detail


def test_each_rest_is_twice_as_long_up_to_a_bound(time: Time) -> None:
    rest = Rest("sms", "sms", time)
    missing(rest, MISSES)
    seconds = []
    for _ in range(8):
        began = time.now
        missing(rest, 5)  # those who were under way with it
        while rest.now:
            time.now += 0.5
        seconds.append(time.now - began)
        rest.missed(AWAY)
    assert seconds == [FIRST_REST, 2, 4, 8, 16, LONGEST_REST, LONGEST_REST, LONGEST_REST]
    rest.worked()
    assert rest.why == ""
    missing(rest, MISSES)
    time.now += LONGEST_REST
    missing(rest, 1)
    time.now += FIRST_REST + 0.1
    assert rest.now, "the second rest after it had worked"
    time.now += FIRST_REST
    assert not rest.now


def test_who_says_how_long_is_believed_within_bounds(time: Time) -> None:
    rest = Rest("email", "email", time)
    missing(rest, MISSES, ProviderAway("all mail servers rest", retry_after=12.0))
    time.now += 11
    assert rest.now
    time.now += 2
    assert not rest.now
    missing(rest, 1, ProviderAway("all mail servers rest", retry_after=1e9))
    time.now += LONGEST_REST
    assert not rest.now


def test_a_fault_rests_at_once(time: Time) -> None:
    rest = Rest("sms", "sms", time)
    rest.fault(ChannelFault("wrong token"))
    time.now += FAULT_SECONDS - 1
    assert rest.now
    assert rest.why == "wrong token"
    time.now += 1
    assert not rest.now
    assert rest.why == "wrong token", "until a message is accepted"


class Returning(Outbox):
    """What was not sent is to be claimed again; counts how often each came back."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.returned: Counter[str] = Counter()
        self._claims = {claim.message_id: claim for claim in self.waiting}

    async def record(self, ended: Sequence[Ended]) -> None:
        for end in ended:
            if end.outcome.kind is OutcomeKind.NOT_SENT:
                self.returned[end.message_id] += 1
                self.waiting.append(self._claims[end.message_id])
        await super().record([end for end in ended if end.outcome.kind is not OutcomeKind.NOT_SENT])


async def test_few_are_tried_while_the_provider_is_away_and_all_leave_when_it_is_back(tmp_path: Path) -> None:
    away, tried = True, 0
    rested = asyncio.Event()

    async def meanwhile(_: str) -> None:
        nonlocal tried
        await asyncio.sleep(0)
        if away:
            tried += 1
            if one.fault:
                rested.set()
            raise AWAY

    outbox = Returning(2000)
    provider = Provider(4, meanwhile)
    rates = RateGate({"email": provider.capabilities})
    one = ChannelDispatcher(provider, outbox, Composer(), rates, Journal(tmp_path / "journal"), LocalWakeup())
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(2 * SOON):
        await rested.wait()
        assert one.fault == AWAY.detail
        assert tried <= 100, "not all of them, over and over"
        away = False
        await outbox.all_ended.wait()
    await stopped(running)
    assert one.fault == ""
    assert outbox.of(OutcomeKind.ACCEPTED) == set(outbox.ids)
    assert max(outbox.returned.values()) <= 5


async def test_an_answer_that_asks_to_wait_is_no_absence(tmp_path: Path) -> None:
    async def busy(id_: str) -> None:
        await asyncio.sleep(0)
        if not outbox.returned[id_]:
            raise TransientFailure("too many requests", retry_after=1.0)

    outbox = Returning(200)
    provider = Provider(4, busy)
    rates = RateGate({"email": provider.capabilities})
    one = ChannelDispatcher(provider, outbox, Composer(), rates, Journal(tmp_path / "journal"), LocalWakeup())
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(SOON):
        await outbox.all_ended.wait()
    await stopped(running)
    assert set(outbox.returned.values()) == {1}
    assert one.fault == ""
