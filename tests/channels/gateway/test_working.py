"""What a described gateway is asked, and what is understood of its answers and calls. All pure but the last few."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from channels.adapter import WebhookRequest
from channels.gateway.adapter import GatewayAdapter, GatewaySettings, make_gateway
from channels.gateway.callbacks import parse, receive
from channels.gateway.description import Gateway, NumberForm, Webhook
from channels.gateway.numbers import read, written
from channels.gateway.outcomes import interpret
from channels.gateway.rendering import HttpCall, render, values_of
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    TransientFailure,
    UnknownOutcome,
)
from core.machines.message import MessageState
from core.messages import Address, Attachment, Button, DeliveryReport, InboundMessage, OutboundMessage, Receipt
from core.purposes import Purpose
from otklik.contract import Http, http_server
from tests.channels.gateway.described import PLAIN, SECRETS, gateway

MESSAGE = OutboundMessage("0" * 25 + "1", Address("sms", "+79000000000"), Purpose.MARKETING, "Ещё интересно?")
QUERY = (
    'proof: {header: X-Token, secret: "${OTKLIK_SMS_TOKEN}"}',
    'proof: {query: token, secret: "${OTKLIK_SMS_TOKEN}"}',
)
BY_QUERY = (("webhook:\n  encoding: json\n  items: /reports", "webhook:\n  method: GET"), QUERY)


def asked(described: Gateway, message: OutboundMessage = MESSAGE, **more: str) -> HttpCall:
    return render(
        described.send, values_of(described, message, sender="SHOP", callback="https://shop.example/w"), **more
    )


def test_a_message_becomes_one_request() -> None:
    call = asked(gateway())
    assert (call.method, call.url) == ("POST", "https://gateway.example/v1/the-key-of-a-test/send?to=79000000000")
    assert json.loads(call.body or b"") == {
        "messages": [
            {"phone": "79000000000", "text": "Ещё интересно?", "id": MESSAGE.id, "unicode": True, "priority": 2}
        ],
        "parts": "1 of UCS-2",
    }
    proof = base64.b64encode(b"shop:the-password-of-a-test").decode()
    assert call.headers == {"X-Sender": "SHOP", "Authorization": f"Basic {proof}", "Content-Type": "application/json"}
    assert not [secret for secret in SECRETS.values() if secret in repr(call)]


def test_a_bearer_a_form_and_another_host() -> None:
    flat = 'fields: {phone: "{to}", text: "{text}", number: "{number}"}\nanswer:'
    described = gateway(
        ("  encoding: json\n  headers", "  headers"),
        ('{basic: [shop, "${OTKLIK_SMS_PASSWORD}"]}', '{bearer: "${OTKLIK_SMS_PASSWORD}"}'),
        (PLAIN[PLAIN.index("fields:") : PLAIN.index("answer:") + 7], flat),
    )
    call = asked(described, base_url="http://127.0.0.1:8000/")
    assert call.url.startswith("http://127.0.0.1:8000/v1/")
    assert call.headers["Authorization"] == "Bearer the-password-of-a-test"
    form = {name: values[0] for name, values in parse_qs((call.body or b"").decode()).items()}
    assert (form["phone"], form["text"]) == ("79000000000", "Ещё интересно?")
    assert int(form["number"]) < 2**53


def test_what_is_filled_in_begins_no_parameter_and_no_header() -> None:
    described = gateway(("?to={to}", "?to={to}&text={text}"), ('"{sender}"', '"{text}"'))
    call = asked(described, replace(MESSAGE, text="a&b=c#d\r\nX-Injected: yes{to}"))
    assert call.url.endswith("&text=a%26b%3Dc%23d%0D%0AX-Injected%3A%20yes%7Bto%7D")
    assert call.headers["X-Sender"] == "a&b=c#d X-Injected: yes{to}"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"text": " "}, PermanentKind.CONTENT_REFUSED),
        ({"text": "x" * 1001}, PermanentKind.CONTENT_REFUSED),
        ({"buttons": (Button("Да", "yes"),)}, PermanentKind.UNSUPPORTED),
        ({"attachments": (Attachment("a", "image/png", 1),)}, PermanentKind.UNSUPPORTED),
        ({"to": Address("sms", "79000000000")}, PermanentKind.BAD_ADDRESS),
    ],
)
def test_what_it_cannot_carry_is_refused_before_it_is_asked(changes: dict[str, Any], kind: PermanentKind) -> None:
    with pytest.raises(PermanentFailure) as caught:
        asked(gateway(), replace(MESSAGE, **changes))
    assert caught.value.kind is kind


IRAN = NumberForm("national", "98", "0")


@pytest.mark.parametrize(
    ("form", "number", "told"),
    [
        (NumberForm("e164"), "+989120000000", "+989120000000"),
        (NumberForm("digits"), "+989120000000", "989120000000"),
        (IRAN, "+989120000000", "09120000000"),
    ],
)
def test_numbers_there_and_back(form: NumberForm, number: str, told: str) -> None:
    assert written(form, number) == told
    assert read(form, told) == number


@pytest.mark.parametrize(
    ("form", "told", "number"),
    [
        (IRAN, "989120000000", "+989120000000"),
        (IRAN, "9120000000", "+989120000000"),
        (IRAN, "00989120000000", "+989120000000"),
        (NumberForm("digits"), "+7 (900) 000-00-00", "+79000000000"),
        (NumberForm("digits"), "SHOP", ""),
        (NumberForm("digits"), "900", ""),
        (NumberForm("digits"), "", ""),
    ],
)
def test_numbers_as_gateways_write_them(form: NumberForm, told: str, number: str) -> None:
    assert read(form, told) == number


def test_a_gateway_of_one_country_reaches_no_other() -> None:
    with pytest.raises(PermanentFailure) as caught:
        written(IRAN, "+79000000000")
    assert caught.value.kind is PermanentKind.COUNTRY_UNSERVED


def entry(**told: Any) -> str:
    return json.dumps({"messages": [told]})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, entry(id=7), Receipt),
        (201, entry(id="7"), Receipt),
        (200, entry(error={"code": 12, "text": "bad"}), PermanentFailure),
        (400, entry(error={"code": "busy"}), TransientFailure),
        (503, "later", TransientFailure),  # the file says that this one proves it
        (429, "", TransientFailure),
        (200, '{"closed": true}', ChannelFault),
        (200, "{}", UnknownOutcome),  # no id: it can never be heard of again
        (200, "<html>", UnknownOutcome),
        (500, entry(id=7), UnknownOutcome),
        (502, "", UnknownOutcome),
        (400, "", PermanentFailure),
        (401, "", ChannelFault),
        (403, "", ChannelFault),
        (302, "", ChannelFault),
        (999, "", UnknownOutcome),
    ],
)
def test_answers_have_their_outcome(status: int, body: str, kind: type[object]) -> None:
    assert type(interpret(gateway().answers, status, {}, body, gateway="g")) is kind


def test_the_words_and_the_delay_are_told() -> None:
    answers = gateway().answers
    refused = interpret(answers, 200, {}, entry(error={"code": 12, "text": "bad"}), gateway="g")
    assert isinstance(refused, PermanentFailure)
    assert (refused.kind, refused.detail, refused.code) == (PermanentKind.BAD_ADDRESS, "no such number: bad", "12")
    later = interpret(answers, 429, {"Retry-After": "3"}, "", gateway="g")
    assert isinstance(later, TransientFailure)
    assert later.retry_after == 9
    busy = interpret(answers, 200, {"Retry-After": "3"}, entry(error={"code": "busy"}), gateway="g")
    assert isinstance(busy, TransientFailure)
    assert busy.retry_after == 3


def test_an_answer_in_plain_text_is_read_by_patterns() -> None:
    answers = gateway(
        ("id: /messages/0/id", "id: {pattern: 'OK - [0-9]+ SMS, ID - ([0-9]+)'}"),
        ("  words: /messages/0/error/text\n", ""),
        ("{at: /messages/0/error/code, is: [12]", "{at: {pattern: 'ERROR = ([0-9]+)'}, is: [12]"),
    ).answers
    assert interpret(answers, 200, {}, "OK - 1 SMS, ID - 1234", gateway="g") == Receipt("1234")
    assert type(interpret(answers, 200, {}, "ERROR = 12 (bad phone)", gateway="g")) is PermanentFailure
    assert type(interpret(answers, 200, {}, "hello", gateway="g")) is UnknownOutcome


def hook(described: Gateway) -> Webhook:
    assert described.webhook is not None
    return described.webhook


def call(body: object = b"", *, url: str = "https://shop.example/webhooks/sms", **headers: str) -> WebhookRequest:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WebhookRequest("POST", url, headers, data)


PROOF = {"x-token": SECRETS["token"]}
REPORTS = {"reports": [{"id": 7, "state": "DELIVRD"}, {"id": 8, "state": "UNDELIV", "reason": 99}, "junk", {}]}


def test_several_reports_come_in_one_call_each_with_its_key() -> None:
    described = gateway()
    first, second = receive(hook(described), call(REPORTS, **PROOF), "sms") or []
    assert (first.key, second.key) == ("7:DELIVRD", "8:UNDELIV")
    assert parse(described, first) == [
        DeliveryReport("sms", "7", MessageState.DELIVERED, key="7:DELIVRD", detail="status DELIVRD")
    ]
    (failed,) = parse(described, second)
    assert isinstance(failed, DeliveryReport)
    assert (failed.status, failed.code, failed.failure) == (MessageState.FAILED, "99", "bad_address")


def test_a_status_of_the_future_says_nothing() -> None:
    described = gateway()
    (raw,) = receive(hook(described), call({"reports": [{"id": 7, "state": "NEW"}]}, **PROOF), "sms") or []
    assert parse(described, raw) == []


def test_a_customers_message() -> None:
    described = gateway()
    told = {"reports": [{"mo": 5, "from": "7 900 000-00-00", "body": {"text": "Да"}}]}
    (raw,) = receive(hook(described), call(told, **PROOF), "sms") or []
    assert parse(described, raw) == [InboundMessage("sms", "in:5", Address("sms", "+79000000000"), "Да")]


@pytest.mark.parametrize("shown", [{}, {"x-token": ""}, {"x-token": "é"}, {"x-token": SECRETS["token"][:-1]}])
def test_without_the_proof_nothing_is_taken(shown: dict[str, str]) -> None:
    assert receive(hook(gateway()), call(REPORTS, **shown), "sms") is None


def test_a_proof_by_password() -> None:
    described = gateway(("proof: {header: X-Token,", "proof: {basic: shop,"))
    good = base64.b64encode(b"shop:" + SECRETS["token"].encode()).decode()
    bad = base64.b64encode(b"shop:other").decode()
    assert receive(hook(described), call(REPORTS, authorization=f"Basic {good}"), "sms")
    for wrong in (f"Basic {bad}", f"Bearer {good}", "Basic é", "Basic ==", ""):
        assert receive(hook(described), call(REPORTS, authorization=wrong), "sms") is None


def test_a_proof_in_the_address_is_not_kept() -> None:
    described = gateway(*BY_QUERY)
    url = f"https://shop.example/webhooks/sms?token={SECRETS['token']}&id=7&state=DELIVRD"
    (raw,) = receive(hook(described), call(url=url), "sms") or []
    assert raw.payload == b'{"id":"7","state":"DELIVRD"}'
    assert receive(hook(described), call(url=url.replace("token=the", "token=The")), "sms") is None
    adapter = GatewayAdapter(GatewaySettings("sms", "f", public_url="https://shop.example/"), described)
    assert adapter.webhook_methods == {"GET"}
    assert adapter._callback == f"https://shop.example/webhooks/sms?token={SECRETS['token']}"


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    path = tmp_path / "gateway.yaml"
    path.write_text(PLAIN, encoding="utf-8")
    return {"gateway": str(path), "sender": "SHOP", **SECRETS}


def test_settings_that_neither_we_nor_the_file_know_are_named(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"sms\.sendr: no such setting; did you mean sender"):
        make_gateway("sms", options | {"sendr": "SHOP"})


async def test_doctor_is_told_the_balance(options: dict[str, object]) -> None:
    async with http_server(Http(200, '{"balance": 12.5}')) as server:
        adapter = make_gateway("sms", options | {"base_url": server.url})
        await adapter.open()
        assert await adapter.check() == "Test SMS answers: 12.5 EUR"
        await adapter.close()
    assert [one.path for one in server.asked] == ["/v1/balance"]


async def test_a_proxy_is_gone_through(options: dict[str, object]) -> None:
    async with http_server(Http(200, entry(id=7))) as proxy:
        given = options | {"base_url": "http://gateway.example", "proxy": proxy.url}
        adapter = make_gateway("sms", given)
        await adapter.open()
        assert (await adapter.send(MESSAGE)).provider_id == "7"
        await adapter.close()
    assert len(proxy.asked) == 1
    assert any("gateway.example" in line for line in proxy.asked[0].headers)


async def test_an_endless_answer_is_not_read_to_its_end(options: dict[str, object]) -> None:
    async with http_server(Http(200, "x" * 5_000_000)) as server:
        adapter = make_gateway("sms", options | {"base_url": server.url, "timeout": 60})
        await adapter.open()
        with pytest.raises(UnknownOutcome):
            await adapter.send(MESSAGE)
        await adapter.close()
