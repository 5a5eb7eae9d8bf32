"""Nudges between the parts of one process."""

import asyncio

from core.wakeup import LocalWakeup

LONG = 30.0


async def test_nudge_wakes_who_waits_and_who_comes_next() -> None:
    wakeup = LocalWakeup()
    wakeup.notify("topic")
    assert await wakeup.wait("topic", LONG) is True
    assert await wakeup.wait("topic", 0.001) is False, "a nudge is used up"
    waiting = asyncio.create_task(wakeup.wait("topic", LONG))
    await asyncio.sleep(0)
    wakeup.notify("topic")
    assert await waiting is True


async def test_cancellation_that_meets_a_nudge_is_not_lost() -> None:
    """Else a stopping service would wait for a loop that goes on for ever."""
    wakeup = LocalWakeup()
    waiting = asyncio.create_task(wakeup.wait("topic", LONG))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    wakeup.notify("topic")
    waiting.cancel()
    done, _ = await asyncio.wait([waiting], timeout=5)
    assert done
    assert waiting.cancelled()
