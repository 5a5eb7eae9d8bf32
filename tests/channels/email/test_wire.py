"""One timer keeps the deadlines of all replies."""

import asyncio

import pytest

from channels.email.wire import Wire


async def test_a_deadline_is_kept_whatever_the_timer_was_set_to() -> None:
    wire, now = Wire(), asyncio.get_running_loop().time
    early = asyncio.create_task(wire.reply(now() + 0.05))
    await asyncio.sleep(0)
    wire.data_received(b"250-first\r\n250 o")
    wire.data_received(b"k\r\n")
    assert str(await early) == "250 first ok"

    late = asyncio.create_task(wire.reply(now() + 30))
    await asyncio.wait([late], timeout=0.2)  # the timer of the first reply rings meanwhile
    assert not late.done()
    wire.data_received(b"354 go on\r\n")
    assert (await late).code == 354

    silent = asyncio.create_task(wire.reply(now() + 0.05))
    await asyncio.wait([silent], timeout=10)
    with pytest.raises(TimeoutError):
        silent.result()
