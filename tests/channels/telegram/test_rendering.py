"""What a message becomes as a call, and what is refused before it."""

from dataclasses import replace

import pytest

from channels.telegram.answers import REFUSALS, Answer, failure_of
from channels.telegram.calls import Call
from channels.telegram.dialects import BALE
from channels.telegram.rendering import MOST_PARTS, TEXT_LIMIT, render
from core.errors import ChannelFault, PermanentFailure, PermanentKind, TransientFailure, UnknownOutcome
from core.messages import Address, Attachment, Button, OutboundMessage, Span
from core.purposes import Purpose

MESSAGE = OutboundMessage("m1", Address("telegram", "5550101", "100001"), Purpose.MARKETING, "Still <interested>?")


def only(message: OutboundMessage) -> Call:
    (call,) = render(message)
    return call


def test_plain_text_goes_without_a_parse_mode() -> None:
    assert only(MESSAGE).fields == {"chat_id": 5550101, "text": "Still <interested>?"}


def test_html_goes_with_its_parse_mode() -> None:
    fields = only(replace(MESSAGE, html="<b>Still</b> interested?")).fields
    assert (fields["text"], fields["parse_mode"]) == ("<b>Still</b> interested?", "HTML")


def test_each_button_is_a_row() -> None:
    buttons = (Button("Да", "yes"), Button("Shop", url="https://shop.example/"), Button("No"))
    assert only(replace(MESSAGE, buttons=buttons)).fields["reply_markup"] == {
        "inline_keyboard": [
            [{"text": "Да", "callback_data": "yes"}],
            [{"text": "Shop", "url": "https://shop.example/"}],
            [{"text": "No", "callback_data": "No"}],
        ]
    }


def test_the_limit_counts_what_is_seen_not_the_markup() -> None:
    assert only(replace(MESSAGE, html="<b>" + "&amp;" * 4096 + "</b>")).fields["parse_mode"] == "HTML"


def test_spans_become_entities_in_utf16_units() -> None:
    text = "😀 Счёт: оплатить"
    spans = (Span(2, 7, "bold"), Span(2, 6, "italic"), Span(8, 16, "link", "https://shop.example/"), Span(0, 0, "code"))
    fields = only(replace(MESSAGE, text=text, html="<b>never</b>", spans=spans)).fields
    assert (fields["text"], fields.get("parse_mode")) == (text, None)
    assert fields["entities"] == [
        {"type": "bold", "offset": 3, "length": 5},
        {"type": "italic", "offset": 3, "length": 4},
        {"type": "text_link", "offset": 9, "length": 8, "url": "https://shop.example/"},
    ]


def test_a_long_text_is_several_messages_and_the_buttons_stand_under_the_last() -> None:
    text = "\n\n".join(["слово " * 300] * 4)
    calls = render(replace(MESSAGE, text=text, buttons=(Button("Да", "yes"),)))
    assert [call.method for call in calls] == ["sendMessage"] * 2
    assert ["reply_markup" in call.fields for call in calls] == [False, True]
    assert "".join(" ".join(call.text for call in calls).split()) == "".join(text.split())


def test_long_html_is_split_with_its_formatting() -> None:
    html = f"<b>{'word ' * 1000}</b>&amp; <a href='https://shop.example/'>more</a>"
    calls = render(replace(MESSAGE, html=html))
    assert [call.fields.get("parse_mode") for call in calls] == [None, None]
    assert [entity["type"] for call in calls for entity in call.fields["entities"]] == ["bold", "bold", "text_link"]
    assert calls[-1].text.endswith("& more")


def test_more_than_four_messages_are_refused() -> None:
    with pytest.raises(PermanentFailure, match=f"would be {MOST_PARTS + 1} messages"):
        render(replace(MESSAGE, text="я" * (TEXT_LIMIT + 1)))


def test_callback_data_is_counted_in_bytes() -> None:
    assert render(replace(MESSAGE, buttons=(Button("a", "я" * 32),)))
    with pytest.raises(PermanentFailure, match="64 bytes"):
        render(replace(MESSAGE, buttons=(Button("a", "я" * 33),)))


@pytest.mark.parametrize(("media_type", "method"), [("image/png", "sendPhoto"), ("application/pdf", "sendDocument")])
def test_one_file_goes_with_the_text_as_caption(media_type: str, method: str) -> None:
    call = only(replace(MESSAGE, attachments=(Attachment("file", media_type, 3, content=b"abc"),)))
    assert (call.method, call.fields["caption"]) == (method, "Still <interested>?")


def files(*media_types: str) -> tuple[Attachment, ...]:
    return tuple(Attachment(f"file{n}", kind, 3, content=b"abc") for n, kind in enumerate(media_types))


def test_files_of_a_kind_are_an_album_with_the_text_under_it() -> None:
    call = only(replace(MESSAGE, attachments=files("image/png", "image/jpeg")))
    assert call.method == "sendMediaGroup"
    assert call.fields["media"] == [
        {"type": "photo", "media": "attach://file0", "caption": "Still <interested>?"},
        {"type": "photo", "media": "attach://file1"},
    ]
    assert set(call.files) == {"file0", "file1"}


def test_mixed_kinds_and_more_than_ten_are_several_albums_and_the_text_comes_last() -> None:
    calls = render(replace(MESSAGE, attachments=files(*["application/pdf"] * 2, *["image/png"] * 11)))
    shown = [(call.method, len(call.files)) for call in calls]
    assert shown == [("sendMediaGroup", 10), ("sendPhoto", 1), ("sendMediaGroup", 2), ("sendMessage", 0)]


def test_buttons_cannot_stand_under_an_album() -> None:
    message = replace(MESSAGE, attachments=files("image/png", "image/png"), buttons=(Button("Yes"),))
    album, text = render(message)
    assert ("caption" in album.fields["media"][0], text.fields["text"]) == (False, MESSAGE.text)
    assert "reply_markup" in text.fields
    with pytest.raises(PermanentFailure, match="need a text"):
        render(replace(message, text=""))


def test_a_text_too_long_for_a_caption_follows_its_file() -> None:
    calls = render(replace(MESSAGE, text="я" * 1025, attachments=files("image/png")))
    assert [call.method for call in calls] == ["sendPhoto", "sendMessage"]
    assert only(replace(MESSAGE, text="я" * 1024, attachments=files("image/png"))).fields["caption"]


def test_a_file_without_words_is_a_message() -> None:
    assert only(replace(MESSAGE, text="", attachments=files("image/png"))).fields == {"chat_id": 5550101}


def test_what_cannot_be_sent_is_refused_by_name() -> None:
    huge = replace(files("application/pdf")[0], content=bytes(50 * 1024**2 + 1))
    with pytest.raises(PermanentFailure, match="'file0' is larger than 50 MB"):
        render(replace(MESSAGE, attachments=(huge,)))
    with pytest.raises(PermanentFailure, match="has no content"):
        render(replace(MESSAGE, attachments=(Attachment("empty", "image/png", 0),)))
    with pytest.raises(PermanentFailure, match="the text is empty"):
        render(replace(MESSAGE, text=" \n"))


def test_a_reply_keyboard_can_ask_for_the_readers_own_number() -> None:
    buttons = (Button("Share my number", asks="contact"), Button("No"))
    assert only(replace(MESSAGE, buttons=buttons)).fields["reply_markup"] == {
        "keyboard": [[{"text": "Share my number", "request_contact": True}], [{"text": "No"}]],
        "resize_keyboard": True,
        "one_time_keyboard": True,
    }
    place = replace(MESSAGE, buttons=(Button("I am here", asks="location"),))
    assert only(place).fields["reply_markup"]["keyboard"] == [[{"text": "I am here", "request_location": True}]]
    plain = replace(MESSAGE, buttons=(Button("Yes", "1"),), keyboard="reply")
    assert only(plain).fields["reply_markup"]["keyboard"] == [[{"text": "Yes"}]]
    with pytest.raises(PermanentFailure, match="only buttons under the message"):
        render(replace(plain, buttons=(Button("Shop", url="https://shop.example/"),)))


def test_too_many_buttons_are_refused() -> None:
    with pytest.raises(PermanentFailure, match="101 buttons"):
        render(replace(MESSAGE, buttons=(Button("b"),) * 101))


def test_an_edit_changes_the_text_or_the_buttons_alone() -> None:
    edit = replace(MESSAGE, replaces="5550101:7", buttons=(Button("Yes", "y"),))
    call = only(edit)
    assert (call.method, call.fields["message_id"], call.fields["chat_id"]) == ("editMessageText", 7, 5550101)
    assert only(replace(edit, text="")).method == "editMessageReplyMarkup"
    assert "reply_markup" not in only(replace(edit, buttons=())).fields
    wrong = [
        replace(edit, replaces="404:7"),
        replace(edit, replaces="5550101:x"),
        replace(edit, attachments=files("image/png")),
        replace(edit, text="я" * 4097),
        replace(edit, keyboard="reply"),
    ]
    for message in wrong:
        with pytest.raises(PermanentFailure):
            render(message)


def test_a_server_with_fewer_methods_gets_what_it_has() -> None:
    spans = (Span(0, 5, "bold"), Span(6, 19, "link", "https://shop.example/"), Span(0, 5, "underline"))
    (call,) = render(replace(MESSAGE, spans=spans, html="<b>x</b>"), BALE)
    assert set(call.fields) == {"chat_id", "text"}
    assert call.text == "*Still* [<interested>?](https://shop.example/)"
    (call,) = render(replace(MESSAGE, html="<i>Still</i> &lt;here&gt;?"), BALE)
    assert (call.text, "parse_mode" in call.fields) == ("_Still_ <here>?", False)
    with pytest.raises(PermanentFailure) as caught:
        render(replace(MESSAGE, text="", replaces="5550101:7"), BALE)
    assert caught.value.kind is PermanentKind.UNSUPPORTED


@pytest.mark.parametrize(
    ("status", "description", "kind"),
    [
        (403, "Forbidden: bot was blocked by the user", PermanentKind.BLOCKED),
        (403, "Forbidden: user is deactivated", PermanentKind.BAD_ADDRESS),
        (403, "Forbidden: bot can't initiate conversation with a user", PermanentKind.BAD_ADDRESS),
        (403, "Forbidden: something new", PermanentKind.REJECTED),
        (400, "Bad Request: chat not found", PermanentKind.BAD_ADDRESS),
        (400, "Bad Request: message is too long", PermanentKind.CONTENT_REFUSED),
        (400, "Bad Request: can't parse entities: Unsupported start tag", PermanentKind.CONTENT_REFUSED),
        (400, "Bad Request: BUTTON_DATA_INVALID", PermanentKind.CONTENT_REFUSED),
        (400, "Bad Request: something new", PermanentKind.REJECTED),
        (413, "Request Entity Too Large", PermanentKind.CONTENT_REFUSED),
    ],
)
def test_refusals_by_their_words(status: int, description: str, kind: PermanentKind) -> None:
    failure = failure_of(Answer(status, description))
    assert isinstance(failure, PermanentFailure)
    assert (failure.kind, failure.code) == (kind, str(status))


def test_an_upgraded_group_names_its_new_chat() -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    failure = failure_of(Answer(400, words, migrate_to=-1001234567890))
    assert isinstance(failure, TransientFailure)
    assert (failure.moved_to, failure.retry_after) == ("-1001234567890", 0.0)


def test_the_other_classes() -> None:
    flood = failure_of(Answer(429, "Too Many Requests: retry after 7", retry_after=7))
    assert isinstance(flood, TransientFailure)
    assert flood.retry_after == 7
    assert isinstance(failure_of(Answer(401, "Unauthorized")), ChannelFault)
    assert isinstance(failure_of(Answer(404, "Not Found")), ChannelFault)
    assert isinstance(failure_of(Answer(500, "Internal Server Error")), UnknownOutcome)


def test_every_row_of_the_table_can_be_reached() -> None:
    for status, words, kind in REFUSALS:
        failure = failure_of(Answer(status, words))
        assert isinstance(failure, PermanentFailure)
        assert failure.kind is kind, (status, words)


OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01"
VOICE = Attachment("voice.ogg", "audio/ogg", len(OPUS), content=OPUS)


def test_a_voice_message_stays_one() -> None:
    call = only(replace(MESSAGE, attachments=(VOICE,)))
    assert (call.method, list(call.files), call.fields["caption"]) == ("sendVoice", ["voice"], MESSAGE.text)
    photo = Attachment("a.png", "image/png", 1, content=b"x")
    calls = render(replace(MESSAGE, attachments=(VOICE, photo, VOICE)))
    assert [call.method for call in calls] == ["sendPhoto", "sendVoice", "sendVoice", "sendMessage"]


@pytest.mark.parametrize(
    "file",
    [
        replace(VOICE, content=b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis"),
        replace(VOICE, media_type="audio/mpeg"),
    ],
)
def test_other_sounds_are_files(file: Attachment) -> None:
    assert only(replace(MESSAGE, attachments=(file,))).method == "sendDocument"


def test_who_knows_no_voice_messages_gets_a_file() -> None:
    (call,) = render(replace(MESSAGE, attachments=(VOICE,)), BALE)
    assert call.method == "sendDocument"
