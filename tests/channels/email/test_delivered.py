"""Raw mail that a provider posts: who may, in which shapes, and that it is stored before it is acknowledged."""

import json
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI

from channels import webhooks
from channels.adapter import ReceivesLargeBodies, ReceivesWebhooks
from channels.email.adapter import EmailAdapter
from channels.email.settings import EmailSettings
from channels.webhooks import webhook_router
from core.errors import ConfigurationError, StoreUnavailable
from core.tokens import Signer
from tests.channels.asgi import call

SECRET = "a-secret-of-this-test"
BEARER = {"authorization": f"Bearer {SECRET}"}
TOKEN = Signer("secret", "reply").sign("06h01q6cllo01eguq260ea5eu4")
MAIL = (
    "From: Mina <mina@example.net>\r\nTo: reply@shop.example.com\r\nMessage-ID: <m1@example.net>\r\n"
    "Content-Type: text/plain; charset=windows-1251\r\n\r\nДа, хочу\r\n"
).encode("windows-1251")


class Spooled:
    """Keeps deliveries in a list, or is away."""

    def __init__(self):
        self.kept, self.away = [], False

    async def store(self, inbound):
        if self.away:
            raise StoreUnavailable("the database is locked")
        self.kept += inbound


def account(secret=SECRET):
    return EmailAdapter(EmailSettings("smtp.example.com", "vera@shop.example.com", inbound_secret=secret))


def application(spool, email):
    app = FastAPI()
    app.include_router(webhook_router({"email": email}, spool, public_url="https://shop.example"))
    return app


async def posted(body, content_type="message/rfc822", headers=None, *, email=None, spool=None, path="/webhooks/email"):
    spool, email = spool or Spooled(), email or account()
    head = (BEARER if headers is None else headers) | {"content-type": content_type}
    answer = await call(application(spool, email), "POST", path, body, head)
    return answer, spool.kept, email


def form(**fields):
    parts = b"".join(
        b'--b0undary\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
        for name, value in fields.items()
    )
    return parts + b"--b0undary--\r\n", "multipart/form-data; boundary=b0undary"


def as_file(mail):
    disposition = (
        b'Content-Disposition: form-data; name="email"; filename="m.eml"\r\nContent-Type: message/rfc822\r\n\r\n'
    )
    return b"--b\r\n" + disposition + mail + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


SHAPES = {
    "as it is": (MAIL, "message/rfc822"),
    "without a type": (MAIL, ""),
    "octets": (MAIL, "application/octet-stream"),
    "form, email": form(to=b"reply@shop.example.com", email=MAIL, spam_score=b"0"),
    "form, body-mime": form(**{"recipient": b"reply@shop.example.com", "body-mime": MAIL}),
    "form, a file": as_file(MAIL),
    "urlencoded": (urlencode({"body-mime": MAIL}).encode(), "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize(("body", "content_type"), SHAPES.values(), ids=SHAPES)
async def test_every_shape_is_the_same_mail(body, content_type):
    answer, [raw], email = await posted(body, content_type)
    assert answer.status == 204
    assert raw.payload.rstrip() == MAIL.rstrip()
    [event] = email.parse(raw)
    assert (event.text, event.sender.value, event.key) == ("Да, хочу", "mina@example.net", "<m1@example.net>")


async def test_json_carries_it_as_text():
    mail = MAIL.decode("windows-1251").replace("windows-1251", "utf-8")
    body = json.dumps({"FromName": "Mina", "OriginalRecipient": f"reply+{TOKEN}@shop.example.com", "RawEmail": mail})
    _, [raw], email = await posted(body.encode(), "application/json")
    [event] = email.parse(raw)
    assert (event.text, event.reply_tokens) == ("Да, хочу", (TOKEN,))


@pytest.mark.parametrize(
    ("body", "content_type", "more"),
    [
        (*form(recipient=f"reply+{TOKEN}@shop.example.com".encode(), email=MAIL), {}),
        (*form(envelope=json.dumps({"to": [f"reply+{TOKEN}@shop.example.com"], "from": "x"}).encode(), email=MAIL), {}),
        (MAIL, "message/rfc822", {"x-envelope-to": f"<reply+{TOKEN}@shop.example.com>"}),
    ],
    ids=["recipient", "envelope", "header"],
)
async def test_the_envelopes_recipient_ties_it(body, content_type, more):
    _, [raw], email = await posted(body, content_type, BEARER | more)
    [event] = email.parse(raw)
    assert event.reply_tokens == (TOKEN,)


def basic(password):
    return {"authorization": "Basic " + b64encode(f"provider:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "path"),
    [(BEARER, ""), ({"authorization": f"bearer {SECRET}"}, ""), (basic(SECRET), ""), ({}, f"?token={SECRET}")],
)
async def test_ways_to_prove_oneself(headers, path):
    answer, kept, _ = await posted(MAIL, headers=headers, path="/webhooks/email" + path)
    assert (answer.status, len(kept)) == (204, 1)


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({}, ""), ({"authorization": "Bearer "}, ""), ({"authorization": f"Bearer {SECRET}x"}, ""), (basic("x"), ""),
        ({"authorization": "Basic !!!"}, ""), ({"authorization": "Basic " + "A" * 50_000}, ""), ({}, "?token="),
        ({"authorization": f"Digest {SECRET}"}, ""), ({"authorization": SECRET}, ""), ({}, f"?secret={SECRET}"),
        ({"authorization": "Bearer \xff"}, ""),
    ],
)  # fmt: skip
async def test_whoever_does_not_is_not_even_read(headers, path):
    read = []

    def body():
        for number in range(1000):
            read.append(number)
            yield MAIL

    answer, kept, _ = await posted(body(), headers=headers, path="/webhooks/email" + path)
    assert (answer.status, kept) == (403, [])
    assert len(read) <= 1


async def test_without_a_secret_nobody_may():
    for headers in ({}, {"authorization": "Bearer "}, basic("")):
        answer, kept, _ = await posted(MAIL, headers=headers, email=account(secret=""))
        assert (answer.status, kept) == (403, [])
    with pytest.raises(ConfigurationError, match="inbound_secret"):
        account(secret="short")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "message/rfc822"), (b" \r\n", "message/rfc822"), form(subject=b"x"), (b"{", "application/json"),
        (b"[]", "application/json"), (b"{}", "application/json"), (b"a=b", "application/x-www-form-urlencoded"),
        (b"nothing", "multipart/form-data"),
    ],
)  # fmt: skip
async def test_what_has_no_mail_in_it_is_refused_aloud(body, content_type):
    answer, kept, _ = await posted(body, content_type)
    assert (answer.status, kept) == (422, [])
    assert answer.text


async def test_a_repeat_has_the_same_key_and_another_mail_another():
    _, [once], _ = await posted(MAIL)
    _, [again], _ = await posted(*form(email=MAIL))
    _, [other], _ = await posted(MAIL + b"x")
    assert once.key == again.key != other.key


async def test_it_is_bounded_and_not_acknowledged_before_it_is_stored(monkeypatch):
    spool, email = Spooled(), account()
    assert isinstance(email, ReceivesWebhooks)
    assert isinstance(email, ReceivesLargeBodies)
    large = MAIL + b"x" * (2 * webhooks.MAX_BODY)
    answer, kept, _ = await posted(large, spool=spool)
    assert (answer.status, len(kept[0].payload)) == (204, len(large))
    monkeypatch.setattr("channels.email.delivered.LARGEST_MAIL", webhooks.MAX_BODY)
    read = []

    def endless():
        while True:
            read.append(1)
            yield b"x" * 100_000

    answer, _, _ = await posted(endless(), spool=spool)
    assert (answer.status, len(spool.kept)) == (413, 1)
    assert len(read) < 20
    spool.away = True
    answer, _, _ = await posted(MAIL, spool=spool)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


async def test_few_large_mails_are_in_memory_at_once(monkeypatch):
    monkeypatch.setattr(webhooks, "LARGE_AT_ONCE", 0)
    answer, kept, _ = await posted(MAIL)
    assert (answer.status, kept) == (503, [])
