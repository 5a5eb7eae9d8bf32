"""Twilio's callbacks read as events, and their signature."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from channels.twilio.callbacks import fields_of, parse, raw_callback
from channels.twilio.signatures import AGAIN, is_genuine, sign
from core.machines.message import MessageState
from core.messages import Address, ChannelEvent, DeliveryReport, InboundMessage, RawInbound

FIXTURES = Path(__file__).parent / "fixtures"
TOKEN = "not-a-real-token"


def read(name: str) -> tuple[str, ChannelEvent]:
    raw = raw_callback("sms", "sms", (FIXTURES / f"{name}.form").read_bytes().strip())
    (event,) = parse(raw)
    return raw.key, event


def message(name: str) -> InboundMessage:
    key, event = read(name)
    assert isinstance(event, InboundMessage)
    assert event.key == key == event.message_id
    return event


def report(name: str) -> DeliveryReport:
    key, event = read(name)
    assert isinstance(event, DeliveryReport)
    assert event.key == key
    return event


def test_an_sms() -> None:
    event = message("sms_inbound")
    assert (event.sender, event.text) == (Address("sms", "+12025550142"), "Yes, still interested")


def test_a_stop_that_twilio_answers_itself_says_so() -> None:
    assert (message("sms_stop").opt_out_type, message("sms_inbound").opt_out_type) == ("STOP", "")


def test_media_are_told_with_the_address_that_they_wait_at() -> None:
    picture, paper = message("mms_inbound").attachments
    assert (picture.media_type, paper.media_type) == ("image/jpeg", "application/pdf")
    assert picture.remote.endswith("/Messages/MM3/Media/ME1")
    assert (picture.blob, picture.size) == ("", 0)


def sms(body: str, sender: str = "+12025550142") -> bytes:
    return urlencode({"MessageSid": "SM1", "From": sender, "To": "+12025550100", "Body": body}).encode()


@pytest.mark.parametrize(
    ("word", "order"),
    [
        *((word, "STOP") for word in ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")),
        *((word, "START") for word in ("START", "UNSTOP")),
        *((word, "HELP") for word in ("HELP", "INFO")),
        ("  stop ", "STOP"),
        ("YES", ""),  # an answer, unless they had stopped: the bot knows
        ("stop it", ""),
        ("стоп", ""),  # ours to answer
    ],
)
def test_opt_out_words_that_twilio_answers_by_sms_are_not_answered_twice(word: str, order: str) -> None:
    (event,) = parse(RawInbound("sms", "sms", "k", sms(word)))
    assert isinstance(event, InboundMessage)
    assert event.opt_out_type == order
    (ours,) = parse(RawInbound("sms", "sms", "k", sms(word)), words_answered=False)
    (whatsapp,) = parse(RawInbound("sms", "sms", "k", sms(word, "whatsapp:+447700900123")))
    assert isinstance(ours, InboundMessage)
    assert isinstance(whatsapp, InboundMessage)
    assert (ours.opt_out_type, whatsapp.opt_out_type) == ("", "")


def test_a_quick_reply_without_a_body_says_its_label() -> None:
    body = urlencode(
        {"MessageSid": "SM1", "From": "whatsapp:+447700900123", "ButtonText": "Да", "ButtonPayload": "yes"}
    )
    (event,) = parse(RawInbound("wa", "whatsapp", "k", body.encode()))
    assert isinstance(event, InboundMessage)
    assert (event.text, event.button) == ("Да", "yes")


def test_an_error_without_words_tells_its_status() -> None:
    event = report("status_undelivered")  # ErrorMessage= is empty
    assert (event.code, event.detail) == ("30005", "undelivered")


def test_unknown_fields_are_signed_and_welcome() -> None:
    """Parameters appear unannounced."""
    form = [("MessageSid", "SM1"), ("From", "+12025550142"), ("Body", "hi"), ("NewOfTwilio", "1"), ("Empty", "")]
    signature = RequestValidator(TOKEN).compute_signature("https://shop.example/w", dict(form))
    assert is_genuine(TOKEN, signature, "https://shop.example/w", form=form)
    (event,) = parse(raw_callback("sms", "sms", urlencode(form).encode()))
    assert isinstance(event, InboundMessage)
    assert event.text == "hi"


def test_a_whatsapp_message_brings_the_profile_name() -> None:
    event = message("whatsapp_inbound")
    assert (event.sender, event.sender_name) == (Address("whatsapp", "+447700900123"), "Анна")


def test_a_whatsapp_button_brings_its_payload_and_the_message_it_stood_under() -> None:
    event = message("whatsapp_button")
    assert (event.button, event.text, event.in_reply_to) == ("show_offer", "Show me", "SM" + f"{77:032x}")


def test_a_business_scoped_id_is_scoped_by_our_number() -> None:
    assert message("whatsapp_scoped").sender == Address("whatsapp", "US.13491208655302741918", "+12025550100")


@pytest.mark.parametrize(
    ("name", "status", "code", "failure"),
    [
        ("status_sent", MessageState.ACCEPTED, "", ""),
        ("status_delivered", MessageState.DELIVERED, "", ""),
        ("status_read", MessageState.READ, "", ""),
        ("status_undelivered", MessageState.FAILED, "30005", "bad_address"),
        ("status_failed_passing", MessageState.FAILED, "30003", ""),
        ("status_window_closed", MessageState.FAILED, "63016", "window_closed"),
    ],
)
def test_statuses(name: str, status: MessageState, code: str, failure: str) -> None:
    event = report(name)
    assert (event.status, event.code, event.failure) == (status, code, failure)
    assert event.key == f"{event.provider_id}:{name.split('_')[1]}" or name in (
        "status_failed_passing",
        "status_window_closed",
    )


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"a=1", b"MessageSid=SM1&MessageStatus=future", b"{}", b"MessageSid=SM1"]
)
def test_what_says_nothing_is_kept_and_gives_nothing(body: bytes) -> None:
    raw = raw_callback("sms", "sms", body)
    assert (raw.payload, bool(raw.key), parse(raw)) == (body, True, [])


def test_too_many_fields_are_no_form() -> None:
    assert fields_of(b"&".join(b"a=1" for _ in range(1001))) is None


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_urls = st.sampled_from(
    [
        "https://shop.example/webhooks/sms",
        "https://shop.example:443/webhooks/sms",
        "https://shop.example:8443/webhooks/sms?a=b%20c&d=",
        "http://shop.example/webhooks/sms#rc=2",
    ]
)


@settings(deadline=None)
@given(url=_urls, fields=st.dictionaries(_text.filter(bool), _text, max_size=6))
def test_the_signature_is_the_one_that_the_sdk_computes(url: str, fields: dict[str, str]) -> None:
    validator = RequestValidator(TOKEN)
    signature = sign(TOKEN, url, fields.items()).decode()
    assert signature == validator.compute_signature(url, fields)
    assert is_genuine(TOKEN, signature, url, form=list(fields.items()))
    assert not is_genuine(TOKEN, signature, url, form=[*fields.items(), ("Body", "forged\x00")])
    assert not is_genuine(TOKEN, signature, url + "x", form=list(fields.items()))
    assert not is_genuine("another-token", signature, url, form=list(fields.items()))


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://shop.example:443/w", "https://shop.example/w"),
        ("https://shop.example/w", "https://shop.example:443/w"),
        ("https://shop.example/w", "https://shop.example:8443/w"),
    ],
)
def test_a_port_more_or_less_is_no_forgery(signed: str, seen: str) -> None:
    assert is_genuine(TOKEN, sign(TOKEN, signed, [("a", "1")]).decode(), seen, form=[("a", "1")])


def test_the_fragment_that_we_ask_for_may_be_signed_or_not() -> None:
    """It never arrives: a client keeps it to itself."""
    for signed in ("https://shop.example/w", f"https://shop.example/w#{AGAIN}"):
        signature = RequestValidator(TOKEN).compute_signature(signed, {"a": "1"})
        assert is_genuine(TOKEN, signature, "https://shop.example/w", form=[("a", "1")])


def test_a_json_body_is_covered_by_its_hash() -> None:
    import hashlib

    body = b'{"a": "\xd0\xb4"}'
    url = f"https://shop.example/w?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = sign(TOKEN, url, []).decode()
    assert RequestValidator(TOKEN).validate(url, body.decode(), signature)
    assert is_genuine(TOKEN, signature, url, form=None, body=body)
    assert not is_genuine(TOKEN, signature, url, form=None, body=body + b" ")
    bare = "https://shop.example/w"
    assert not is_genuine(TOKEN, sign(TOKEN, bare, []).decode(), bare, form=None, body=body)
