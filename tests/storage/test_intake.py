"""How deliveries gather for a common commit, without a database: what is stored is tried with the processing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest

from core.clock import VirtualClock
from core.errors import StoreUnavailable
from core.messages import RawInbound
from storage import intake as intake_module
from storage.intake import Intake
from storage.sqlite import Statement
from storage.store import Store
from tests.conftest import NOW

LONG = 60.0


class _Counting:
    """Counts the rows of each commit, in place of a store."""

    dialect = "postgresql"

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    async def write_at_once(self, statements: Sequence[Statement]) -> None:
        self.groups += [len(rows) for _, rows in statements]  # one statement, as on PostgreSQL
        await self.open.wait()


@pytest.fixture
def counting() -> _Counting:
    return _Counting()


@pytest.fixture
async def intake(counting: _Counting) -> AsyncIterator[Intake]:
    async with Intake(cast("Store", counting), VirtualClock(NOW), waiting=20) as intake:
        yield intake


def _begin(intake: Intake, count: int) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(intake.store([RawInbound("bot", "telegram", str(key), b"{}")])) for key in range(count)]


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_group_waits_for_half_as_many_as_the_one_before(
    intake: Intake, counting: _Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "GATHER_SECONDS", LONG)
    async with asyncio.timeout(LONG / 2):
        await asyncio.gather(*_begin(intake, 10))
        some = _begin(intake, 4)
        await _settle()
        assert counting.groups == [10]
        await asyncio.gather(*some, *_begin(intake, 1))
    assert counting.groups == [10, 5]


async def test_who_comes_alone_after_many_does_not_wait_for_more(
    intake: Intake, counting: _Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(LONG / 2):
        await asyncio.gather(*_begin(intake, 10))
        await asyncio.gather(*_begin(intake, 1))  # for some milliseconds only
        monkeypatch.setattr(intake_module, "GATHER_SECONDS", LONG)
        await asyncio.gather(*_begin(intake, 1))  # not at all
    assert counting.groups == [10, 1, 1]


async def test_the_next_group_gathers_while_one_is_committed_and_beyond_the_bound_nobody_is_taken(
    intake: Intake, counting: _Counting
) -> None:
    counting.open.clear()
    first = _begin(intake, 1)
    await _settle()
    waiting = _begin(intake, 20)
    await _settle()
    with pytest.raises(StoreUnavailable, match="too many"):
        await intake.store([RawInbound("bot", "telegram", "one more", b"{}")])
    assert not any(task.done() for task in (*first, *waiting))
    counting.open.set()
    await asyncio.gather(*first, *waiting)
    assert counting.groups == [1, 20]


async def test_who_still_waits_at_the_end_is_told_that_nothing_was_stored(counting: _Counting) -> None:
    counting.open.clear()
    async with Intake(cast("Store", counting), VirtualClock(NOW)) as intake:
        first = _begin(intake, 1)
        await _settle()
        waiting = _begin(intake, 3)
        await _settle()
    told = await asyncio.gather(*first, *waiting, return_exceptions=True)
    assert [type(one) for one in told] == [StoreUnavailable] * 4


async def test_one_who_goes_away_takes_nobody_along(intake: Intake, counting: _Counting) -> None:
    counting.open.clear()
    tasks = _begin(intake, 3)
    await _settle()
    tasks[1].cancel()
    counting.open.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [type(None), asyncio.CancelledError, type(None)]
