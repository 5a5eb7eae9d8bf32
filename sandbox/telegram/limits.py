"""The rates: about one message a second a chat (short bursts pass), twenty a minute a group, thirty a second overall.

By machine time, or another one that is given.
"""

import math
import time
from collections import deque
from collections.abc import Callable

CHAT_RATE, CHAT_BURST = 1.0, 3.0
GROUP_MESSAGES, GROUP_SECONDS = 20, 60.0
OVERALL_RATE = 30.0


class Limits:
    """Token buckets. ``scale`` multiplies the rates; the bursts grow with it."""

    def __init__(self, scale: float = 1.0, now: Callable[[], float] = time.monotonic) -> None:
        self.scale = scale
        self._now = now
        self._chats: dict[int, tuple[float, float]] = {}
        self._groups: dict[int, deque[float]] = {}
        self._overall = (OVERALL_RATE * max(scale, 1 / OVERALL_RATE), now())

    def take(self, chat: int) -> int | None:
        """Count a message to ``chat``: None when it may go, else the seconds to wait."""
        now = self._now()
        tokens, at = self._overall
        capacity = max(1.0, OVERALL_RATE * self.scale)
        overall = min(capacity, tokens + (now - at) * OVERALL_RATE * self.scale)
        rate, burst = CHAT_RATE * self.scale, max(1.0, CHAT_BURST * self.scale)
        had, since = self._chats.get(chat, (burst, now))
        here = min(burst, had + (now - since) * rate)
        wait = max((1 - overall) / (OVERALL_RATE * self.scale), (1 - here) / rate)
        if wait > 0:
            self._overall = (overall, now)
            return max(1, math.ceil(wait))
        self._overall = (overall - 1, now)
        self._chats[chat] = (here - 1, now)
        if len(self._chats) > 50_000:
            full = burst - 0.5
            self._chats = {key: (kept, when) for key, (kept, when) in self._chats.items() if kept < full}
        return None

    def take_in_group(self, group: int, messages: int = 1) -> int | None:
        """Count ``messages`` to ``group``: None when they may go, else the seconds to wait.

        No minute has more than twenty. What was refused does not count.
        """
        now, window = self._now(), GROUP_SECONDS / self.scale
        sent = self._groups.setdefault(group, deque())
        while sent and sent[0] <= now - window:
            sent.popleft()
        over = len(sent) + messages - GROUP_MESSAGES
        if over > 0 and sent:
            return max(1, math.ceil(sent[min(over, len(sent)) - 1] + window - now))
        sent.extend([now] * messages)
        return None
