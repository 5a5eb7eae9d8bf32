"""SMS by a gateway that a file describes: the two examples that ship, each as its provider documents itself."""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from channels.adapter import WebhookRequest
from core.errors import PermanentKind
from core.machines.message import MessageState
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

EXAMPLES = Path(__file__).parents[3] / "examples/gateways"
KEY, TOKEN = "the-api-key-of-a-test", "the-webhook-token-of-a-test"
STATES = {"delivered": MessageState.DELIVERED, "failed": MessageState.FAILED, "waiting": MessageState.ACCEPTED}


@cache
def proven_by_header(name: str) -> str:
    """The example with its proof in a header, where the suite's forgeries reach it."""
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    assert "{query: token," in text
    path = Path(tempfile.mkdtemp()) / f"{name}.yaml"
    path.write_text(text.replace("{query: token,", "{header: X-Token,"), encoding="utf-8")
    return str(path)


class GatewayDriver(Driver):
    """What both examples have in common."""

    kind = "sms"
    secrets = (KEY, TOKEN)
    proof = "x-token"
    proof_covers_body = False
    example: str
    samples: Mapping[str, Mapping[str, str]]

    def _options(self, url: str) -> dict[str, object]:
        return {
            "gateway": proven_by_header(self.example),
            "api_key": KEY,
            "webhook_token": TOKEN,
            "sender": "LANTERN",
            "base_url": url,
            "timeout": 1.0,
        }

    def unreachable(self) -> dict[str, object]:
        return self._options(f"http://127.0.0.1:{closed_port()}")

    @asynccontextmanager
    async def provider(self, script: Http) -> AsyncIterator[Running]:
        async with http_server(script) as server:
            yield server.running(self._options(server.url))

    def inbound(self) -> Mapping[str, bytes]:
        return {name: json.dumps(form, ensure_ascii=False).encode() for name, form in self.samples.items()}

    def webhook(self, body: bytes) -> WebhookRequest | None:
        """The fields of ``body``, which is how a delivery is kept, as the form that the gateway posts."""
        try:
            fields = json.loads(body)
        except ValueError:
            fields = {}
        plain = fields if isinstance(fields, dict) else {"value": fields}
        form = urlencode({str(name): str(value) for name, value in plain.items()}, errors="replace").encode()
        headers = {"content-type": "application/x-www-form-urlencoded", self.proof: TOKEN}
        return WebhookRequest("POST", "https://shop.example/webhooks/one", headers, form)


class SmscDriver(GatewayDriver):
    example = "smsc-ru"
    message = OutboundMessage(MESSAGE_ID, Address("sms", "+79000000000"), Purpose.MARKETING, "Ещё интересно?")
    statuses = STATES
    samples = {
        "delivered": {"id": "101", "phone": "79000000000", "status": "1", "time": "01.12.2026 12:00:00", "err": "0"},
        "failed": {"id": "102", "phone": "79000000000", "status": "22", "err": "1"},
        "waiting": {"id": "101", "phone": "79000000000", "status": "0"},
        "a letter": {"sms_id": "501", "phone": "79000000000", "mes": "Да", "to": "79000000001"},
    }

    @staticmethod
    def _error(code: int, words: str) -> Http:
        return Http(200, json.dumps({"error": words, "error_code": code}, ensure_ascii=False))

    @property
    def facts(self) -> Sequence[Fact]:
        kinds, source = PermanentKind, "https://smsc.ru/api/http/, 2026-11-22"
        return (
            Fact("accepted", Http(200, json.dumps({"id": 4242, "cnt": 1})), accepted("4242"), source),
            Fact("throttled", self._error(9, "duplicate request, wait a minute"), transient(60), source),
            Fact("throttled by a proxy", Http(429, "slow down", (("Retry-After", "7"),)), transient(7)),
            Fact("blocked for a while", self._error(4, "IP is blocked"), transient(600), source),
            Fact("silence after the request", SILENCE, UNKNOWN),
            Fact("dropped after the request", DROP, UNKNOWN),
            Fact("server error", Http(500, "oops"), UNKNOWN),
            Fact("an answer that is not the API's", Http(200, "<html>hello</html>"), UNKNOWN),
            Fact("moved elsewhere", Http(307, "", (("Location", "?again"),)), FAULT),
            Fact("wrong credentials", self._error(2, "invalid login"), FAULT, source),
            Fact("out of money", self._error(3, "not enough money"), FAULT, source),
            Fact("content refused", self._error(6, "message is denied"), permanent(kinds.CONTENT_REFUSED), source),
            Fact("no such number", self._error(7, "invalid phone"), permanent(kinds.BAD_ADDRESS), source),
            Fact("cannot be delivered", self._error(8, "can not be delivered"), permanent(kinds.REJECTED), source),
        )


class KavenegarDriver(GatewayDriver):
    example = "kavenegar-ir"
    message = OutboundMessage(MESSAGE_ID, Address("sms", "+989000000000"), Purpose.MARKETING, "هنوز علاقه دارید؟")
    statuses = STATES
    samples = {
        "delivered": {"messageid": "8792343", "status": "10"},
        "failed": {"messageid": "8792344", "status": "14"},
        "waiting": {"messageid": "8792343", "status": "4"},
        "a letter": {"messageid": "77", "from": "09000000000", "to": "10004346", "message": "بله"},
    }

    @staticmethod
    def _answer(status: int, words: str, *entries: dict[str, object]) -> Http:
        told = {"return": {"status": status, "message": words}, "entries": list(entries) or None}
        return Http(status, json.dumps(told, ensure_ascii=False))

    @property
    def facts(self) -> Sequence[Fact]:
        kinds, source = PermanentKind, "https://kavenegar.com/rest.html, 2026-11-22"
        sent = {"messageid": 8792343, "status": 1, "statustext": "در صف ارسال", "receptor": "09000000000", "cost": 120}
        return (
            Fact("accepted", self._answer(200, "تایید شد", sent), accepted("8792343"), source),
            Fact("throttled", self._answer(414, "حجم درخواست"), transient(60), source),
            Fact("silence after the request", SILENCE, UNKNOWN),
            Fact("dropped after the request", DROP, UNKNOWN),
            Fact("the operation failed", self._answer(402, "عملیات ناموفق بود"), UNKNOWN, source),
            Fact("the server cannot answer", self._answer(409, "سرور"), UNKNOWN, source),
            Fact("server error", Http(503, "<html>Unavailable</html>"), UNKNOWN),
            Fact("wrong credentials", self._answer(401, "کلید API نامعتبر است"), FAULT, source),
            Fact("out of credit", self._answer(418, "اعتبار کافی نیست"), FAULT, source),
            Fact("sender not allowed", self._answer(412, "شماره فرستنده"), FAULT, source),
            Fact("content refused", self._answer(413, "پیام خالی است"), permanent(kinds.CONTENT_REFUSED), source),
            Fact("no such number", self._answer(411, "شماره گیرنده"), permanent(kinds.BAD_ADDRESS), source),
            Fact("opted out", self._answer(200, "تایید شد", sent | {"status": 14}), permanent(kinds.OPTED_OUT), source),
            Fact("a code of the future", self._answer(499, "?"), permanent(kinds.REJECTED)),
        )
