"""One SMTP session: aiosmtplib connects, encrypts and logs in; the mails themselves go over a lean protocol.

The lean protocol knows at each moment whether the content has begun to leave, which is what tells *not sent* from
*unknown*. Where the server offers PIPELINING (RFC 2920), sender, recipient and DATA travel in one packet.
"""

import asyncio
from collections import deque

from channels.email.replies import Reply, failure
from channels.email.settings import EmailSettings
from core.clock import uptime
from core.errors import TransientFailure, UnknownOutcome

_LONGEST_REPLY = 65536
_UNCERTAIN = "the content was under way and no answer came: it may have been delivered"


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


def _after(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


class Session:
    """A logged-in session. ``send`` is used by one task at a time."""

    def __init__(
        self, settings: EmailSettings, transport: asyncio.Transport, wire: Wire, extensions: frozenset[str]
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._wire = wire
        self.extensions = extensions
        self._used = uptime()
        self._dirty = False
        self._fresh = True

    @property
    def alive(self) -> bool:
        return self._wire.in_step and not self._transport.is_closing()

    async def ready(self) -> bool:
        """Whether a mail may be started: asks the server after a while of silence or an unfinished mail."""
        if not self.alive:
            return False
        if not self._dirty and uptime() - self._used < self._settings.stale_after:
            return True
        try:
            self._transport.write(b"RSET\r\n")
            reply = await self._wire.reply(_after(self._settings.timeout))
        except (ConnectionLost, TimeoutError):
            return False
        self._dirty, self._used = False, uptime()
        return reply.code == 250 and self.alive

    async def send(self, sender: bytes, recipient: bytes, raw: bytes, envelope_id: str) -> Reply:
        """Hand over one mail; gives the reply to its content.

        Raises:
            ConnectionLost: before the content began to leave, on a session that had been used before: it had most
                likely timed out, and a new one may be tried at once.
            TransientFailure, PermanentFailure, ChannelFault: as the server says; proven not sent.
            UnknownOutcome: no answer after the content began to leave.
        """
        fresh, self._fresh, self._dirty = self._fresh, False, True
        options = b"" if recipient.isascii() and sender.isascii() else b" SMTPUTF8"
        if "dsn" in self.extensions:
            options += b" RET=HDRS ENVID=" + envelope_id.encode()
        commands = (
            (b"MAIL FROM:<" + sender + b">" + options + b"\r\n", "sender"),
            (b"RCPT TO:<" + recipient + b">\r\n", "recipient"),
            (b"DATA\r\n", "data"),
        )
        try:
            await self._envelope(commands, _after(self._settings.timeout))
        except TimeoutError:
            self.abort()
            raise TransientFailure(f"no answer within {self._settings.timeout:g} s, before the content") from None
        except ConnectionLost as error:
            self.abort()
            if fresh:
                raise TransientFailure(f"{error}, before the content", code=error.code) from None
            raise
        except asyncio.CancelledError:
            self.abort()
            raise
        return await self._content(raw)

    async def _envelope(self, commands: tuple[tuple[bytes, str], ...], deadline: float) -> None:
        pipelined = "pipelining" in self.extensions
        if pipelined:
            self._transport.write(b"".join(command for command, _ in commands))
        refusal: tuple[Reply, str] | None = None
        for command, stage in commands:
            if not pipelined:
                self._transport.write(command)
            reply = await self._wire.reply(deadline)
            if reply.code == 421:
                raise ConnectionLost(f"{stage} refused: {reply}", code=reply.enhanced or "421")
            if refusal is None and not 200 <= reply.code < 400:
                refusal = reply, stage
                if not pipelined:
                    break
        if refusal is None and reply.code == 354:
            return
        if refusal is None or reply.code == 354:
            self.abort()  # out of step, or the server waits for content that must not come
        raise failure(*refusal) if refusal else TransientFailure(f"data: expected 354, got {reply}")

    async def _content(self, raw: bytes) -> Reply:
        if not self.alive:
            lost = self._wire.lost or "the server spoke out of turn"
            self.abort()
            raise TransientFailure(f"{lost}, before the content")
        try:
            self._transport.write(raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            reply = await self._wire.reply(_after(self._settings.final_timeout))
        except TimeoutError:
            self.abort()
            raise UnknownOutcome(f"{_UNCERTAIN} within {self._settings.final_timeout:g} s") from None
        except ConnectionLost as error:
            self.abort()
            raise UnknownOutcome(f"{_UNCERTAIN} ({error})") from None
        except asyncio.CancelledError:
            self.abort()
            raise
        self._used = uptime()
        if 200 <= reply.code < 300:
            self._dirty = False
            return reply
        if reply.code < 400:
            self.abort()
            raise UnknownOutcome(f"{_UNCERTAIN}: {reply}", code=str(reply.code))
        if reply.code == 421:
            self.abort()
        raise failure(reply, "content")

    def abort(self) -> None:
        """Drop the connection at once; an unfinished mail is not delivered."""
        self._transport.abort()

    def quit(self) -> None:
        """Say goodbye and close, without waiting for the answer."""
        if not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
            self._transport.close()
