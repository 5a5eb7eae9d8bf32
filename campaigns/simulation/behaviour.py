"""How customers behave in a simulation. Pure: chance is a hash of the seed, the customer and the message.

A message that arrives draws each deed by its rate, once; who acts, acts on a grid of hours, so that many share an
instant and the clock need not stop for each. Scripts say it exactly instead.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.clock import EPOCH

REPLY, CLICK, OPEN, ORDER = "reply", "click", "open", "order"
AUTO_REPLY, OPT_OUT, COMPLAINT, BOUNCE = "auto_reply", "opt_out", "complaint", "bounce"
KINDS = (REPLY, CLICK, OPEN, ORDER, AUTO_REPLY, OPT_OUT, COMPLAINT, BOUNCE)
ANSWER = "answer"
"""What a customer says within a flow: its delay stands among the others'."""
EVENT = "event:"
"""``event:NAME`` is a deed, too: the customer does that in the shop."""
SLOT = timedelta(hours=1)
OFFSET = timedelta(minutes=7)
"""Customers act on a grid, a few minutes past it: none meets a deadline by accident."""
TALK_SLOT = timedelta(minutes=5)
"""The grid of what is said within a flow, where an hour would be as long as a whole talk."""
ANY = "*"
"""Every channel."""
_WORD = 2.0**32


@dataclass(frozen=True, slots=True)
class Deed:
    """What a customer does. ``amount`` is of an order or event, in whole units of the workspace's currency.

    ``says`` is what a reply says to a flow; empty: what is assumed of the question.
    """

    kind: str
    amount: float | None = None
    properties: Mapping[str, object] = field(default_factory=dict)
    says: str = ""

    @property
    def event(self) -> str:
        """The name of the event in the shop, empty for what is done about a message."""
        return "order" if self.kind == ORDER else self.kind.removeprefix(EVENT) if self.kind.startswith(EVENT) else ""


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after a message a deed comes: soon rather than late, between ``low`` and ``high``."""

    low: timedelta
    high: timedelta

    def at(self, chance: float) -> timedelta:
        """The delay that ``chance`` (0 to 1) stands for."""
        return self.low + (self.high - self.low) * chance * chance


DELAYS: Mapping[str, Delay] = {
    REPLY: Delay(timedelta(minutes=10), timedelta(days=2)),
    CLICK: Delay(timedelta(minutes=2), timedelta(days=1)),
    OPEN: Delay(timedelta(minutes=1), timedelta(days=1)),
    ORDER: Delay(timedelta(minutes=20), timedelta(days=3)),
    AUTO_REPLY: Delay(timedelta(), timedelta(minutes=1)),
    OPT_OUT: Delay(timedelta(minutes=1), timedelta(hours=6)),
    COMPLAINT: Delay(timedelta(minutes=5), timedelta(days=1)),
    BOUNCE: Delay(timedelta(), timedelta(minutes=30)),
    ANSWER: Delay(timedelta(minutes=1), timedelta(minutes=20)),
}
_OTHER = Delay(timedelta(minutes=10), timedelta(days=2))
Rates = Mapping[str, Mapping[str, float]]
"""By channel (``*``: every other one), then by deed: the share of messages after which it comes."""

USUAL: Rates = {
    "email": {OPEN: 0.30, CLICK: 0.04, REPLY: 0.01, ORDER: 0.01, OPT_OUT: 0.002, COMPLAINT: 0.0002, BOUNCE: 0.01,
              AUTO_REPLY: 0.005},
    "sms": {REPLY: 0.02, CLICK: 0.03, ORDER: 0.01, OPT_OUT: 0.004, BOUNCE: 0.01},
    ANY: {REPLY: 0.06, CLICK: 0.06, ORDER: 0.02, OPT_OUT: 0.004},
}  # fmt: skip
"""What stands where no behaviour file does: modest, and no promise."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of a customer's script: after the ``nth`` message on ``channel`` (empty: after the simulation's
    beginning), in so much time, exactly."""

    deed: Deed
    after: timedelta
    channel: str = ""
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Shopping:
    """Something that customers do by themselves: on average ``per_month`` times in thirty days each."""

    deed: Deed
    per_month: float
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Chats:
    """The desk's agents: how long a customer who is handed to them waits, and how long they talk then."""

    answer: Delay = Delay(timedelta(minutes=10), timedelta(minutes=10))
    resolve: Delay = Delay(timedelta(hours=4), timedelta(hours=4))


@dataclass(frozen=True, slots=True)
class Talking:
    """How customers go through a flow: of the questions behind its first words the share that is never answered
    (``abandon``, ``abandons`` by question), the share of each answer by question, and the share of calls by step
    that fail. What the shares of answers leave of the whole is the other answers'.
    """

    abandon: float = 0.1
    abandons: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fails: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """Made-up customers: the share that has an address on a channel, and of those the share that agreed."""

    channels: Mapping[str, float] = field(
        default_factory=lambda: {"email": 0.95, "sms": 0.7, "whatsapp": 0.5, "telegram": 0.35}
    )
    consent: float = 0.9


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything that customers do. ``segments`` are asked in order: the first that a customer is in has its rates
    before ``rates``. ``amount`` bounds what an order is worth. ``scripts`` are by external id, and replace rates.
    ``chats`` is what the desk does, ``flows`` how customers go through each (:data:`ANY`: the others)."""

    rates: Rates = field(default_factory=lambda: USUAL)
    segments: Sequence[tuple[str, Rates]] = ()
    delays: Mapping[str, Delay] = field(default_factory=lambda: DELAYS)
    amount: tuple[float, float] = (10.0, 90.0)
    shopping: Sequence[Shopping] = ()
    scripts: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    reach: Reach = Reach()
    chats: Chats = Chats()
    flows: Mapping[str, Talking] = field(default_factory=dict)

    def talking(self, flow: str) -> Talking:
        """How customers go through that flow."""
        return self.flows.get(flow) or self.flows.get(ANY) or Talking()

    def answers_at(self, asked_at: datetime, chance: float) -> datetime:
        """When a question of a flow is answered that was asked at ``asked_at``."""
        since = asked_at + self.delays.get(ANSWER, DELAYS[ANSWER]).at(chance) - EPOCH
        return EPOCH + -(-since // TALK_SLOT) * TALK_SLOT

    def after(self, seed: int, key: str, channel: str, segment: str = "") -> Iterator[tuple[timedelta, Deed]]:
        """What comes of a message on ``channel``: (delay, deed). ``key`` names the customer and the message."""
        own: Rates = next((rates for name, rates in self.segments if name == segment), {}) if segment else {}
        rates = own.get(channel) or own.get(ANY) or self.rates.get(channel) or self.rates.get(ANY) or {}
        words: Sequence[int] = ()
        for place, (kind, rate) in enumerate(rates.items()):
            if not place % 5:  # three words a deed: fifteen of the sixteen in a digest
                words = _words(f"{seed}:{place}:{key}")
            at = place % 5 * 3
            if words[at] < rate * _WORD:
                delay = self.delays.get(kind, _OTHER).at(words[at + 1] / _WORD)
                yield delay, Deed(kind, self._amount(words[at + 2] / _WORD) if kind == ORDER else None)

    def spontaneous(self, seed: int, customer: str, begins: datetime, ends: datetime) -> Iterator[tuple[datetime, int]]:
        """When a customer shops by themselves: (instant, place in ``shopping``). Memoryless: exponential gaps."""
        from math import log

        for place, habit in enumerate(self.shopping):
            at, turn = begins, 0
            while habit.per_month > 0:
                words = _words(f"{seed}:shopping:{place}:{turn}:{customer}")
                gap = -log(1 - words[0] / _WORD) * 30 * 86400 / habit.per_month
                at, turn = at + timedelta(seconds=gap), turn + 1
                if at >= ends:
                    break
                yield on_grid(at), place

    def chat(self, seed: int, key: str) -> tuple[timedelta, timedelta]:
        """How long a handed-over customer waits for an agent, and how long the two talk. ``key`` names the handoff."""
        words = _words(f"{seed}:chat:{key}")
        return self.chats.answer.at(words[0] / _WORD), self.chats.resolve.at(words[1] / _WORD)

    def worth(self, seed: int, key: str) -> float:
        """What an order is worth that no message and no script brought about."""
        return self._amount(_words(f"{seed}:worth:{key}")[0] / _WORD)

    def _amount(self, chance: float) -> float:
        low, high = self.amount
        return round(low + (high - low) * chance, 2)


def chances(seed: int, key: str) -> Sequence[float]:
    """Sixteen chances (0 to below 1) that ``key`` names."""
    return [word / _WORD for word in _words(f"{seed}:{key}")]


def _words(text: str) -> Sequence[int]:
    digest = hashlib.blake2b(text.encode()).digest()
    return memoryview(digest).cast("I")


def on_grid(at: datetime) -> datetime:
    """The first instant of the grid at or after ``at``."""
    since = at - EPOCH - OFFSET
    return EPOCH + OFFSET + -(-since // SLOT) * SLOT
