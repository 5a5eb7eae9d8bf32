"""What tests that run a whole service share."""

import asyncio
import socket
from contextlib import suppress


async def ended(running: asyncio.Task[None]) -> None:
    """Stop a running service and wait for its end."""
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
