"""A mail server, spoken to by SMTP; what came back is read by the mailbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy

from channels.adapter import Polls, WebhookRequest
from channels.registry import make_mailbox
from core.errors import PermanentKind
from core.machines.message import MessageState
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract import (
    ACCOUNT,
    FAULT,
    MESSAGE_ID,
    UNKNOWN,
    Driver,
    Fact,
    Running,
    accepted,
    closed_port,
    permanent,
    transient,
)
from tests.channels.email.scripted import DROP, SILENCE, scripted
from tests.contract.drivers import CHANNEL_TESTS


class EmailDriver(Driver):
    kind = "email"
    statuses = {"bounce_postfix": MessageState.FAILED}
    secrets = ("the-password-of-a-test", "the-secret-that-proves-an-inbound-call")
    proof = "authorization"
    proof_covers_body = False  # a bare secret
    message = OutboundMessage(
        MESSAGE_ID, Address("email", "anna@example.com"), Purpose.MARKETING, "Still interested?", subject="Hello"
    )
    facts = (
        Fact("accepted", {}, accepted(MESSAGE_ID)),
        Fact("throttled", {"mail": "421 4.7.0 too many messages"}, transient()),
        Fact("put off at the recipient", {"rcpt": "450 4.2.0 greylisted"}, transient()),
        Fact("put off at the content's end", {"dot": "452 4.3.1 no room"}, transient()),
        Fact("dropped before the content", {"data": DROP}, transient()),
        Fact("silence after the request", {"dot": SILENCE}, UNKNOWN),
        Fact("dropped after the request", {"dot": DROP}, UNKNOWN),
        Fact("wrong credentials", {"auth": "535 5.7.8 authentication failed"}, FAULT),
        Fact("no such mailbox", {"rcpt": "550 5.1.1 no such user"}, permanent(PermanentKind.BAD_ADDRESS)),
        Fact("content refused", {"dot": "554 5.7.1 spam"}, permanent(PermanentKind.CONTENT_REFUSED)),
    )

    def _options(self, port: int) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": port,
            "tls": "none",
            "sender": "shop@example.com",
            "timeout": "0.5",
            "final_timeout": "0.5",
            "sessions": 1,
            "username": "shop",
            "password": self.secrets[0],
            "inbound_secret": self.secrets[1],
        }

    def unreachable(self) -> dict[str, object]:
        return self._options(closed_port())

    @asynccontextmanager
    async def provider(self, script: dict[str, str]) -> AsyncIterator[Running]:
        async with scripted(**script) as server:
            yield Running(self._options(server.port), server.saw, lambda: server.commands)

    def inbound(self) -> dict[str, bytes]:
        return {path.stem: path.read_bytes() for path in (CHANNEL_TESTS / "email/fixtures").glob("*.eml")}

    def webhook(self, body: bytes) -> WebhookRequest:
        headers = {"content-type": "message/rfc822", "authorization": f"Bearer {self.secrets[1]}"}
        return WebhookRequest("POST", "https://shop.example/webhooks/one", headers, body)

    def readable(self, content: bytes) -> str:
        mail = message_from_bytes(content, policy=policy.default)
        texts = [str(part.get_content()) for part in mail.walk() if part.get_content_maintype() == "text"]
        return "\n".join([content.decode("utf-8", "replace"), *texts])

    def reader(self) -> Polls:
        mailbox = make_mailbox(ACCOUNT, self.unreachable() | {"imap_host": "127.0.0.1"})
        assert mailbox is not None
        return mailbox
