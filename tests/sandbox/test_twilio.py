"""The Messages API with Twilio's own SDK and validator, and against Twilio's description of it."""

import asyncio
import re
from typing import Any

import orjson
import pytest
from aiohttp import web
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from sandbox.twilio.account import DEFAULT_NUMBER, DEFAULT_SID, DEFAULT_TOKEN
from sandbox.twilio.segments import segments
from tests.sandbox.browser import until
from tests.sandbox.scene import Company, Running, spec

ANNA = "+12025550111"
WHATSAPP = f"whatsapp:{DEFAULT_NUMBER}"
CONTENT = "HX" + "0" * 32


class Redirected(TwilioHttpClient):
    """The SDK's HTTP client, towards the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=60)
        self._base = base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._base), *args, **kwargs)


class Sdk:
    """The SDK's synchronous client, in threads."""

    def __init__(self, sandbox: Running, token: str = DEFAULT_TOKEN) -> None:
        self.http = Redirected(sandbox.url)
        self.client = Client(DEFAULT_SID, token, http_client=self.http)

    async def create(self, to: str = ANNA, **fields: Any) -> Any:
        fields.setdefault("from_", WHATSAPP if to.startswith("whatsapp:") else DEFAULT_NUMBER)
        return await asyncio.to_thread(self.client.messages.create, to=to, **fields)

    async def refused(self, to: str = ANNA, **fields: Any) -> TwilioRestException:
        with pytest.raises(TwilioRestException) as refused:
            await self.create(to, **fields)
        return refused.value

    def close(self) -> None:
        if self.http.session is not None:
            self.http.session.close()


@pytest.fixture
def sdk(sandbox: Running) -> Any:
    made = Sdk(sandbox)
    yield made
    made.close()


async def test_a_message_goes_queued_sent_delivered_with_signed_callbacks(
    sandbox: Running, sdk: Sdk, company: Company
) -> None:
    url = f"{company.url}/twilio/status?m=1"
    made = await sdk.create(body="Hello", status_callback=f"{url}#rc=2&rp=all")
    assert (made.status, made.num_segments, made.date_sent, made.price) == ("queued", "1", None, None)
    assert sandbox.texts("anna", "sms") == []
    await sandbox.later(1)
    await sandbox.later(2)
    assert [request.form["MessageStatus"] for request in company.requests] == ["sent", "delivered"]
    validator = RequestValidator(DEFAULT_TOKEN)
    for request in company.requests:
        assert validator.validate(url, request.form, request.headers["X-Twilio-Signature"])
    assert sandbox.texts("anna", "sms") == ["Hello"]
    fetched = await asyncio.to_thread(sdk.client.messages(made.sid).fetch)
    assert (fetched.status, fetched.price, fetched.error_code) == ("delivered", "-0.00790", None)
    assert fetched.date_sent > fetched.date_created
    (entry,) = await sandbox.ledger()
    assert (entry["channel"], entry["to"], entry["provider_id"]) == ("sms", ANNA, made.sid)


@pytest.mark.parametrize(
    ("to", "fields", "status", "code"),
    [
        ("12345", {"body": "x"}, 400, 21211),
        ("+989000000001", {"body": "x"}, 400, 21408),
        (ANNA, {"body": "x", "from_": "+12025550199"}, 400, 21606),
        (ANNA, {"body": "я" * 1601}, 400, 21617),
        (ANNA, {}, 400, 21619),
        (f"whatsapp:{ANNA}", {"body": "x", "from_": "whatsapp:+12025550199"}, 400, 63007),
        (f"whatsapp:{ANNA}", {"content_sid": CONTENT}, 400, 21655),
        (ANNA, {"body": "x", "from_": WHATSAPP}, 400, 21910),
    ],
)
async def test_refusals(sandbox: Running, sdk: Sdk, to: str, fields: dict[str, Any], status: int, code: int) -> None:
    error = await sdk.refused(to, **fields)
    assert (error.status, error.code) == (status, code)
    (entry,) = await sandbox.ledger()
    assert (entry["accepted"], entry["code"]) == (False, code)


async def test_wrong_credentials(sandbox: Running) -> None:
    sdk = Sdk(sandbox, token="wrong")
    error = await sdk.refused(body="x")
    assert (error.status, error.code) == (401, 20003)
    sdk.close()


@pytest.mark.parametrize(
    ("to", "code"), [("+12025550113", "30006"), ("+12025550177", "30005"), ("whatsapp:+12025550113", "63024")]
)
async def test_unreachable_numbers_are_accepted_and_undelivered(
    sandbox: Running, sdk: Sdk, company: Company, to: str, code: str
) -> None:
    await sdk.create(to, body="x", status_callback=company.url)
    await sandbox.later(5)
    last = company.requests[-1].form
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", code)


async def test_whatsapp_free_text_needs_a_word_of_the_customer_within_a_day(
    sandbox: Running, sdk: Sdk, company: Company
) -> None:
    await sandbox.post("/control/twilio", {"contents": {CONTENT: "Hello {{1}}!"}, "inbound_url": company.url})
    to = f"whatsapp:{ANNA}"

    async def last_status(**fields: Any) -> tuple[str, str | None]:
        await sdk.create(to, status_callback=company.url, **fields)
        await sandbox.later(100)
        form = company.requests[-1].form
        return form["MessageStatus"], form.get("ErrorCode")

    assert await last_status(body="free") == ("undelivered", "63016")
    assert await last_status(content_sid=CONTENT, content_variables='{"1": "Anna"}') == ("read", None)
    assert sandbox.texts("anna", "whatsapp") == ["Hello Anna!"]
    assert (await sdk.refused(to, content_sid=CONTENT, content_variables='{"2": "Anna"}')).code == 21656
    await sandbox.do("anna", do="reply", channel="whatsapp", text="hi")
    assert await last_status(body="free") == ("read", None)
    await sandbox.later(24 * 3600)
    assert await last_status(body="free") == ("undelivered", "63016")


async def test_inbound_messages_are_signed_and_stop_stops_sms_only(
    sandbox: Running, sdk: Sdk, company: Company
) -> None:
    url = f"{company.url}/twilio/inbound"
    await sandbox.post("/control/twilio", {"inbound_url": url})
    assert await sandbox.do("anna", do="stop", channel="sms") == "delivered"
    form = company.requests[0].form
    assert RequestValidator(DEFAULT_TOKEN).validate(url, form, company.requests[0].headers["X-Twilio-Signature"])
    assert (form["Body"], form["From"], form["To"]) == ("STOP", ANNA, DEFAULT_NUMBER)
    assert "OptOutType" not in form
    assert (await sdk.refused(body="x")).code == 21610
    await sandbox.do("anna", do="write", channel="whatsapp", text="STOP")
    assert company.requests[-1].form["WaId"] == ANNA[1:]
    await sdk.create(f"whatsapp:{ANNA}", body="x")
    await sandbox.post("/control/twilio", {"advanced_opt_out": True})
    await sandbox.do("anna", do="start")
    assert company.requests[-1].form["OptOutType"] == "START"
    await sdk.create(body="x")


async def test_a_failed_webhook_is_tried_as_its_fragment_says(sandbox: Running, company: Company) -> None:
    company.answer = lambda _: web.Response(status=503)
    await sandbox.post("/control/twilio", {"inbound_url": f"{company.url}/in#rc=2&rp=5xx"})
    assert await sandbox.do("anna", do="write", channel="sms", text="hi") == "nobody took it"
    assert len(company.requests) == 3
    assert len({request.form["MessageSid"] for request in company.requests}) == 1
    await sandbox.post("/control/twilio", {"inbound_url": f"{company.url}/in"})
    await sandbox.do("anna", do="write", channel="sms", text="hi")
    assert len(company.requests) == 4


async def test_twiml_in_the_answer_is_sent(sandbox: Running, company: Company) -> None:
    body = '<?xml version="1.0"?><Response><Message>Thank you</Message></Response>'
    company.answer = lambda _: web.Response(text=body, content_type="text/xml")
    await sandbox.post("/control/twilio", {"inbound_url": company.url})
    await sandbox.do("anna", do="write", channel="sms", text="hi")
    await sandbox.later(5)
    assert sandbox.texts("anna", "sms") == ["hi", "Thank you"]


async def test_listing_by_recipient_and_time(sandbox: Running, sdk: Sdk) -> None:
    for number in range(5):
        await sdk.create(body=f"n{number}")
        await sandbox.later(60)
    await sdk.create("+12025550113", body="other")

    def bodies(**filters: Any) -> list[str]:
        return [found.body for found in sdk.client.messages.list(to=ANNA, page_size=2, **filters)]

    assert await asyncio.to_thread(bodies) == ["n4", "n3", "n2", "n1", "n0"]
    assert await asyncio.to_thread(bodies, limit=3) == ["n4", "n3", "n2"]
    since = sandbox.world.clock.now().replace(minute=2, second=30)
    assert await asyncio.to_thread(bodies, date_sent_after=since) == ["n4", "n3"]
    assert await asyncio.to_thread(bodies, date_sent_before=since) == ["n2", "n1", "n0"]
    assert await asyncio.to_thread(bodies, from_="+12025550198") == []


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        ({"kind": "accept_then_drop"}, True),
        ({"kind": "drop_before"}, False),
        ({"kind": "status", "code": 429}, False),
        ({"kind": "status", "code": 500}, False),
        ({"kind": "status", "code": 500, "accepted": True}, True),
        ({"kind": "hang"}, True),
    ],
)
async def test_the_ledger_tells_what_was_accepted(
    sandbox: Running, sdk: Sdk, fault: dict[str, Any], accepted: bool
) -> None:
    await sandbox.post("/control/faults", [{"provider": "twilio", "count": 1, **fault}])
    sdk.http.timeout = 0.5 if fault["kind"] == "hang" else 60
    with pytest.raises(Exception) as failed:
        await sdk.create(body="x")
    sdk.http.timeout = 60
    await until(lambda: len(sandbox.world.ledger))  # who gave up did not wait for it
    if fault.get("code") == 429:
        assert isinstance(failed.value, TwilioRestException)
        assert failed.value.code == 20429
    (entry,) = await sandbox.ledger()
    assert entry["accepted"] is accepted
    assert len(await asyncio.to_thread(sdk.client.messages.list, to=ANNA)) == int(accepted)


async def test_callbacks_come_twice_and_in_the_wrong_order(sandbox: Running, sdk: Sdk, company: Company) -> None:
    rules = [{"provider": "twilio", "kind": "duplicate", "times": 2}, {"provider": "twilio", "kind": "reorder"}]
    await sandbox.post("/control/faults", rules)
    await sdk.create(body="x", status_callback=company.url)
    await sandbox.later(5)
    assert [request.form["MessageStatus"] for request in company.requests] == ["delivered"] * 2 + ["sent"] * 2


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2), ("я" * 70, 1), ("я" * 71, 2), ("я" * 134, 2), ("я" * 135, 3),
        ("😀" * 35, 1), ("😀" * 36, 2), ("سلام", 1), ("ç", 1),
    ],
)  # fmt: skip
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


async def test_answers_are_as_twilio_describes_them(sandbox: Running, sdk: Sdk) -> None:
    description = spec("twilio_api_v2010.json")
    schemas = description["components"]["schemas"]
    await sdk.create(body="x")
    await sandbox.later(5)
    auth = sdk.client.auth
    root = f"{sandbox.url}/2010-04-01/Accounts/{DEFAULT_SID}"

    def get(url: str) -> Any:
        return sdk.client.http_client.request("GET", url, auth=auth).text

    listed = orjson.loads(await asyncio.to_thread(get, f"{root}/Messages.json"))
    path = description["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    answer = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert set(listed) == set(answer)
    message = schemas["api.v2010.account.message"]["properties"]
    (first,) = listed["messages"]
    assert set(first) == set(message)
    for name, described in message.items():
        value = first[name]
        if value is None:
            assert described.get("nullable"), name
        elif "pattern" in described:
            assert re.fullmatch(described["pattern"], value), name
        elif described.get("type") == "string":
            assert isinstance(value, str), name
    assert first["status"] in schemas["message_enum_status"]["enum"]
    assert first["direction"] in schemas["message_enum_direction"]["enum"]
    account = orjson.loads(await asyncio.to_thread(get, f"{root}.json"))
    assert set(account) == set(schemas["api.v2010.account"]["properties"])


async def test_a_messaging_service_chooses_its_number_when_it_sends(
    sandbox: Running, sdk: Sdk, company: Company
) -> None:
    service = "MG0123456789abcdef0123456789abcdef"
    made = await sdk.create(from_=None, messaging_service_sid=service, body="x", status_callback=company.url)
    assert (made.status, made.from_, made.num_segments) == ("accepted", None, "0")
    await sandbox.later(5)
    assert [request.form["From"] for request in company.requests] == [DEFAULT_NUMBER] * 2
    error = await sdk.refused(from_=None, messaging_service_sid="MG" + "f" * 32, body="x")
    assert error.code == 21701
