"""Deadlines of many waits by one timer: each ends as ``asyncio.timeout`` would end it."""

import asyncio
from time import monotonic

import pytest

from channels.deadlines import LOOKS, Deadlines, Within

SHORT, LONG = 0.05, 60.0


async def _wait(deadlines: Deadlines, seconds: float, event: asyncio.Event) -> str:
    try:
        with Within(deadlines, seconds):
            await event.wait()
    except TimeoutError:
        return "late"
    return "in time"


async def test_who_waits_too_long_is_told_and_the_others_go_on() -> None:
    deadlines, event = Deadlines(), asyncio.Event()
    patient = asyncio.create_task(_wait(deadlines, LONG, event))
    await asyncio.sleep(0)  # so that the long wait set the timer
    begun = monotonic()
    async with asyncio.timeout(60):
        assert await asyncio.gather(*(_wait(deadlines, SHORT, event) for _ in range(3))) == ["late"] * 3
    assert monotonic() - begun >= SHORT
    assert not patient.done()
    event.set()
    assert await patient == "in time"
    assert deadlines.waits == {}


async def test_a_wait_that_ended_is_not_cancelled_afterwards() -> None:
    deadlines, event = Deadlines(), asyncio.Event()
    event.set()
    assert await _wait(deadlines, SHORT, event) == "in time"
    event.clear()
    # a whole round of the timer later this task, which waited before, is still left alone
    assert await _wait(deadlines, SHORT / LOOKS, event) == "late"
    assert await _wait(deadlines, 2 * SHORT, event) == "late"


async def test_a_task_that_somebody_else_cancels_ends_as_cancelled() -> None:
    deadlines = Deadlines()
    waiting = asyncio.create_task(_wait(deadlines, LONG, asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert deadlines.waits == {}


async def test_both_at_once_end_as_cancelled() -> None:
    deadlines = Deadlines()

    async def wait() -> None:
        with Within(deadlines, LONG):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    (wait_,) = deadlines.waits
    del deadlines.waits[wait_]
    wait_.end()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_error_inside_stays_what_it_is() -> None:
    deadlines = Deadlines()
    with pytest.raises(ValueError, match="of the work"), Within(deadlines, LONG):
        raise ValueError("of the work")
    assert deadlines.waits == {}
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_no_timer_runs_while_nobody_waits() -> None:
    deadlines = Deadlines()
    assert await _wait(deadlines, SHORT, asyncio.Event()) == "late"
    assert deadlines._timer is None
