"""A mail server, spoken to by SMTP; what came back is read by the mailbox."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

from channels.adapter import Polls, WebhookRequest
from channels.registry import make_mailbox
from core.errors import PermanentKind
from core.machines.message import MessageState
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract import (
    ACCOUNT,
    CUT_AFTER,
    CUT_AHEAD,
    FAULT,
    MESSAGE_ID,
    REFUSED,
    UNANSWERED,
    UNKNOWN,
    Fact,
    PipelineDriver,
    Running,
    accepted,
    closed_port,
    permanent,
    transient,
)
from tests.channels.email.scripted import DROP, SILENCE, scripted
from tests.contract.drivers import CHANNEL_TESTS


class EmailDriver(PipelineDriver):
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
    async def provider(self, script: dict[str, Any]) -> AsyncIterator[Running]:
        async with scripted(**script) as server:
            yield Running(
                self._options(server.port), server.saw, lambda: server.commands, delivered=lambda: server.delivered
            )

    def message_to(self, number: int) -> OutboundMessage:
        to = Address("email", f"recipient-{number}@example.com")
        return replace(self.message, id=f"{number:026d}", to=to, text=f"Letter number {number:02d} of a few")

    def to_each(self, does: Mapping[int, str]) -> dict[str, Any]:
        by_recipient = {self.message_to(number).to.value: what for number, what in does.items()}

        def envelope(recipient: str) -> str:
            if by_recipient.get(recipient) == CUT_AHEAD:
                del by_recipient[recipient]  # once
                return DROP
            return "550 5.1.1 no such user" if by_recipient.get(recipient) == REFUSED else "250 2.1.5 ok"

        def content(recipient: str) -> str:
            return {CUT_AFTER: DROP, UNANSWERED: SILENCE}.get(by_recipient.get(recipient, ""), "250 2.0.0 queued")

        return {"ehlo": "250-scripted\r\n250-PIPELINING\r\n250 AUTH PLAIN", "rcpt": envelope, "dot": content}

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
