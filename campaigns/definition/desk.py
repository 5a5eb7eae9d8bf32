"""How customers are handed to people: the ``desk:`` part of ``otklik.yaml``. Live, never pinned."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from campaigns.definition.values import Value, Words
from campaigns.periods import Period

MAIN_QUEUE = "main"
"""Where a customer waits when nobody said where."""
LOWEST, NORMAL, URGENT = 0, 1, 3
RATING_FLOW = "csat"
"""The flow that asks how a chat was, where none is named; it comes with the program."""


def _flow(said: object) -> object:
    """A flow's name; yes and no stood here once."""
    return {True: RATING_FLOW, False: ""}[said] if isinstance(said, bool) else said


def _by_language(said: object) -> object:
    return said if isinstance(said, Mapping) else {"": said}


Signs = Annotated[Mapping[str, Words], BeforeValidator(_by_language)]
"""Words by language, instead of the built-in ones; those under an empty one stand beside them."""


class Queue(Value):
    """What customers who wait in it are promised, in working time: a first ``answer``, and to ``resolve`` it."""

    answer: Period = Period(15, "m")
    resolve: Period = Period(8, "h")
    priority: int = Field(default=NORMAL, ge=LOWEST, le=URGENT)


class Desk(Value):
    """Who gets a chat, and what happens when nobody does.

    ``sticky``: who comes back within it gets the agent they had. ``patience``: after so long without anybody online
    they go on waiting for the morning, or the bot takes over again (``nobody: bot``). ``reopen``: who
    writes so soon after the end comes back to their people instead of the bot; within ``reopen_within`` it is the same
    conversation still. One that only the bot has is over after ``close_after`` without a word. ``human`` and ``angry``
    are words that ask for a person beside the built-in ones; customers of the segment ``vip`` go first, and ask by
    writing at all. ``rating`` is the flow that asks how a chat was (empty: nobody is asked), each customer once in
    ``rating_every``. ``alerts``: agents hear in their own Telegram of broken promises and urgent chats.
    """

    queues: Mapping[str, Queue] = Field(default_factory=dict)
    assignment: Literal["least_busy", "round_robin", "manual"] = "least_busy"
    sticky: Period = Period(30, "d")
    patience: Period = Period(10, "m")
    nobody: Literal["bot", "wait"] = "wait"
    reopen: Period = Period(3, "d")
    vip: str = ""
    human: Words = frozenset()
    angry: Signs = Field(default_factory=dict)
    rating: Annotated[str, BeforeValidator(_flow)] = RATING_FLOW
    rating_every: Period = Period(30, "d")
    close_after: Period = Period(7, "d")
    reopen_within: Period = Period(30, "d")
    alerts: bool = True

    def queue(self, name: str) -> Queue:
        """The queue's promises, or the default ones."""
        return self.queues.get(name or MAIN_QUEUE, Queue())
