"""One SMTP session: aiosmtplib connects, encrypts and logs in; the mails themselves go over a lean protocol.

The lean protocol knows at each moment whether the content has begun to leave, which is what tells *not sent* from
*unknown*. Where the server offers PIPELINING (RFC 2920), sender, recipient and DATA travel in one packet, and the next
mail's in one packet with this mail's content: a mail costs one round trip. At most one content is ever under way.
"""

import asyncio

from channels.email.replies import Reply, failure
from channels.email.settings import EmailSettings
from channels.email.wire import ConnectionLost, Wire
from core.clock import uptime
from core.errors import PermanentFailure, PermanentKind, TransientFailure, UnknownOutcome
from core.values import value

_STAGES = ("sender", "recipient", "data")
_UNCERTAIN = "the content was under way and no answer came: it may have been delivered"


@value(frozen=True, slots=True)
class Envelope:
    """From whom, to whom; ``id`` names the mail (ENVID), so that what was opened for one never carries another."""

    sender: bytes
    recipient: bytes
    id: str

    @property
    def is_ascii(self) -> bool:
        return self.recipient.isascii() and self.sender.isascii()

    def commands(self, extensions: frozenset[str]) -> tuple[bytes, bytes, bytes]:
        """MAIL, RCPT and DATA for a server with these extensions."""
        options = b"" if self.is_ascii else b" SMTPUTF8"
        if "dsn" in extensions:
            options += b" RET=HDRS ENVID=" + self.id.encode()
        return (
            b"MAIL FROM:<" + self.sender + b">" + options + b"\r\n",
            b"RCPT TO:<" + self.recipient + b">\r\n",
            b"DATA\r\n",
        )


def _after(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


class Session:
    """A logged-in session. ``send`` is used by one task at a time.

    ``turned_away`` says that the server refused the session rather than a mail: a 421, or a 4yz to the sender.
    ``largest`` is the bytes of a mail that the server takes (SIZE, RFC 1870), 0 where it announced none.
    """

    def __init__(
        self,
        settings: EmailSettings,
        transport: asyncio.Transport,
        wire: Wire,
        extensions: frozenset[str],
        largest: int = 0,
    ) -> None:
        self._settings = settings
        self._largest = largest
        self._transport = transport
        self._wire = wire
        self.extensions = extensions
        self.turned_away = False
        self._pipelined = settings.pipelining and "pipelining" in extensions
        self._used = uptime()
        self._dirty = False
        self._fresh = True
        self._opened = ""

    @property
    def alive(self) -> bool:
        """Whether it can go on: connected, and nothing was said that nobody asked for (a farewell, mostly)."""
        if self._transport.is_closing() or self._wire.lost:
            return False
        return bool(self._opened) or self._wire.in_step

    @property
    def opened(self) -> str:
        """The id of the mail whose envelope was sent behind the last content, empty if none was."""
        return self._opened

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

    async def send(self, envelope: Envelope, raw: bytes, following: Envelope | None = None) -> Reply:
        """Hand over one mail; gives the reply to its content.

        Where the server takes it, the envelope of ``following`` leaves behind the content: the next call must be for
        it, or the session be dropped. Its content never leaves before that call.

        Raises:
            ConnectionLost: before the content began to leave, on a session that had been used before: it had most
                likely timed out, and a new one may be tried at once.
            TransientFailure, PermanentFailure, ChannelFault: as the server says; proven not sent.
            PermanentFailure: also before a word is said, if the mail is larger than the server takes.
            UnknownOutcome: no answer after the content began to leave.
        """
        opened, self._opened = self._opened, ""
        if 0 < self._largest < len(raw):
            if opened:  # its envelope has left already, and asks for this content
                self.abort()
            raise PermanentFailure(
                PermanentKind.CONTENT_REFUSED,
                f"the mail has {len(raw):,} bytes, and the server takes {self._largest:,}",
                code="5.3.4",
            )
        fresh, self._fresh, self._dirty = self._fresh, False, True
        if opened and opened != envelope.id:
            self.abort()
            raise ConnectionLost("another mail's envelope is open")
        try:
            await self._envelope(envelope, written=bool(opened))
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
        return await self._content(raw, following)

    async def _envelope(self, envelope: Envelope, *, written: bool) -> None:
        deadline = _after(self._settings.timeout)
        stepwise = not self._pipelined
        commands = () if written and not stepwise else envelope.commands(self.extensions)
        if commands and not stepwise:
            self._transport.write(b"".join(commands))
        refusal: tuple[Reply, str] | None = None
        for number, stage in enumerate(_STAGES):
            if stepwise:
                self._transport.write(commands[number])
            reply = await self._wire.reply(deadline)
            if reply.code == 421:
                self.turned_away = True
                raise ConnectionLost(f"{stage} refused: {reply}", code=reply.enhanced or "421")
            if refusal is None and not 200 <= reply.code < 400:
                refusal = reply, stage
                self.turned_away = stage == "sender" and reply.code < 500
                if stepwise:
                    break
        if refusal is None and reply.code == 354:
            return
        if refusal is None or reply.code == 354:
            self.abort()  # out of step, or the server waits for content that must not come
        raise failure(*refusal) if refusal else TransientFailure(f"data: expected 354, got {reply}")

    async def _content(self, raw: bytes, following: Envelope | None) -> Reply:
        if not self.alive:
            lost = self._wire.lost or "the server spoke out of turn"
            self.abort()
            raise TransientFailure(f"{lost}, before the content")
        rest = [raw.replace(b"\r\n.", b"\r\n..") if b"\r\n." in raw else raw, b".\r\n"]
        if following is not None and self._pipelined and (following.is_ascii or "smtputf8" in self.extensions):
            rest += following.commands(self.extensions)
            self._opened = following.id
        try:
            self._transport.write(b"".join(rest))
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
            self.turned_away = True
            self.abort()
        raise failure(reply, "content")

    def abort(self) -> None:
        """Drop the connection at once; an unfinished mail is not delivered."""
        self._opened = ""
        self._transport.abort()

    def quit(self) -> None:
        """Say goodbye and close, without waiting for the answer."""
        if self._opened:  # the server takes what comes now for the content of a mail
            self.abort()
        elif not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
            self._transport.close()
