"""Deadlines of many short waits by one timer: a timer of the loop for each costs more than what is waited for.

The timer looks at all waits ten times in the shortest of them, and not at all while there is none. So a wait ends at
its deadline or up to a tenth later, as a :class:`TimeoutError` where it stands, as ``asyncio.timeout`` would end it.
"""

import asyncio
from types import TracebackType

LOOKS = 10
"""In the time that a wait is given."""


class Deadlines:
    """The waits of one event loop that have not ended."""

    def __init__(self) -> None:
        self.waits: dict[Within, float] = {}
        """By the loop's clock, when each has to end."""
        self._timer: asyncio.TimerHandle | None = None
        self._pause = 0.0

    def watch(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        """Look often enough for a wait of so many ``seconds``."""
        pause = seconds / LOOKS
        if self._timer is not None:
            if pause >= self._pause:
                return
            self._timer.cancel()
        self._pause = pause
        self._timer = loop.call_later(pause, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for wait in [wait for wait, at in self.waits.items() if at <= now]:
            del self.waits[wait]
            wait.end()
        self._timer = loop.call_later(self._pause, self._look, loop) if self.waits else None


class Within:
    """A context that a task leaves within ``seconds``, or by :class:`TimeoutError`. Enter it once."""

    __slots__ = ("_all", "_cancelling", "_passed", "_seconds", "_task")

    _task: "asyncio.Task[object]"
    _cancelling: int

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._all = deadlines
        self._seconds = seconds
        self._passed = False

    def end(self) -> None:
        """Cancel the wait: its time has come."""
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("only a task can be cancelled at its deadline")
        self._task = task
        self._cancelling = task.cancelling()
        self._all.waits[self] = loop.time() + self._seconds
        self._all.watch(self._seconds, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._passed:
            del self._all.waits[self]
        # where somebody else cancelled the task too, it ends as cancelled
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
