"""The adapter against a scripted Messages API: what is posted, and finding a message whose answer was lost."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from channels.twilio.adapter import TwilioAdapter, TwilioSettings
from channels.twilio.charges import Charge
from channels.twilio.client import form_pairs
from channels.twilio.codes import CODES, failure_of, kind_of
from channels.twilio.reconciling import MessageFacts
from channels.twilio.rendering import render
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    TransientFailure,
    UnknownOutcome,
)
from core.messages import Address, Attachment, Button, OutboundMessage, ProviderTemplate
from core.purposes import Purpose

SID = "AC" + "0" * 32
NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
MESSAGE = OutboundMessage("m1", Address("whatsapp", "+447700900123"), Purpose.MARKETING, "Ещё интересно?")


@asynccontextmanager
async def twilio(
    listed: list[dict[str, Any]] | None = None, *, status: str = "active", **settings: Any
) -> AsyncIterator[tuple[TwilioAdapter, list[dict[str, str]]]]:
    """An open WhatsApp adapter on a Twilio that accepts everything, and the forms and queries it got."""
    seen: list[dict[str, str]] = []

    async def create(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"{SID}:token".encode()).decode()
        seen.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"sid": "SM1", "status": "queued"}, status=201)

    async def index(request: web.Request) -> web.Response:
        seen.append(dict(request.query))
        return web.json_response({"messages": listed or [], "next_page_uri": None, "page_size": 50})

    async def account(_: web.Request) -> web.Response:
        return web.json_response({"sid": SID, "friendly_name": "Shop", "status": status})

    async def media(request: web.Request) -> web.Response:
        seen.append({"Authorization": request.headers.get("Authorization", "")})
        return web.Response(body=b"picture")

    application = web.Application()
    application.router.add_post(f"/2010-04-01/Accounts/{SID}/Messages.json", create)
    application.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages.json", index)
    application.router.add_get(f"/2010-04-01/Accounts/{SID}.json", account)
    application.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1", media)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    given: dict[str, Any] = {"sender": "+12025550100", "base_url": url} | settings
    adapter = TwilioAdapter(TwilioSettings("wa", SID, "token", **given), "whatsapp")
    await adapter.open()
    try:
        yield adapter, seen
    finally:
        await adapter.close()
        await runner.cleanup()


async def test_free_text_goes_as_body_with_a_callback() -> None:
    async with twilio(public_url="https://shop.example/") as (adapter, seen):
        receipt = await adapter.send(MESSAGE)
    assert receipt.provider_id == "SM1"
    assert seen == [
        {
            "To": "whatsapp:+447700900123",
            "From": "whatsapp:+12025550100",
            "Body": "Ещё интересно?",
            "StatusCallback": "https://shop.example/webhooks/wa#rc=5&rp=ct,rt,5xx",
        }
    ]


async def test_a_template_goes_by_its_sid_and_never_as_body() -> None:
    template = ProviderTemplate("HX" + "a" * 32, {"2": "b", "1": "Анна"})
    async with twilio(messaging_service="MG" + "0" * 32, sender="") as (adapter, seen):
        await adapter.send(replace(MESSAGE, template=template))
    assert seen == [
        {
            "To": "whatsapp:+447700900123",
            "MessagingServiceSid": "MG" + "0" * 32,
            "ContentSid": template.id,
            "ContentVariables": '{"1":"Анна","2":"b"}',
        }
    ]


async def test_buttons_in_free_text_are_refused_not_dropped() -> None:
    async with twilio() as (adapter, seen):
        with pytest.raises(PermanentFailure) as caught:
            await adapter.send(replace(MESSAGE, buttons=(Button("Да", "yes"),)))
    assert (caught.value.kind, seen) == (PermanentKind.UNSUPPORTED, [])


PICTURE = Attachment("a.jpg", "image/jpeg", 1000, blob="a" * 64)


async def test_files_go_as_signed_addresses_of_ours() -> None:
    async with twilio(public_url="https://shop.example/", media_secret="secret") as (adapter, seen):
        await adapter.send(replace(MESSAGE, attachments=(PICTURE,)))
        assert adapter.capabilities.attachments
    assert seen[0]["MediaUrl"].startswith("https://shop.example/media/" + "a" * 64)
    assert seen[0]["Body"] == MESSAGE.text


def test_several_files_are_several_fields_of_an_mms() -> None:
    message = replace(MESSAGE, to=Address("sms", "+12025550142"), text="", attachments=(PICTURE, PICTURE))
    parameters = render(message, "sms", lambda one: f"https://shop.example/{one.name}")
    assert parameters == {"to": "+12025550142", "media_url": ["https://shop.example/a.jpg"] * 2}
    assert form_pairs({"MediaUrl": parameters["media_url"], "To": "x"}) == [
        *[("MediaUrl", "https://shop.example/a.jpg")] * 2,
        ("To", "x"),
    ]


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        (replace(MESSAGE, attachments=(PICTURE, PICTURE)), PermanentKind.UNSUPPORTED, "carries 1 files in a message"),
        (replace(MESSAGE, attachments=(replace(PICTURE, blob=""),)), PermanentKind.UNSUPPORTED, "not among the stored"),
        (
            replace(MESSAGE, attachments=(replace(PICTURE, size=17 * 2**20),)),
            PermanentKind.CONTENT_REFUSED,
            "whatsapp takes 16777216",
        ),
        (
            replace(MESSAGE, attachments=(PICTURE,), template=ProviderTemplate("HX" + "a" * 32)),
            PermanentKind.UNSUPPORTED,
            "beside a content template",
        ),
        (replace(MESSAGE, text=" "), PermanentKind.CONTENT_REFUSED, "empty"),
        (replace(MESSAGE, text="x" * 1601), PermanentKind.CONTENT_REFUSED, "1601 characters; Twilio takes 1600"),
    ],
)
def test_what_twilio_would_not_take_is_refused_before_it_is_asked(
    message: OutboundMessage, kind: PermanentKind, words: str
) -> None:
    with pytest.raises(PermanentFailure, match=words) as caught:
        render(message, "whatsapp", lambda one: one.name)
    assert caught.value.kind is kind


async def test_without_an_address_of_ours_files_are_refused() -> None:
    async with twilio() as (adapter, seen):
        with pytest.raises(PermanentFailure, match="OTKLIK_PUBLIC_URL"):
            await adapter.send(replace(MESSAGE, attachments=(PICTURE,)))
        assert not adapter.capabilities.attachments
    assert seen == []


@pytest.mark.parametrize(("status", "told"), [("active", "'Shop' is active"), ("suspended", "account is suspended")])
async def test_check_reads_the_account(status: str, told: str) -> None:
    async with twilio(status=status) as (adapter, _):
        try:
            said = await adapter.check()
        except ConfigurationError as error:
            said = str(error)
    assert told in said


def entry(sid: str, **changes: Any) -> dict[str, Any]:
    at = format_datetime(NOW + timedelta(seconds=1))
    return {
        "sid": sid,
        "to": "whatsapp:+447700900123",
        "from": "whatsapp:+12025550100",
        "body": "Ещё интересно?",
        "direction": "outbound-api",
        "status": "sent",
        "date_created": at,
        "date_sent": at,
    } | changes


LATE = format_datetime(NOW + timedelta(hours=2))


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([entry("SM1")], "SM1"),
        ([], None),
        ([entry("SM1"), entry("SM2")], None),
        ([entry("SM1"), entry("SM-taken")], "SM1"),
        ([entry("SM1"), entry("SM2", body="another")], "SM1"),
        ([entry("SM1", direction="inbound")], None),
        ([entry("SM1", date_created=LATE, date_sent=LATE)], None),
        ([entry("SM1", to="whatsapp:+447700900999")], None),
    ],
)
async def test_a_lost_message_is_found_only_where_nothing_else_fits(
    listed: list[dict[str, Any]], found: str | None
) -> None:
    facts = MessageFacts(MESSAGE, NOW, NOW + timedelta(minutes=5), frozenset({"SM-taken"}))
    async with twilio(listed) as (adapter, seen):
        assert await adapter.find(facts) == found
    assert (seen[0]["To"], seen[0]["From"]) == ("whatsapp:+447700900123", "whatsapp:+12025550100")


async def test_what_was_charged_is_read_from_the_list() -> None:
    listed = [
        entry("SM1", price="-0.00790", price_unit="USD"),
        entry("SM2", price=None, price_unit="USD"),
        entry("SM3", price="0", price_unit="usd"),
        entry("SM4", price="much", price_unit="USD"),
    ]
    async with twilio(listed) as (adapter, seen):
        charges = await adapter.charges(NOW, NOW + timedelta(hours=1))
    assert charges == [Charge("SM1", Decimal("0.00790"), "USD"), Charge("SM3", Decimal(0), "USD")]
    assert seen[0]["From"] == "whatsapp:+12025550100"
    assert seen[0]["DateSent>"].startswith("2026-12-01")


async def test_a_file_that_came_in_is_fetched_with_credentials() -> None:
    async with twilio() as (adapter, seen):
        base = adapter._settings.base_url
        remote = f"{base}/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1"
        assert await adapter.fetch(Attachment("media-1", "image/jpeg", 0, remote=remote)) == b"picture"
        for elsewhere in (f"{base}/private", "http://169.254.169.254/latest", ""):
            with pytest.raises(PermanentFailure):
                await adapter.fetch(Attachment("media-1", "image/jpeg", 0, remote=elsewhere))
    assert seen == [{"Authorization": "Basic " + base64.b64encode(f"{SID}:token".encode()).decode()}]


async def test_a_find_that_cannot_ask_says_so() -> None:
    async with twilio() as (adapter, _):
        adapter._client.http_client._base = adapter._client.http_client._base._replace(path="/elsewhere")
        with pytest.raises(ChannelFault):
            await adapter.find(MessageFacts(MESSAGE, NOW, NOW))


def test_every_code_has_one_outcome_in_both_moments() -> None:
    classes = {"permanent": PermanentFailure, "transient": TransientFailure, "fault": ChannelFault}
    for code, meaning in CODES.items():
        failure = failure_of(400, code, "words", None)
        assert type(failure) is classes[meaning.outcome], code
        assert failure.code == str(code)
        assert (kind_of(str(code)) == "") == (meaning.outcome == "transient"), code
        if code != 20429:
            assert type(failure_of(500, code, "words", None)) is UnknownOutcome, code


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (PermanentKind.OPTED_OUT, (21610, 63033)),
        (PermanentKind.BAD_ADDRESS, (21211, 21614, 30005, 30006, 63003, 63024)),
        (PermanentKind.CONTENT_REFUSED, (21617, 21623, 30004, 30007, 63013, 63021)),
        (PermanentKind.REJECTED, (63032,)),
        (PermanentKind.WINDOW_CLOSED, (63016,)),
        (PermanentKind.COUNTRY_UNSERVED, (21408,)),
    ],
)
def test_documented_codes(kind: PermanentKind, codes: tuple[int, ...]) -> None:
    assert {CODES[code].kind for code in codes} == {kind}
    assert {CODES[code].outcome for code in codes} == {"permanent"}


def test_documented_codes_that_pass_or_need_a_person() -> None:
    assert {CODES[code].outcome for code in (20429, 30001, 30003, 30008, 63017, 63018)} == {"transient"}
    assert {CODES[code].outcome for code in (20003, 21606, 21608, 63001, 63015)} == {"fault"}
