"""How the contract drives each channel kind: its provider's answers, by the fact that each shows.

A kind that is registered and has no driver here fails the suite.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from channels.adapter import WebhookRequest
from channels.twilio.signatures import sign
from core.errors import PermanentKind
from core.messages import Address, OutboundMessage, ProviderTemplate
from core.purposes import Purpose
from tests.channels.email.scripted import DROP as DROP_SMTP
from tests.channels.email.scripted import SILENCE as SILENCE_SMTP
from tests.channels.email.scripted import scripted
from tests.contract.servers import DROP, SILENCE, Http, closed_port, http_server

CHANNEL_TESTS = Path(__file__).parents[1] / "channels"
MESSAGE_ID = "0" * 26


@dataclass(frozen=True)
class Expected:
    """What ``send`` must do: give ``receipt``, or raise ``failure`` (transient, permanent, unknown, fault)."""

    receipt: str = ""
    failure: str = ""
    kind: PermanentKind | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class Fact:
    """One thing a provider does, named; ``script`` makes the scripted provider do it."""

    name: str
    script: Any
    expected: Expected


def transient(retry_after: float | None = None) -> Expected:
    return Expected(failure="transient", retry_after=retry_after)


def permanent(kind: PermanentKind) -> Expected:
    return Expected(failure="permanent", kind=kind)


UNKNOWN, FAULT = Expected(failure="unknown"), Expected(failure="fault")


@dataclass
class Running:
    """A scripted provider under way: the options that lead to it, and the requests or contents it took."""

    options: dict[str, object]
    contents: list[bytes] = field(default_factory=list)

    def taken(self) -> int:
        return len(self.contents)


class Driver(Protocol):
    """One kind's part of the contract."""

    @property
    def secrets(self) -> tuple[str, ...]: ...

    @property
    def message(self) -> OutboundMessage: ...

    @property
    def facts(self) -> tuple[Fact, ...]: ...

    def unreachable(self) -> dict[str, object]:
        """Options that lead to a port where nobody listens."""
        ...

    def provider(self, script: Any) -> AbstractAsyncContextManager[Running]: ...

    def inbound(self) -> dict[str, bytes]:
        """Captured payloads by name, as ``RawInbound.payload`` holds them."""
        ...

    def webhook(self, body: bytes) -> WebhookRequest | None:
        """A genuine delivery of ``body``; None for a kind that polls only."""
        ...


class TelegramDriver:
    secrets = ("AAF-secret_part_of_the_token", "hook-secret")
    message = OutboundMessage(
        MESSAGE_ID, Address("telegram", "5550101", "100001"), Purpose.MARKETING, "Still interested?"
    )

    @staticmethod
    def _error(status: int, description: str, **parameters: int) -> Http:
        body: dict[str, object] = {"ok": False, "error_code": status, "description": description}
        if parameters:
            body["parameters"] = parameters
        return Http(status, json.dumps(body))

    @property
    def facts(self) -> tuple[Fact, ...]:
        chat = {"id": 5550101, "type": "private"}
        sent = {"ok": True, "result": {"message_id": 77, "date": 1796126400, "chat": chat, "text": "Still interested?"}}
        return (
            Fact("accepted", Http(200, json.dumps(sent)), Expected(receipt="5550101:77")),
            Fact(
                "throttled",
                self._error(429, "Too Many Requests: retry after 7", retry_after=7),
                transient(7),
            ),
            Fact("throttled by a proxy", Http(429, "<html>slow down</html>"), transient()),
            Fact("silence after the request", SILENCE, UNKNOWN),
            Fact("dropped after the request", DROP, UNKNOWN),
            Fact("server error", self._error(500, "Internal Server Error"), UNKNOWN),
            Fact("gateway's page", Http(502, "<html>Bad Gateway</html>"), UNKNOWN),
            Fact("an answer that is not the API's", Http(200, "<html>hello</html>"), UNKNOWN),
            Fact("wrong credentials", self._error(401, "Unauthorized"), FAULT),
            Fact("moved elsewhere", Http(307, "", (("Location", "?again"),)), FAULT),
            Fact("no such bot", self._error(404, "Not Found"), FAULT),
            Fact(
                "blocked by the person",
                self._error(403, "Forbidden: bot was blocked by the user"),
                permanent(PermanentKind.BLOCKED),
            ),
            Fact(
                "deactivated",
                self._error(403, "Forbidden: user is deactivated"),
                permanent(PermanentKind.BAD_ADDRESS),
            ),
            Fact("no such chat", self._error(400, "Bad Request: chat not found"), permanent(PermanentKind.BAD_ADDRESS)),
            Fact(
                "group upgraded",
                self._error(
                    400,
                    "Bad Request: group chat was upgraded to a supergroup chat",
                    migrate_to_chat_id=-1001234567890,
                ),
                permanent(PermanentKind.BAD_ADDRESS),
            ),
            Fact(
                "content refused",
                self._error(400, "Bad Request: can't parse entities"),
                permanent(PermanentKind.CONTENT_REFUSED),
            ),
        )

    def _options(self, url: str) -> dict[str, object]:
        return {
            "token": f"100001:{self.secrets[0]}",
            "mode": "webhook",
            "webhook_secret": self.secrets[1],
            "base_url": url,
            "timeout": "0.3",
        }

    def unreachable(self) -> dict[str, object]:
        return self._options(f"http://127.0.0.1:{closed_port()}")

    @asynccontextmanager
    async def provider(self, script: Http) -> AsyncIterator[Running]:
        async with http_server(script) as server:
            yield Running(self._options(server.url), server.bodies)

    def inbound(self) -> dict[str, bytes]:
        return {path.stem: path.read_bytes() for path in (CHANNEL_TESTS / "telegram/fixtures").glob("*.json")}

    def webhook(self, body: bytes) -> WebhookRequest | None:
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": self.secrets[1]}
        return WebhookRequest("POST", "https://shop.example/webhooks/one", headers, body)


class TwilioDriver:
    secrets = ("the-auth-token-of-a-test",)
    account_sid = "AC" + "0123456789abcdef" * 2
    sid = "SM" + "0" * 31 + "1"

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self.message = OutboundMessage(
            MESSAGE_ID, Address(channel, "+12025550142"), Purpose.MARKETING, "Still interested?"
        )
        if channel == "whatsapp":
            template = ProviderTemplate("HX" + "a" * 32, {"1": "Anna"})
            self.templated = replace(self.message, template=template)

    @staticmethod
    def _error(status: int, code: int, message: str = "", *headers: tuple[str, str]) -> Http:
        body = {"code": code, "message": message, "more_info": "", "status": status}
        return Http(status, json.dumps(body), headers)

    @property
    def facts(self) -> tuple[Fact, ...]:
        created = {"sid": self.sid, "status": "queued", "direction": "outbound-api", "num_segments": "1"}
        kinds = PermanentKind
        return (
            Fact("accepted", Http(201, json.dumps(created)), Expected(receipt=self.sid)),
            Fact("throttled", self._error(429, 20429, "Too many requests", ("Retry-After", "3")), transient(3)),
            Fact("throttled by a proxy", Http(429, "slow down"), transient()),
            Fact("silence after the request", SILENCE, UNKNOWN),
            Fact("dropped after the request", DROP, UNKNOWN),
            Fact("server error", self._error(500, 20500, "Internal server error"), UNKNOWN),
            Fact("gateway's page", Http(503, "<html>Unavailable</html>"), UNKNOWN),
            Fact("an answer that is not the API's", Http(200, "<html>hello</html>"), UNKNOWN),
            Fact("wrong credentials", self._error(401, 20003, "Authenticate"), FAULT),
            Fact("sender not allowed", self._error(400, 21606, "From is not a valid number"), FAULT),
            Fact("moved elsewhere", Http(307, "", (("Location", "?again"),)), FAULT),
            Fact("opted out", self._error(400, 21610, "unsubscribed recipient"), permanent(kinds.OPTED_OUT)),
            Fact("no such number", self._error(400, 21211, "Invalid To"), permanent(kinds.BAD_ADDRESS)),
            Fact("content refused", self._error(400, 21617, "too long"), permanent(kinds.CONTENT_REFUSED)),
            Fact("country not served", self._error(400, 21408, "Permission"), permanent(kinds.COUNTRY_UNSERVED)),
            Fact("window closed", self._error(400, 63016, "freeform"), permanent(kinds.WINDOW_CLOSED)),
            Fact("a code of the future", self._error(400, 99999, "new"), permanent(kinds.REJECTED)),
        )

    def _options(self, url: str) -> dict[str, object]:
        return {
            "account_sid": self.account_sid,
            "auth_token": self.secrets[0],
            "sender": "+12025550100",
            "public_url": "https://shop.example",
            "base_url": url,
            "timeout": 0.3,
        }

    def unreachable(self) -> dict[str, object]:
        return self._options(f"http://127.0.0.1:{closed_port()}")

    @asynccontextmanager
    async def provider(self, script: Http) -> AsyncIterator[Running]:
        async with http_server(script) as server:
            yield Running(self._options(server.url), server.bodies)

    def inbound(self) -> dict[str, bytes]:
        return {path.stem: path.read_bytes().strip() for path in (CHANNEL_TESTS / "twilio/fixtures").glob("*.form")}

    def webhook(self, body: bytes) -> WebhookRequest | None:
        url = "https://shop.example/webhooks/one?via=proxy"
        signature = sign(self.secrets[0], url, parse_qsl(body.decode(), keep_blank_values=True)).decode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8", "x-twilio-signature": signature}
        return WebhookRequest("POST", url, headers, body)


class EmailDriver:
    secrets = ("the-password-of-a-test",)
    message = OutboundMessage(
        MESSAGE_ID, Address("email", "anna@example.com"), Purpose.MARKETING, "Still interested?", subject="Hello"
    )
    facts = (
        Fact("accepted", {}, Expected(receipt=MESSAGE_ID)),
        Fact("throttled", {"mail": "421 4.7.0 too many messages"}, transient()),
        Fact("put off at the recipient", {"rcpt": "450 4.2.0 greylisted"}, transient()),
        Fact("put off at the content's end", {"dot": "452 4.3.1 no room"}, transient()),
        Fact("dropped before the content", {"data": DROP_SMTP}, transient()),
        Fact("silence after the request", {"dot": SILENCE_SMTP}, UNKNOWN),
        Fact("dropped after the request", {"dot": DROP_SMTP}, UNKNOWN),
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
        }

    def unreachable(self) -> dict[str, object]:
        return self._options(closed_port())

    @asynccontextmanager
    async def provider(self, script: dict[str, str]) -> AsyncIterator[Running]:
        async with scripted(**script) as server:
            yield Running(self._options(server.port), server.saw)

    def inbound(self) -> dict[str, bytes]:
        return {path.stem: path.read_bytes() for path in (CHANNEL_TESTS / "email/fixtures").glob("*.eml")}

    def webhook(self, body: bytes) -> None:
        return None


DRIVERS: dict[str, Driver] = {
    "email": EmailDriver(),
    "sms": TwilioDriver("sms"),
    "whatsapp": TwilioDriver("whatsapp"),
    "telegram": TelegramDriver(),
}

REQUIRED = (
    "accepted",
    "throttled",
    "silence after the request",
    "dropped after the request",
    "wrong credentials",
    "content refused",
)
"""Facts that every kind must show."""
