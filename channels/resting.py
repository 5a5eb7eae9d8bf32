"""When a channel rests: while its account cannot send, and while nobody takes a connection.

Without a rest every message of a campaign is claimed, tried and given back, over and over, at the expense of the
channels that work.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog

from core.clock import machine_now, uptime
from core.errors import ChannelFault, ProviderAway
from core.standing import Trouble

log = structlog.get_logger(__name__)

FAULT_SECONDS = 15.0
FIRST_REST, LONGEST_REST = 1.0, 30.0
MISSES = 10
"""Connections in a row that nobody took, until the channel rests: a single one may be the network's hiccup."""


class Spell:
    """Rests of which each is twice as long as the one before. Pure: instants are machine uptime, lengths seconds.

    ``until`` is when the last one ends, ``seconds`` its length: 0 once somebody answered as they should.
    """

    def __init__(self, first: float = FIRST_REST, longest: float = LONGEST_REST) -> None:
        self.until = self.seconds = 0.0
        self._first = first
        self._longest = longest

    def begin(self, now: float, asked: float = 0.0) -> bool:
        """Rest, for ``asked`` seconds if that is longer, within the bound.

        False where it rests already: those who failed together count once.
        """
        if now < self.until:
            return False
        self.seconds = min(max(2 * self.seconds, self._first), self._longest)
        self.until = now + max(self.seconds, min(asked, self._longest))
        return True

    def end(self) -> None:
        """It is well: nothing rests, and the next rest is a first one."""
        self.until = self.seconds = 0.0


class Told(NamedTuple):
    """What keeps a channel from sending, why and since when (machine time); nothing while it can."""

    kind: Trouble = ""
    why: str = ""
    since: datetime | None = None


class Rest:
    """One channel's: ``why`` it rests, empty where it does not. Instants are machine uptime in seconds."""

    def __init__(self, channel: str, account: str, now: Callable[[], float] = uptime) -> None:
        self.trouble = Told()
        self._channel = channel
        self._account = account
        self._now = now
        self._spell = Spell()
        self._misses = 0

    @property
    def why(self) -> str:
        """Why it rests, or did until somebody tries again."""
        return self.trouble.why

    @property
    def now(self) -> bool:
        """Whether the channel rests at this moment."""
        return self._now() < self._spell.until

    def fault(self, fault: ChannelFault) -> None:
        """The account cannot send: rest for a while, say it once."""
        if not self.why:
            log.error("channel stopped", channel=self._channel, account=self._account, error=fault.detail)
        self._in("fault", fault.detail)
        self._spell.until = self._now() + FAULT_SECONDS

    def missed(self, error: ProviderAway) -> None:
        """Nobody took a connection. After some in a row rest, twice as long as the last time, or as long as was said.

        Sends that were under way at the same time count once.
        """
        self._misses += 1
        now = self._now()
        if self._misses < MISSES or not self._spell.begin(now, error.retry_after or 0.0):
            return
        if not self.why:
            seconds = self._spell.until - now
            log.warning("provider is away, channel rests", channel=self._channel, seconds=seconds, error=error.detail)
        self._in("away", error.detail)

    def answered(self) -> None:
        """Somebody was there, whatever the answer."""
        self._misses, self._spell.seconds = 0, 0.0

    def worked(self) -> None:
        """A message was accepted: the account is well, and rests no longer."""
        self._misses = 0
        self._spell.end()
        if self.why:
            log.info("channel works again", channel=self._channel)
            self.trouble = Told()

    def _in(self, kind: Trouble, why: str) -> None:
        since = self.trouble.since if self.trouble.kind == kind else machine_now()
        self.trouble = Told(kind, why, since)
