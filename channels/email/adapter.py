"""Mail by SMTP submission (RFC 5321, 6409).

Quirks: there is no idempotency key, so silence after the content is an unknown outcome; a 4yz or 5yz reply to the
content is a real refusal. A session that timed out while idle shows itself only at the next MAIL, where reconnecting
is safe. The envelope of the following mail may leave behind a content, never its content. ``check`` sends nothing.
"""

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime

from channels.adapter import Capabilities, Rate
from channels.email.connecting import connect, tls_context
from channels.email.delivered import ReceivesRawMail
from channels.email.headers import is_address, message_id
from channels.email.mime import Composer
from channels.email.pool import Pool
from channels.email.servers import Server
from channels.email.session import Envelope
from channels.email.settings import EmailSettings
from channels.email.signing import Signer, read_signer
from core.clock import machine_now
from core.errors import ChannelFault, ConfigurationError, PermanentFailure, PermanentKind, TransientFailure
from core.messages import EMAIL, OutboundMessage, Receipt

LONGEST_TEXT = 1_000_000
"""Characters of a body that we send; servers take megabytes, readers do not."""
_BULKY = 200_000
"""Bytes of attachments from which on a mail is made in a thread: base64 takes its time."""


class EmailAdapter(ReceivesRawMail):
    """A mail account with its sessions, which stay open between mails."""

    def __init__(self, settings: EmailSettings) -> None:
        super().__init__(settings.account, settings.inbound_secret)
        self._settings = settings
        self._servers = settings.submission()
        self._composer = Composer(settings)
        self._envelope_sender = (settings.bounce_address or settings.sender).encode()
        self._signs_bounces = settings.bounce_address != "" and settings.bounce_address == settings.reply_address
        self._signer: Signer | None = None
        self._pool = Pool(settings)

    @property
    def account(self) -> str:
        return self._settings.account

    @property
    def capabilities(self) -> Capabilities:
        paced = all(server.rate > 0 for server in self._servers)
        return Capabilities(
            channel=EMAIL,
            text_limit=LONGEST_TEXT,
            html=True,
            subject=True,
            attachments=True,
            reports_delivery=True,
            sessions=sum(server.sessions for server in self._servers),
            rate=Rate.of(sum(server.rate for server in self._servers)) if paced else None,
        )

    async def open(self) -> None:
        """Read the certificates and the signing key; connections are made when they are needed.

        Raises:
            ConfigurationError: if they cannot be read.
        """
        self._signer = await asyncio.to_thread(read_signer, self._settings)
        self._pool.open(await asyncio.to_thread(tls_context, self._settings))

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send one mail; ``detail`` is the server's answer to it, ``provider_id`` its own id at our domain.

        That is its Message-ID, unless it repeats a mail and has that one's.

        When it is cancelled the connection is dropped, and whether the mail left is not known to the caller.

        Raises:
            TransientFailure, PermanentFailure, UnknownOutcome, ChannelFault: as of every adapter.
        """
        return await self.send_before(message, None)

    async def send_before(self, message: OutboundMessage, following: OutboundMessage | None) -> Receipt:
        """Send one mail, and let the envelope of ``following`` leave behind it where the server takes that.

        Raises:
            TransientFailure, PermanentFailure, UnknownOutcome, ChannelFault: as of every adapter.
        """
        try:
            raw = await self._raw(message)
        except BaseException:
            self._pool.abandon(message.id)
            raise
        reply = await self._pool.send(
            self._envelope(message),
            raw,
            self._envelope(following) if following is not None and is_address(following.to.value) else None,
        )
        return Receipt(message_id(message.id, self._composer.domain), str(reply))

    @property
    def prepare(self) -> Callable[[OutboundMessage, datetime], bytes]:
        """Makes the bytes of a mail, as they are before they are signed."""
        return self._composer.compose

    def abandon(self, message: OutboundMessage) -> None:
        """``message`` was said to follow, and does not."""
        self._pool.abandon(message.id)

    async def _raw(self, message: OutboundMessage) -> bytes:
        recipient = message.to.value
        if not is_address(recipient):
            raise PermanentFailure(PermanentKind.BAD_ADDRESS, f"{recipient!r} is not a mail address")
        if max(len(message.text), len(message.html)) > LONGEST_TEXT:
            raise PermanentFailure(PermanentKind.CONTENT_REFUSED, f"the text is over {LONGEST_TEXT:,} characters")
        if message.prepared:
            raw = message.prepared
        elif sum(attachment.size for attachment in message.attachments) > _BULKY:
            raw = await asyncio.to_thread(self._composer.compose, message, machine_now())
        else:
            raw = self._composer.compose(message, machine_now())
        return await self._signer.signed(raw) if self._signer is not None else raw

    def _envelope(self, message: OutboundMessage) -> Envelope:
        """From the mail's own signed address if bounces go to the mailbox of replies: they then say what they are."""
        sender = self._envelope_sender
        if self._signs_bounces and is_address(message.reply_to) and message.reply_to.isascii():
            sender = message.reply_to.encode()
        return Envelope(sender, message.to.value.encode(), message.id)

    async def check(self) -> str:
        """Connect to every server, encrypt and log in; says what must stand in DNS where mails are signed.

        Raises:
            ConfigurationError: what is wrong and what to do.
        """
        context = self._pool.context or await asyncio.to_thread(tls_context, self._settings)
        ways = [await self._checked(server, context) for server in self._servers]
        signer = self._signer or await asyncio.to_thread(read_signer, self._settings)
        said = f"{' and '.join(ways)}, as {self._settings.sender}"
        return f"{said}; {signer.wanted_in_dns}" if signer is not None else said

    async def _checked(self, server: Server, context: ssl.SSLContext | None) -> str:
        try:
            session = await connect(self._settings, server, context)
        except ChannelFault:
            raise
        except TransientFailure as failure:
            raise ConfigurationError(
                f"mail account {self.account}: {failure}; check host and port, and that the server is up"
            ) from None
        session.quit()
        how = {"none": "in the clear", "starttls": "encrypted (STARTTLS)", "tls": "encrypted (TLS)"}[server.tls]
        login = f"logged in as {server.username}" if server.username else "without a login"
        return f"{server.where} takes mail, {how}, {login}"

    async def close(self) -> None:
        """Say goodbye to every idle session."""
        await self._pool.close()
