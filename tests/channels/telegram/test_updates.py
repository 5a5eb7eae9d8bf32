"""Updates as Telegram sends them, read as events."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from channels.telegram.updates import callback_query_id, parse, raw_update
from core.messages import (
    Address,
    AddressChanged,
    Attachment,
    ChannelEvent,
    InboundMessage,
    ReachabilityChanged,
    StaffWrote,
    TopicShut,
)

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


@pytest.mark.parametrize("name", ["group", "moving_place"])
def test_groups_and_moving_places_are_not_ours(name: str) -> None:
    assert read(name) == []


def test_an_edit_names_the_message_that_it_changes() -> None:
    first, edit = read_message("message"), read_message("edited")
    assert (edit.text, edit.replaces, edit.key) == ("Да!", first.message_id, "700004")
    assert edit.key != first.key, "it is stored beside the first"
    caption = read_message("edited_caption")
    assert (caption.text, caption.replaces, len(caption.attachments)) == ("новый чек", "5550101:65", 1)


def test_a_group_that_moves_says_where_to() -> None:
    (event,) = read("migrated")
    old, new = Address("telegram", "-4501", "100001"), Address("telegram", "-1001234567890", "100001")
    assert event == AddressChanged("bot", "700025", old, new)


def test_only_the_senders_own_contact_proves_a_phone() -> None:
    own = read_message("contact")
    assert (own.phone, own.text, own.in_reply_to) == ("+12025550111", "Anna Example 12025550111", "5550101:59")
    for name, text in (("contact_of_another", "Boris +1 202-555-0112"), ("contact_unknown", "Plumber +1 202-555-0113")):
        event = read_message(name)
        assert (event.phone, event.text) == ("", text)


def test_a_place_comes_in_words() -> None:
    assert read_message("place").text == "Dom Square, Old Town, 56.9463, 24.1051"


def test_a_photo_is_metadata_with_its_caption_as_text() -> None:
    event = read_message("photo")
    assert event.text == "вот чек"
    (file,) = event.attachments
    assert (file.media_type, file.size, bool(file.remote)) == ("image/jpeg", 90412, True)


def test_a_document_keeps_its_name() -> None:
    (file,) = read_message("document").attachments
    assert (file.name, file.media_type, file.size) == ("invoice.pdf", "application/pdf", 20481)


def test_a_voice_message_can_be_fetched_by_its_id() -> None:
    (file,) = read_message("voice").attachments
    assert file == Attachment("voice.ogg", "audio/ogg", 18211, remote="AwACAgIAAxkBAAIBV")


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


GROUP = {"id": -1001234567890, "type": "supergroup", "is_forum": True}
OLGA = {"id": 5550177, "is_bot": False, "first_name": "Olga"}


def in_group(kind: str = "message", **message: Any) -> list[ChannelEvent]:
    said = {"message_id": 9, "from": OLGA, "chat": GROUP, "date": 1, "message_thread_id": 4, "is_topic_message": True}
    update = {"update_id": 1, kind: {key: value for key, value in {**said, **message}.items() if value is not None}}
    return parse(raw_update("bot", orjson.dumps(update)), "100001", frozenset({"-1001234567890"}))


def test_what_stands_in_a_topic_of_the_desk_is_staffs_and_never_a_customers() -> None:
    assert in_group(text="hello") == [
        StaffWrote("bot", "1", "-1001234567890", 4, "9", "5550177", "Olga", "hello"),
    ]
    (edited,) = in_group("edited_message", text="hello!")
    assert isinstance(edited, StaffWrote)
    assert (edited.edited, edited.text) == (True, "hello!")
    (sticker,) = in_group(sticker={"file_id": "s"})
    assert isinstance(sticker, StaffWrote)
    assert (sticker.text, sticker.attachments) == ("", (Attachment("sticker.webp", "image/webp", 0, remote="s"),))
    (moving,) = in_group(sticker={"file_id": "s", "emoji": "👍", "is_animated": True})
    assert isinstance(moving, StaffWrote)
    assert (moving.text, moving.attachments) == ("👍", ())
    (place,) = in_group(location={"latitude": 55.75, "longitude": 37.62})
    assert isinstance(place, StaffWrote)
    assert "55.75, 37.62" in place.text
    assert "mlat=55.750000&mlon=37.620000" in place.text
    (plain,) = in_group(text="hi", reply_to_message={"message_id": 4, "forum_topic_created": {}})
    (reply,) = in_group(text="hi", reply_to_message={"message_id": 7, "text": "Where?"})
    assert [one.in_reply_to for one in (plain, reply) if isinstance(one, StaffWrote)] == ["", "7"]
    as_group: dict[str, Any] = {"sender_chat": GROUP, "from": {"id": 1087968824, "is_bot": True}}
    (unnamed,) = in_group(text="hi", **as_group)
    assert isinstance(unnamed, StaffWrote)
    assert unnamed.user == ""


@pytest.mark.parametrize(
    "message",
    [
        {"text": "hi", "is_topic_message": None},  # a thread of replies, or the general topic
        {"text": "hi", "from": {"id": 100001, "is_bot": True}},
        {"text": "hi", "chat": {**GROUP, "id": -1009999999999}},
        {"forum_topic_reopened": {}},
        {"forum_topic_closed": {}, "from": {"id": 100001, "is_bot": True}},
    ],
)
def test_what_else_goes_on_in_groups_is_not_heard(message: dict[str, Any]) -> None:
    assert in_group(**message) == []


def test_a_topic_that_somebody_closes_by_hand_is_heard_of() -> None:
    assert in_group(forum_topic_closed={}) == [TopicShut("bot", "1", "-1001234567890", 4)]
