"""Wakeups: a nudge that there is something to do. A hint only: the store is the truth, and every waiter also looks by
itself now and then, so a lost nudge costs a second and nothing else.
"""

import asyncio
from collections import defaultdict
from typing import Protocol


class Wakeup(Protocol):
    """Nudges between the parts of one process now, of many later."""

    def notify(self, topic: str) -> None:
        """Wake everybody who waits for ``topic``, or the next one who will."""
        ...

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for a nudge, at most ``seconds``; False if none came."""
        ...


class LocalWakeup:
    """Nudges within one event loop."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def notify(self, topic: str) -> None:
        self._events[topic].set()

    async def wait(self, topic: str, seconds: float) -> bool:
        event = self._events[topic]
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True


JOURNEYS = "journeys"
COMMANDS = "commands"
INBOUND = "inbound"
STARTS = "starts"
DESK = "desk"
CALLS = "calls"
TOPICS = "topics"


def outbox(channel: str) -> str:
    """The topic of planned messages of a channel."""
    return f"outbox:{channel}"
