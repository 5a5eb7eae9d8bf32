"""The judge: who has a conversation, told from what was done to it and what came of that, never from our own rows.

A few rules that people would agree on without knowing the program. Agents, and the page that each looks at, go by name.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

BOT, WAITS, NOBODY = "the bot", "waits", "nobody"
"""Who has a conversation when no person has: the bot, the first who is free, nobody until the customer writes again."""
REST = timedelta(hours=24)
"""How long campaigns leave a customer alone after a person was done with them."""


@dataclass
class Thread:
    """One conversation. ``hands`` counts how often it came to other hands, ``answers`` what people wrote in it;
    ``unheard`` is since when nobody has answered.
    """

    customer: int
    verified: bool
    owner: str = BOT
    hands: int = 0
    unheard: datetime | None = None
    queued: datetime | None = None
    asleep: datetime | None = None
    ended: datetime | None = None
    had: bool = False
    answers: int = 0

    @property
    def held(self) -> bool:
        """Whether a person of ours has it."""
        return self.owner not in (BOT, WAITS, NOBODY)

    @property
    def live(self) -> bool:
        """Whether a person has it, or is asked for."""
        return self.held or self.owner == WAITS

    def quiet(self, now: datetime) -> bool:
        """Whether campaigns leave the customer alone."""
        return self.live or (self.ended is not None and now < self.ended + REST)

    # what may be done by whom: ``fresh`` is what the agent's page shows still true

    def may_write(self, agent: str, *, fresh: bool) -> bool:
        return self.owner == agent and fresh

    def may_take(self, agent: str, *, fresh: bool) -> bool:
        return self.owner == agent or fresh

    def may(self, what: str) -> bool:
        """Whether it is there to be left, given back, snoozed or resolved."""
        match what:
            case "leave":
                return self.held
            case "return":
                return self.live
            case "snooze":
                return self.held and self.asleep is None
            case _:
                return self.owner != NOBODY

    # what becomes of it then

    def answered(self) -> None:
        """A person of ours wrote to the customer."""
        self.unheard, self.answers = None, self.answers + 1

    def taken(self, agent: str) -> None:
        if self.owner == agent:
            return
        if self.owner == NOBODY:
            self.ended = None
        self.owner, self.hands, self.asleep, self.had = agent, self.hands + 1, None, True

    def queues(self, now: datetime) -> None:
        """The customer waits for a person."""
        self.owner, self.queued, self.unheard, self.ended = WAITS, now, self.unheard or now, None

    def done(self, what: str, now: datetime, until: datetime | None = None) -> None:
        """What an agent, or nobody for too long, has done with it."""
        match what:
            case "leave":
                self.owner, self.hands, self.queued, self.asleep = WAITS, self.hands + 1, now, None
            case "return":
                self.owner, self.hands, self.asleep, self.unheard = BOT, self.hands + 1, None, None
                self.had = False
            case "snooze":
                self.asleep = until
            case _:
                self.ended = now if self.had else self.ended
                self.owner, self.asleep, self.unheard, self.had = NOBODY, None, None, False

    def hears(self, now: datetime) -> None:
        """The customer wrote while people have it, or are asked for."""
        self.asleep, self.unheard = None, self.unheard or now
