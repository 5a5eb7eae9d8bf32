"""Updates as Telegram sends them, read as events."""

from pathlib import Path

import pytest

from channels.telegram.updates import callback_query_id, parse, raw_update
from core.messages import Address, ChannelEvent, InboundMessage, ReachabilityChanged

FIXTURES = Path(__file__).parent / "fixtures"
ANNA = Address("telegram", "5550101", "100001")


def read(name: str) -> list[ChannelEvent]:
    return parse(raw_update("bot", (FIXTURES / f"{name}.json").read_bytes()), "100001")


def read_message(name: str) -> InboundMessage:
    (event,) = read(name)
    assert isinstance(event, InboundMessage)
    return event


def test_a_message_brings_its_sender_text_and_locale() -> None:
    event = read_message("message")
    assert (event.account, event.key, event.sender) == ("bot", "700001", ANNA)
    assert (event.text, event.sender_name, event.locale) == ("Да, ещё интересно!", "Anna Example", "ru")
    assert (event.message_id, event.sent_raw, event.start_token) == ("5550101:41", "1796126400", "")


def test_start_with_a_payload_gives_the_token() -> None:
    assert read_message("start").start_token == "0abc_DEF-123"


def test_start_alone_is_a_message_without_a_token() -> None:
    event = read_message("start_bare")
    assert (event.text, event.start_token) == ("/start", "")


def test_a_pressed_button_brings_its_value_its_label_and_the_message_it_stood_under() -> None:
    event = read_message("callback_query")
    assert (event.button, event.text, event.in_reply_to, event.sender) == ("no", "Нет", "5550101:44", ANNA)
    assert callback_query_id(raw_update("bot", (FIXTURES / "callback_query.json").read_bytes())) == "4382bfdwdsb323b2d9"


def test_a_reply_names_the_message_it_answers() -> None:
    assert read_message("reply").in_reply_to == "5550101:44"


@pytest.mark.parametrize(("name", "reachable"), [("blocked", False), ("unblocked", True)])
def test_blocking_the_bot_changes_reachability(name: str, reachable: bool) -> None:
    (event,) = read(name)
    assert isinstance(event, ReachabilityChanged)
    assert (event.address, event.reachable) == (ANNA, reachable)


@pytest.mark.parametrize("name", ["edited", "group"])
def test_edits_and_groups_are_not_ours(name: str) -> None:
    assert read(name) == []


def test_a_photo_is_metadata_with_its_caption_as_text() -> None:
    event = read_message("photo")
    assert event.text == "вот чек"
    assert [(file.media_type, file.size) for file in event.attachments] == [("image/jpeg", 90412)]


def test_a_document_keeps_its_name() -> None:
    (file,) = read_message("document").attachments
    assert (file.name, file.media_type, file.size) == ("invoice.pdf", "application/pdf", 20481)


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b'{"update_id":1}', b'{"update_id":1,"message":[]}', b'{"message":{"chat":7}}', b"\xff"],
)
def test_what_is_no_update_is_kept_and_gives_nothing(payload: bytes) -> None:
    raw = raw_update("bot", payload)
    assert raw.payload == payload
    assert raw.key
    assert parse(raw, "100001") == []


def test_the_key_is_the_update_id_whatever_the_order_of_fields() -> None:
    assert raw_update("bot", b'{"update_id":5,"a":1}').key == raw_update("bot", b'{"a":1,"update_id":5}').key == "5"
