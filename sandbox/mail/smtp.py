"""The SMTP server: aiosmtpd with the extensions of today's relays, a fast DATA, and faults at every stage."""

import asyncio
import logging
import re
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import AnyStr, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.faults import Fault

USER = b"otklik"
PASSWORD = b"sandbox"
HANG_LIMIT = 1800.0  # seconds a hanging reply waits for the client to give up
LINE_LIMIT = 1000  # octets of a line with its CRLF (RFC 5321 §4.5.3.1.6)

_PLAIN_PATH = re.compile(r"<([^<>@\s\"\\]{1,320}@[^<>@\s\"\\]{1,255})>(.*)", re.DOTALL)


class PostOffice(Protocol):
    """What the server asks of whoever takes the mail. Replies are whole reply lines."""

    def refusal(self, sender: str, recipient: str) -> str | None:
        """The reply that refuses ``recipient``; None to accept."""

    def fault(self, recipient: str, stage: str) -> Fault | None:
        """The fault that befalls this command."""

    def refuse(self, recipient: str, raw: bytes | None, code: int, fault: str | None) -> None:
        """Record that a mail was refused."""

    def accept(self, sender: str, recipients: list[str], raw: bytes, fault: str | None) -> Awaitable[str]:
        """Take the mail; returns its queue id."""


@dataclass(slots=True)
class SmtpSettings:
    """``size_limit`` in bytes; ``require_auth`` refuses MAIL before AUTH."""

    require_auth: bool = False
    size_limit: int = 25 * 1024 * 1024


class Hooks:
    """The commands' answers. One for all sessions."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: "Server", session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Announce what today's relays announce; pipelining is honest, commands are read in order."""
        session.host_name = hostname
        fault = self._office.fault("", "ehlo")
        if fault is not None:
            reply = await server.suffer(fault)
            return [reply] if reply else responses
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_MAIL(  # noqa: N802
        self, server: "Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the return path; ``<>`` is the null one."""
        fault = self._office.fault(address, "mail")
        reply = await server.suffer(fault) if fault else None
        if reply is not None:
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: "Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or refuse it as its mailbox says."""
        fault = self._office.fault(address, "rcpt")
        label = fault.label if fault else None
        reply = await server.suffer(fault) if fault else None
        if reply is None:
            reply = self._office.refusal(envelope.mail_from or "", address)
        if reply is not None:
            self._office.refuse(address, None, int(reply[:3]), label)
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"


class Server(SMTP):
    """One session."""

    def __init__(self, office: PostOffice, settings: SmtpSettings, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            Hooks(office),
            hostname="mail.sandbox.example.net",
            ident="sandbox ESMTP",
            data_size_limit=settings.size_limit,
            enable_SMTPUTF8=True,
            timeout=HANG_LIMIT,
            auth_required=settings.require_auth,
            auth_require_tls=False,  # loopback only
            authenticator=_authenticate,
            loop=loop,
        )
        self._office = office
        self._size_limit = settings.size_limit

    async def suffer(self, fault: Fault) -> str | None:
        """Live through ``fault`` before the reply: its reply line, or None to go on as if nothing were."""
        if fault.kind == "status":
            return fault.body or f"{fault.code} {_enhanced(fault.code)} {_REASONS.get(fault.code, 'Try again later')}"
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.kind == "hang":
            await asyncio.sleep(HANG_LIMIT)
        self.hang_up()
        raise asyncio.CancelledError

    async def push(self, status: AnyStr) -> None:
        """Send a reply line; 421 closes the connection, as it says."""
        await super().push(status)
        if status[:3] in ("421", b"421") and self.transport is not None:
            self.transport.close()

    def hang_up(self) -> None:
        """Drop the connection without a word."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = _PLAIN_PATH.fullmatch(arg.strip())  # the library's own parser takes longer than the rest of a session
        if plain:
            return plain[1], plain[2].strip()
        return super()._getaddr(arg)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Read a mail in large pieces, up to the final dot, and hand it over."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope = self.envelope or Envelope()
        recipients = list(envelope.rcpt_tos)
        if arg or not recipients:
            await self.push("501 Syntax: DATA" if arg else "503 5.5.1 Error: need RCPT command")
            return
        fault = self._fault(recipients, "data")
        reply = await self.suffer(fault) if fault else None
        if reply is not None:
            for recipient in recipients:
                self._office.refuse(recipient, None, int(reply[:3]), fault.label if fault else None)
            await self.push(reply)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        raw = await self._read_mail()
        sender = envelope.mail_from or ""
        self.envelope = self._create_envelope()
        self._reset_timeout()
        await self.push(await self._conclude(sender, recipients, raw))

    async def _conclude(self, sender: str, recipients: list[str], raw: bytes | None) -> str:
        """The reply to the final dot. ``raw`` None: the mail was too large."""
        problem: str | None = None
        if raw is None:
            problem = f"552 5.3.4 Error: message larger than {self._size_limit} bytes"
        elif len(raw) > LINE_LIMIT and max(map(len, raw.split(b"\r\n"))) > LINE_LIMIT - 2:
            problem = "500 5.5.2 Line too long (RFC 5321 4.5.3.1.6)"
        fault = None if problem else self._fault(recipients, "dot")
        label = fault.label if fault else None
        if fault is not None and fault.kind == "drop_before":
            for recipient in recipients:
                self._office.refuse(recipient, raw, 0, label)
            await self.suffer(fault)
        if fault is not None and fault.kind == "status":
            problem = await self.suffer(fault)
        taken = raw is not None and (problem is None or (fault is not None and fault.accepted))
        if raw is not None and taken:
            queue_id = await self._office.accept(sender, recipients, raw, label)
            if fault is not None and problem is None:
                await self.suffer(fault)
            if problem is None:
                return f"250 2.0.0 Ok: queued as {queue_id}"
        reply = problem or "451 4.3.0 Error: local error in processing"
        if not taken:
            for recipient in recipients:
                self._office.refuse(recipient, raw, int(reply[:3]), label)
        return reply

    def _fault(self, recipients: list[str], stage: str) -> Fault | None:
        for recipient in recipients:
            fault = self._office.fault(recipient, stage)
            if fault is not None:
                return fault
        return None

    async def _read_mail(self) -> bytes | None:
        """The mail without its transparency dots; None when it grew too large (it is still read to its end)."""
        reader = self._reader
        data = bytearray(b"\r\n")  # so that a dot on the first line is found like any other
        too_large = False
        while True:
            piece = await reader.read(1 << 16)
            if not piece:
                raise asyncio.CancelledError
            searched = max(0, len(data) - 4)
            data += piece
            end = data.find(b"\r\n.\r\n", searched)
            if end >= 0:
                break
            if len(data) > self._size_limit + 2:
                too_large = True
                del data[:-4]
        rest = bytes(data[end + 5 :])
        if rest:  # commands that were pipelined behind the dot; nothing else was read since
            reader.feed_data(rest)
        if too_large or end > self._size_limit + 2:
            return None
        return bytes(data[:end] + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]


_REASONS = {
    421: "Service not available, closing transmission channel",
    450: "Requested mail action not taken: mailbox unavailable",
    451: "Requested action aborted: local error in processing",
    452: "Requested action not taken: insufficient system storage",
    550: "Requested action not taken: mailbox unavailable",
    552: "Requested mail action aborted: exceeded storage allocation",
    554: "Transaction failed",
}


def _enhanced(code: int) -> str:
    return "4.3.0" if code < 500 else "5.3.0"


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=False)


async def listen(host: str, port: int, make: Callable[[], Server]) -> asyncio.Server:
    """Serve SMTP on ``host`` and ``port`` (0: a free one)."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the library logs what clients do as errors
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    return await asyncio.get_running_loop().create_server(make, host, port)
