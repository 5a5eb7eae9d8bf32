"""The lean side of an SMTP connection: whole replies in the order in which they came, each before its deadline."""

import asyncio
from collections import deque

from channels.email.replies import Reply

_LONGEST_REPLY = 65536


class ConnectionLost(Exception):
    """The connection ended, or said something that is not SMTP, or bids farewell (421)."""

    def __init__(self, detail: str, code: str = "") -> None:
        super().__init__(detail)
        self.code = code


class Wire(asyncio.Protocol):
    """Replies in, bytes out. Replies queue up in the order in which they came."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self.lost = ""

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for raw in lines:
            code = raw[:3]
            if not (code.isdigit() and b"200" <= code < b"600"):
                self._lose(f"not an SMTP reply: {raw[:100].decode('utf-8', 'replace').rstrip()!r}")
                return
            self._lines.append(raw[4:].decode("utf-8", "replace").rstrip("\r"))
            if raw[3:4] != b"-":
                self._replies.append(Reply(int(code), "\n".join(self._lines)))
                self._lines = []
        if len(self._buffer) + sum(map(len, self._lines)) > _LONGEST_REPLY:
            self._lose("a reply without an end")
        self._wake()

    def eof_received(self) -> bool:
        self._lose("the server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(f"connection lost: {exc}" if exc else "connection lost")

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def reply(self, deadline: float) -> Reply:
        """The next reply, before ``deadline`` by the loop's clock.

        Raises:
            ConnectionLost: if none can come any more.
            TimeoutError: if none came.
        """
        while not self._replies:
            if self.lost:
                raise ConnectionLost(self.lost)
            loop = asyncio.get_running_loop()
            self._deadline = deadline
            if self._alarm is None or self._alarm.when() > deadline:
                self._set_alarm(loop, deadline)
            self._waiter = loop.create_future()
            await self._waiter
        return self._replies.popleft()

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        """One timer serves many replies: it looks at the deadline of the moment only when it rings."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_at(at, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        if self._waiter is None or self._waiter.done():
            return
        if loop.time() < self._deadline:
            self._set_alarm(loop, self._deadline)
        else:
            self._waiter.set_exception(TimeoutError())

    @property
    def in_step(self) -> bool:
        """Whether nothing was said that nobody asked for (a farewell, most of the time)."""
        return not (self._replies or self._lines or self._buffer or self.lost)
