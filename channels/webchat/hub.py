"""The open windows of this process, by visitor: whoever has something for a visitor nudges them here.

A nudge is a hint. Every window also looks by itself now and then, since its visitor's answer may have been sent by
another process.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class TooManyWindows(Exception):
    """Another window would be one too many, of this visitor or in all."""


class Hub:
    """Counts windows and wakes them."""

    def __init__(self, windows: int, windows_per_visitor: int) -> None:
        self._windows = windows
        self._per_visitor = windows_per_visitor
        self._open: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._count = 0

    @property
    def count(self) -> int:
        """How many windows are open."""
        return self._count

    @contextmanager
    def window(self, visitor: str) -> Iterator[asyncio.Event]:
        """A window that is open as long as the block runs; the event is set when there may be something new.

        Raises:
            TooManyWindows: it was not opened.
        """
        mine = self._open.get(visitor, set())
        if self._count >= self._windows or len(mine) >= self._per_visitor:
            raise TooManyWindows
        news = asyncio.Event()
        self._open[visitor].add(news)
        self._count += 1
        try:
            yield news
        finally:
            self._count -= 1
            self._open[visitor].discard(news)
            if not self._open[visitor]:
                del self._open[visitor]

    def nudge(self, visitor: str) -> None:
        """Tell the visitor's windows here that there may be something new."""
        for news in self._open.get(visitor, ()):
            news.set()
