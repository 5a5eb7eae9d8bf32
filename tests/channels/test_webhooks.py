"""Providers' calls: stored before they are acknowledged, and bounded."""

import asyncio
from urllib.parse import parse_qsl, urlencode

import pytest
from fastapi import FastAPI

from channels import webhooks
from channels.adapter import ReceivesWebhooks
from channels.gateway.adapter import GatewayAdapter, GatewaySettings
from channels.registry import make
from channels.twilio.signatures import sign
from channels.webhooks import webhook_router
from core.errors import StoreUnavailable
from core.messages import RawInbound
from tests.channels.asgi import call
from tests.channels.gateway.described import SECRETS, gateway

AUTH_TOKEN = "test-auth-token"
SECRET = "test-secret"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Spooled:
    """Keeps deliveries in a list, or is away."""

    def __init__(self) -> None:
        self.kept: list[RawInbound] = []
        self.away = False
        self.hangs = False

    async def store(self, inbound: list[RawInbound]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable("the database is locked")
        self.kept += inbound


@pytest.fixture
def spool() -> Spooled:
    return Spooled()


@pytest.fixture
def application(spool: Spooled) -> FastAPI:
    sms = make("sms", "sms", {"account_sid": "AC" + "0" * 32, "auth_token": AUTH_TOKEN, "sender": "+12025550100"})
    options = {"token": "100001:abc_def", "mode": "webhook", "webhook_secret": SECRET}
    bot = make("telegram", "bot", options)
    assert isinstance(sms, ReceivesWebhooks)
    assert isinstance(bot, ReceivesWebhooks)
    application = FastAPI()
    application.include_router(
        webhook_router({"sms": sms, "bot": bot}, spool, public_url="https://shop.example/otklik/")
    )
    return application


def signed(body: bytes, target: str = "/webhooks/sms") -> dict[str, str]:
    """Headers of a request that Twilio signed for the public address."""
    url = "https://shop.example/otklik" + target
    return FORM | {"x-twilio-signature": sign(AUTH_TOKEN, url, parse_qsl(body.decode())).decode()}


INBOUND = urlencode({"MessageSid": "SM1", "From": "+12025550142", "To": "+12025550100", "Body": "Да"}).encode()


async def test_a_signed_message_is_stored_and_twilio_gets_an_empty_twiml(application: FastAPI, spool: Spooled) -> None:
    answer = await call(application, "POST", "/webhooks/sms", INBOUND, signed(INBOUND))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.text.endswith("<Response/>")
    assert spool.kept == [RawInbound("sms", "sms", "SM1", INBOUND)]


async def test_an_update_with_the_secret_is_stored(application: FastAPI, spool: Spooled) -> None:
    headers = {"x-telegram-bot-api-secret-token": SECRET}
    answer = await call(application, "POST", "/webhooks/bot", [b'{"update_', b'id":9}'], headers)
    assert (answer.status, answer.body) == (204, b"")
    assert [raw.key for raw in spool.kept] == ["9"]


async def test_the_query_is_signed_as_it_came(application: FastAPI, spool: Spooled) -> None:
    target = "/webhooks/sms?campaign=a%20b&x="
    assert (await call(application, "POST", target, INBOUND, signed(INBOUND, target))).status == 200
    assert (await call(application, "POST", target, INBOUND, signed(INBOUND))).status == 403
    assert len(spool.kept) == 1


@pytest.mark.parametrize(
    ("target", "body", "headers"),
    [
        ("/webhooks/sms", INBOUND, FORM),
        ("/webhooks/sms", INBOUND + b"&Body=No", signed(INBOUND)),
        ("/webhooks/bot", b'{"update_id":9}', {}),
        ("/webhooks/bot", b'{"update_id":9}', {"x-telegram-bot-api-secret-token": "wrong"}),
    ],
)
async def test_a_forgery_writes_nothing(
    application: FastAPI, spool: Spooled, target: str, body: bytes, headers: dict[str, str]
) -> None:
    assert (await call(application, "POST", target, body, headers)).status == 403
    assert spool.kept == []


async def test_no_2xx_while_the_store_is_away(application: FastAPI, spool: Spooled) -> None:
    spool.away = True
    answer = await call(application, "POST", "/webhooks/sms", INBOUND, signed(INBOUND))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


async def test_a_store_that_hangs_is_away(
    application: FastAPI, spool: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_SECONDS", 0.01)
    spool.hangs = True
    assert (await call(application, "POST", "/webhooks/sms", INBOUND, signed(INBOUND))).status == 503


async def test_too_large_is_refused_by_what_it_says_and_by_what_it_is(application: FastAPI, spool: Spooled) -> None:
    stated = await call(application, "POST", "/webhooks/sms", b"", FORM | {"content-length": "1000000000"})
    chunks = [b"a" * 65536 for _ in range(17)]
    actual = await call(application, "POST", "/webhooks/sms", chunks, FORM)
    assert (stated.status, actual.status, spool.kept) == (413, 413, [])


async def test_a_gateway_that_calls_by_get_is_answered_in_its_words(spool: Spooled) -> None:
    described = gateway(
        ("webhook:\n  encoding: json\n  items: /reports", "webhook:\n  method: GET"),
        ("proof: {header: X-Token,", "proof: {query: token,"),
        ("answer: '{\"ok\": true}'", "answer: OK"),
    )
    adapter = GatewayAdapter(GatewaySettings("sms", "gateway.yaml"), described)
    application = FastAPI()
    application.include_router(webhook_router({"sms": adapter}, spool, public_url="https://shop.example"))
    target = f"/webhooks/sms?token={SECRETS['token']}&id=7&state=DELIVRD"
    answer = await call(application, "GET", target)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"OK", "text/plain; charset=utf-8")
    assert [raw.key for raw in spool.kept] == ["7:DELIVRD"]
    assert (await call(application, "GET", target.replace("token=", "token=x"))).status == 403
    assert (await call(application, "POST", target)).status == 405
    assert len(spool.kept) == 1


async def test_other_addresses_and_methods(application: FastAPI) -> None:
    assert (await call(application, "POST", "/webhooks/other", INBOUND)).status == 404
    assert (await call(application, "GET", "/webhooks/sms")).status == 405
