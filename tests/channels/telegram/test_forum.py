"""Topics of a group: what is asked of the Bot API, and what its refusals mean."""

from typing import Any

import pytest

from channels.telegram.answers import Answer, failure_of
from channels.telegram.calls import Call
from channels.telegram.forum import Forum, TopicClosed, TopicGone
from channels.telegram.settings import TelegramSettings
from core.errors import ConfigurationError, PermanentFailure, TransientFailure
from core.messages import Attachment, Span

GROUP = "-1001234567890"


class Api:
    """Notes what is asked, and answers with a result or a refusal."""

    def __init__(self, result: Any = True, refusal: Answer | None = None) -> None:
        self.result = result
        self.refusal = refusal
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, Attachment] = {}

    async def ask(self, call: Call) -> tuple[Any, Any]:
        self.asked.append((call.method, dict(call.fields)))
        self.files |= call.files
        return (self.result, None) if self.refusal is None else (None, failure_of(self.refusal))


async def test_a_topic_is_made_and_written_in() -> None:
    api = Api({"message_thread_id": 7})
    assert await Forum(api.ask).create(GROUP, "x" * 300) == 7
    await Forum(api.ask).say(GROUP, 7, "Mina: 😀 hello", [Span(0, 4, "bold")])
    assert api.asked[0] == ("createForumTopic", {"chat_id": int(GROUP), "name": api.asked[0][1]["name"]})
    assert len(api.asked[0][1]["name"]) == 128
    method, fields = api.asked[1]
    assert (method, fields["message_thread_id"], fields["text"]) == ("sendMessage", 7, "Mina: 😀 hello")
    assert fields["entities"] == [{"type": "bold", "offset": 0, "length": 4}]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("Bad Request: message thread not found", TopicGone),
        ("Bad Request: TOPIC_DELETED", TopicGone),
        ("Bad Request: TOPIC_CLOSED", TopicClosed),
        ("Bad Request: not enough rights to create a topic", PermanentFailure),
    ],
)
async def test_refusals_say_what_became_of_the_topic(words: str, error: type[Exception]) -> None:
    api = Api(refusal=Answer(400, words))
    with pytest.raises(error):
        await Forum(api.ask).say(GROUP, 7, "hello")


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("image/png", "photo"), ("audio/ogg", "voice"), ("video/mp4", "video"), ("application/pdf", "document")],
)
async def test_a_file_goes_as_what_it_is(media_type: str, kind: str) -> None:
    api = Api({"message_id": 9})
    file = Attachment("thing", media_type, 3, content=b"abc")
    await Forum(api.ask).send(GROUP, 7, file)
    assert api.asked == [(f"send{kind.title()}", {"chat_id": int(GROUP), "message_thread_id": 7})]
    assert api.files == {kind: file}


async def test_a_picture_that_is_refused_goes_as_a_document() -> None:
    api = Api(refusal=Answer(400, "Bad Request: IMAGE_PROCESS_FAILED"))
    with pytest.raises(PermanentFailure):
        await Forum(api.ask).send(GROUP, 7, Attachment("a.png", "image/png", 3, content=b"abc"))
    assert [method for method, _ in api.asked] == ["sendPhoto", "sendDocument"]


async def test_a_topic_that_is_as_it_should_be_is_no_error() -> None:
    api = Api(refusal=Answer(400, "Bad Request: TOPIC_NOT_MODIFIED"))
    await Forum(api.ask).close(GROUP, 7)
    await Forum(api.ask).reopen(GROUP, 7)


async def test_too_much_is_told_with_its_wait() -> None:
    with pytest.raises(TransientFailure) as caught:
        await Forum(Api(refusal=Answer(429, "Too Many Requests", 9.0)).ask).create(GROUP, "Mina")
    assert caught.value.retry_after == 9.0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"desk_groups": frozenset({"@shop"})}, "chat ids"),
        ({"desk_groups": frozenset({GROUP}), "dialect": "bale"}, "Bale"),
    ],
)
def test_a_group_that_cannot_be_one_is_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        TelegramSettings("bot", "100001:abc", **more)
