"""Opening an SMTP session with aiosmtplib, and what it means when that fails."""

import asyncio
import socket
import ssl
from typing import cast

import aiosmtplib

from channels.email.replies import Reply
from channels.email.servers import Server
from channels.email.session import Session
from channels.email.settings import EmailSettings
from channels.email.wire import Wire
from core.errors import ChannelFault, ConfigurationError, TransientFailure

_SIZE_DIGITS = 20
"""RFC 1870 allows as many."""


def tls_context(settings: EmailSettings) -> ssl.SSLContext | None:
    """The context for this account's servers, None if all are in the clear. Reads files: call it in a thread.

    Raises:
        ConfigurationError: if ``ca_file`` cannot be read.
    """
    if all(server.tls == "none" for server in settings.submission()):
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise ConfigurationError(
            f"mail account {settings.account}: ca_file {settings.ca_file!r} cannot be used: {error}"
        ) from None


async def connect(settings: EmailSettings, server: Server, context: ssl.SSLContext | None) -> Session:
    """A session with ``server`` that is connected, encrypted as asked and logged in.

    Raises:
        TransientFailure: the server cannot be reached or is busy.
        ChannelFault: it refuses us: login, encryption, greeting.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "tls",
        start_tls=server.tls == "starttls",
        tls_context=None if server.tls == "none" else context,
        timeout=settings.timeout,
        local_hostname=settings.local_hostname or socket.gethostname(),
    )
    try:
        async with asyncio.timeout(settings.timeout):
            return await _logged_in(client, settings, server)
    except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
        client.close()
        raise _meaning(error, server.where) from error
    except asyncio.CancelledError:
        client.close()
        raise


async def _logged_in(client: aiosmtplib.SMTP, settings: EmailSettings, server: Server) -> Session:
    await client.connect()
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()
    if server.username:
        await client.login(server.username, server.password)
    transport = cast("asyncio.Transport", client.transport)
    wire = Wire()
    transport.set_protocol(wire)
    extensions = client.esmtp_extensions
    return Session(settings, transport, wire, frozenset(extensions), _largest(extensions.get("size", "")))


def _largest(announced: str) -> int:
    """The bytes that SIZE (RFC 1870) announces, 0 where it names no limit or none that can be read."""
    return int(announced) if announced.isascii() and announced.isdigit() and len(announced) <= _SIZE_DIGITS else 0


def _meaning(error: Exception, where: str) -> TransientFailure | ChannelFault:
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    match cause:
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return TransientFailure(f"{where}: the connection ended while it was being encrypted")
        case ssl.SSLError():
            return ChannelFault(f"{where}: no encrypted connection ({cause}); check the mail account's tls and ca_file")
        case aiosmtplib.SMTPResponseException():
            reply = Reply(cause.code, cause.message)
            code = reply.enhanced or str(cause.code)
            if not 500 <= cause.code < 600:
                return TransientFailure(f"{where}: {reply}", code=code)
            if isinstance(cause, aiosmtplib.SMTPAuthenticationError):
                return ChannelFault(f"{where} refused the login: {reply}; check username and password", code=code)
            return ChannelFault(f"{where} refused the connection: {reply}", code=code)
        case OSError():  # also aiosmtplib's lost connections and time-outs, and DNS
            return TransientFailure(f"{where}: {str(cause) or 'timed out'}")
        case UnicodeError():
            return ChannelFault(f"{where} is not a host name")
        case _:
            return ChannelFault(f"{where}: {cause}; check the mail account's tls, port and username")
