"""Telegram's Bot API, by each of the libraries that speak it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from channels.adapter import WebhookRequest
from core.errors import PermanentKind
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract import (
    DROP,
    FAULT,
    MESSAGE_ID,
    SILENCE,
    UNKNOWN,
    Driver,
    Fact,
    Http,
    Running,
    accepted,
    closed_port,
    http_server,
    permanent,
    transient,
)
from tests.contract.drivers import CHANNEL_TESTS


class TelegramDriver(Driver):
    kind = "telegram"
    proof = "x-telegram-bot-api-secret-token"
    proof_covers_body = False  # a bare secret
    secrets = ("AAF-secret_part_of_the_token", "hook-secret")
    message = OutboundMessage(
        MESSAGE_ID, Address("telegram", "5550101", "100001"), Purpose.MARKETING, "Still interested?"
    )

    def __init__(self, client: str = "aiogram") -> None:
        self._client = client

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
            Fact("accepted", Http(200, json.dumps(sent)), accepted("5550101:77")),
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
                transient(0),
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
            "client": self._client,
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
            yield server.running(self._options(server.url))

    def inbound(self) -> dict[str, bytes]:
        return {path.stem: path.read_bytes() for path in (CHANNEL_TESTS / "telegram/fixtures").glob("*.json")}

    def webhook(self, body: bytes) -> WebhookRequest | None:
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": self.secrets[1]}
        return WebhookRequest("POST", "https://shop.example/webhooks/one", headers, body)
