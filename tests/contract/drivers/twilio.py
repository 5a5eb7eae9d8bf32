"""Twilio's Messages API, which carries SMS and WhatsApp."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from channels.adapter import WebhookRequest
from channels.twilio.signatures import sign
from core.errors import PermanentKind
from otklik.contract import (
    DROP,
    FAULT,
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


class TwilioDriver(Driver):
    """What both channels have in common."""

    proof = "x-twilio-signature"
    proof_covers_url = True
    letters: tuple[str, ...] = ()
    """Captured payloads of what people wrote."""
    secrets = ("the-auth-token-of-a-test",)
    account_sid = "AC" + "0123456789abcdef" * 2
    sid = "SM" + "0" * 31 + "1"

    @staticmethod
    def _error(status: int, code: int, message: str = "", *headers: tuple[str, str]) -> Http:
        body = {"code": code, "message": message, "more_info": "", "status": status}
        return Http(status, json.dumps(body), headers)

    @property
    def facts(self) -> tuple[Fact, ...]:
        created = {"sid": self.sid, "status": "queued", "direction": "outbound-api", "num_segments": "1"}
        kinds = PermanentKind
        return (
            Fact("accepted", Http(201, json.dumps(created)), accepted(self.sid)),
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
            "timeout": 1.0,
        }

    def unreachable(self) -> dict[str, object]:
        return self._options(f"http://127.0.0.1:{closed_port()}")

    @asynccontextmanager
    async def provider(self, script: Http) -> AsyncIterator[Running]:
        async with http_server(script) as server:
            yield server.running(self._options(server.url))

    def inbound(self) -> dict[str, bytes]:
        names = [*self.letters, *self.statuses]
        return {name: (CHANNEL_TESTS / f"twilio/fixtures/{name}.form").read_bytes().strip() for name in names}

    def webhook(self, body: bytes) -> WebhookRequest | None:
        url = "https://shop.example/webhooks/one?via=proxy"
        signature = sign(self.secrets[0], url, parse_qsl(body.decode(), keep_blank_values=True)).decode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8", "x-twilio-signature": signature}
        return WebhookRequest("POST", url, headers, body)
