"""Mail by SMTP submission (RFC 5321, 6409).

Quirks: there is no idempotency key, so silence after the content is an unknown outcome; a 4yz or 5yz reply to the
content is a real refusal. A session that timed out while idle shows itself only at the next MAIL, where reconnecting
is safe. ``check`` sends nothing.
"""

import asyncio
import ssl

from channels.adapter import Capabilities
from channels.email.connecting import connect, tls_context
from channels.email.headers import is_address, message_id
from channels.email.mime import Composer
from channels.email.replies import Reply
from channels.email.session import ConnectionLost, Session
from channels.email.settings import EmailSettings
from core.clock import machine_now
from core.errors import ChannelFault, ConfigurationError, PermanentFailure, PermanentKind, TransientFailure
from core.messages import EMAIL, OutboundMessage, Receipt

LONGEST_TEXT = 1_000_000
"""Characters of a body that we send; servers take megabytes, readers do not."""


class EmailAdapter:
    """A mail account with its sessions, which stay open between mails."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._composer = Composer(settings)
        self._envelope_sender = (settings.bounce_address or settings.sender).encode()
        self._context: ssl.SSLContext | None = None
        self._free = asyncio.Semaphore(settings.sessions)
        self._idle: list[Session] = []
        self._open = False

    @property
    def account(self) -> str:
        return self._settings.account

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            channel=EMAIL,
            text_limit=LONGEST_TEXT,
            html=True,
            subject=True,
            attachments=True,
            reports_delivery=True,
            sessions=self._settings.sessions,
        )

    async def open(self) -> None:
        """Read the certificates; connections are made when they are needed.

        Raises:
            ConfigurationError: if the certificates cannot be read.
        """
        self._context = await asyncio.to_thread(tls_context, self._settings)
        self._open = True

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send one mail; ``provider_id`` is its Message-ID, ``detail`` the server's answer to it.

        When it is cancelled the connection is dropped, and whether the mail left is not known to the caller.

        Raises:
            TransientFailure, PermanentFailure, UnknownOutcome, ChannelFault: as of every adapter.
        """
        recipient = message.to.value
        if not is_address(recipient):
            raise PermanentFailure(PermanentKind.BAD_ADDRESS, f"{recipient!r} is not a mail address")
        if max(len(message.text), len(message.html)) > LONGEST_TEXT:
            raise PermanentFailure(PermanentKind.CONTENT_REFUSED, f"the text is over {LONGEST_TEXT:,} characters")
        raw = self._composer.compose(message, machine_now())
        async with self._free:
            session = await self._session()
            try:
                try:
                    reply = await self._send(session, recipient, raw, message.id)
                except ConnectionLost:
                    session = await connect(self._settings, self._context)
                    reply = await self._send(session, recipient, raw, message.id)
            finally:
                self._give_back(session)
        return Receipt(message_id(message.id, self._composer.domain), str(reply))

    async def _send(self, session: Session, recipient: str, raw: bytes, id_: str) -> Reply:
        if not recipient.isascii() and "smtputf8" not in session.extensions:
            raise PermanentFailure(
                PermanentKind.UNSUPPORTED, f"{recipient!r} needs SMTPUTF8, which {self._settings.host} does not offer"
            )
        return await session.send(self._envelope_sender, recipient.encode(), raw, id_)

    async def _session(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            usable = False
            try:
                usable = await session.ready()
            finally:
                if not usable:
                    session.abort()
            if usable:
                return session
        return await connect(self._settings, self._context)

    def _give_back(self, session: Session) -> None:
        if session.alive and self._open:
            self._idle.append(session)
        else:
            session.abort()

    async def check(self) -> str:
        """Connect, encrypt and log in.

        Raises:
            ConfigurationError: what is wrong and what to do.
        """
        try:
            session = await connect(
                self._settings, self._context or await asyncio.to_thread(tls_context, self._settings)
            )
        except ChannelFault:
            raise
        except TransientFailure as failure:
            raise ConfigurationError(
                f"mail account {self.account}: {failure}; check host and port, and that the server is up"
            ) from None
        session.quit()
        how = {"none": "in the clear", "starttls": "encrypted (STARTTLS)", "tls": "encrypted (TLS)"}[self._settings.tls]
        login = f"logged in as {self._settings.username}" if self._settings.username else "without a login"
        return f"{self._settings.host}:{self._settings.port} takes mail from {self._settings.sender}, {how}, {login}"

    async def close(self) -> None:
        """Say goodbye to every idle session."""
        self._open = False
        while self._idle:
            self._idle.pop().quit()
