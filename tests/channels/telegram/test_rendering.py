"""What a message becomes as a call, and what is refused before it."""

from dataclasses import replace

import pytest

from channels.telegram.answers import REFUSALS, Answer, failure_of
from channels.telegram.rendering import render
from core.errors import ChannelFault, PermanentFailure, PermanentKind, TransientFailure, UnknownOutcome
from core.messages import Address, Attachment, Button, OutboundMessage
from core.purposes import Purpose

MESSAGE = OutboundMessage("m1", Address("telegram", "5550101", "100001"), Purpose.MARKETING, "Still <interested>?")


def test_plain_text_goes_without_a_parse_mode() -> None:
    assert render(MESSAGE).fields == {"chat_id": 5550101, "text": "Still <interested>?"}


def test_html_goes_with_its_parse_mode() -> None:
    fields = render(replace(MESSAGE, html="<b>Still</b> interested?")).fields
    assert (fields["text"], fields["parse_mode"]) == ("<b>Still</b> interested?", "HTML")


def test_each_button_is_a_row() -> None:
    buttons = (Button("Да", "yes"), Button("Shop", url="https://shop.example/"), Button("No"))
    assert render(replace(MESSAGE, buttons=buttons)).fields["reply_markup"] == {
        "inline_keyboard": [
            [{"text": "Да", "callback_data": "yes"}],
            [{"text": "Shop", "url": "https://shop.example/"}],
            [{"text": "No", "callback_data": "No"}],
        ]
    }


def test_the_limit_counts_what_is_seen_not_the_markup() -> None:
    assert render(replace(MESSAGE, html="<b>" + "&amp;" * 4096 + "</b>")).method == "sendMessage"
    with pytest.raises(PermanentFailure, match="4097 characters"):
        render(replace(MESSAGE, text="я" * 4097))


def test_callback_data_is_counted_in_bytes() -> None:
    assert render(replace(MESSAGE, buttons=(Button("a", "я" * 32),)))
    with pytest.raises(PermanentFailure, match="64 bytes"):
        render(replace(MESSAGE, buttons=(Button("a", "я" * 33),)))


@pytest.mark.parametrize(("media_type", "method"), [("image/png", "sendPhoto"), ("application/pdf", "sendDocument")])
def test_one_file_goes_with_the_text_as_caption(media_type: str, method: str) -> None:
    call = render(replace(MESSAGE, attachments=(Attachment("file", media_type, 3, content=b"abc"),)))
    assert (call.method, call.fields["caption"]) == (method, "Still <interested>?")


def test_several_files_are_refused_not_dropped() -> None:
    file = Attachment("file", "application/pdf", 3, content=b"abc")
    with pytest.raises(PermanentFailure) as caught:
        render(replace(MESSAGE, attachments=(file, file)))
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
    assert isinstance(failure, PermanentFailure)
    assert "-1001234567890" in failure.detail


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
