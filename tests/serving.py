"""What tests that run a whole service share."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


async def ended(running: asyncio.Task[None]) -> None:
    """Stop a running service and wait for its end."""
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of this machine to listen on, which nobody else is given until the block ends.

    It is bound and not listened on: a server that may use addresses again, as ours do, has it all the same.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])
