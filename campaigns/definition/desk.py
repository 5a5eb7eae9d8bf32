"""How customers are handed to people: the ``desk:`` part of ``otklik.yaml``. Live, never pinned."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from campaigns.definition.values import Value, Words
from campaigns.periods import Period

MAIN_QUEUE = "main"
"""Where a customer waits when nobody said where."""
LOWEST, NORMAL, URGENT = 0, 1, 3


class Queue(Value):
    """What customers who wait in it are promised, in working time: a first ``answer``, and to ``resolve`` it."""

    answer: Period = Period(15, "m")
    resolve: Period = Period(8, "h")
    priority: int = Field(default=NORMAL, ge=LOWEST, le=URGENT)


class Desk(Value):
    """Who gets a chat, and what happens when nobody does.

    ``sticky``: who comes back within it gets the agent they had. ``patience``: after so long without anybody online
    they go on waiting for the morning, or the bot takes over again (``nobody: bot``). ``reopen``: who
    writes so soon after the end comes back to their people instead of the bot. ``human`` and ``angry`` are words that
    ask for a person beside the built-in ones; customers of the segment ``vip`` go first, and ask by writing at all.
    """

    queues: Mapping[str, Queue] = Field(default_factory=dict)
    assignment: Literal["least_busy", "round_robin", "manual"] = "least_busy"
    sticky: Period = Period(30, "d")
    patience: Period = Period(10, "m")
    nobody: Literal["bot", "wait"] = "wait"
    reopen: Period = Period(3, "d")
    vip: str = ""
    human: Words = frozenset()
    angry: Words = frozenset()
    rating: bool = True

    def queue(self, name: str) -> Queue:
        """The queue's promises, or the default ones."""
        return self.queues.get(name or MAIN_QUEUE, Queue())
