"""What tests that run a whole service share."""

import asyncio
from contextlib import suppress


async def ended(running: asyncio.Task[None]) -> None:
    """Stop a running service and wait for its end."""
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
