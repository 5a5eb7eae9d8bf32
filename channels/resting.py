"""When a channel rests: while its account cannot send, and while nobody takes a connection.

Without a rest every message of a campaign is claimed, tried and given back, over and over, at the expense of the
channels that work.
"""

from collections.abc import Callable

import structlog

from core.clock import uptime
from core.errors import ChannelFault, ProviderAway

log = structlog.get_logger(__name__)

FAULT_SECONDS = 15.0
FIRST_REST, LONGEST_REST = 1.0, 30.0
MISSES = 10
"""Connections in a row that nobody took, until the channel rests: a single one may be the network's hiccup."""


class Rest:
    """One channel's: ``why`` it rests, empty where it does not. Instants are machine uptime in seconds."""

    def __init__(self, channel: str, account: str, now: Callable[[], float] = uptime) -> None:
        self.why = ""
        self._channel = channel
        self._account = account
        self._now = now
        self._until = self._seconds = 0.0
        self._misses = 0

    @property
    def now(self) -> bool:
        """Whether the channel rests at this moment."""
        return self._now() < self._until

    def fault(self, fault: ChannelFault) -> None:
        """The account cannot send: rest for a while, say it once."""
        if not self.why:
            log.error("channel stopped", channel=self._channel, account=self._account, error=fault.detail)
        self.why = fault.detail
        self._until = self._now() + FAULT_SECONDS

    def missed(self, error: ProviderAway) -> None:
        """Nobody took a connection. After some in a row rest, twice as long as the last time, or as long as was said.

        Sends that were under way at the same time count once.
        """
        self._misses += 1
        if self._misses < MISSES or self.now:
            return
        self._seconds = min(max(2 * self._seconds, FIRST_REST), LONGEST_REST)
        seconds = max(self._seconds, min(error.retry_after or 0.0, LONGEST_REST))
        if not self.why:
            log.warning("provider is away, channel rests", channel=self._channel, seconds=seconds, error=error.detail)
        self.why = error.detail
        self._until = self._now() + seconds

    def answered(self) -> None:
        """Somebody was there, whatever the answer."""
        self._misses, self._seconds = 0, 0.0

    def worked(self) -> None:
        """A message was accepted: the account is well, and rests no longer."""
        self.answered()
        self._until = 0.0
        if self.why:
            log.info("channel works again", channel=self._channel)
            self.why = ""
