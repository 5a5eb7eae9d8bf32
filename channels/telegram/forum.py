"""Topics of a group: made, written in, closed and opened again.

Bot API: https://core.telegram.org/bots/api#createforumtopic (read 2026-11). A topic that somebody deleted is known by
the refusal only: "message thread not found" or ``TOPIC_DELETED``; one that somebody closed by ``TOPIC_CLOSED``.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from channels.telegram.calls import Call
from channels.telegram.formatting import entities_of
from channels.telegram.plain import mapping, number, text
from channels.telegram.splitting import Part, split
from core.errors import ChannelFault, PermanentFailure, PermanentKind, SendFailure
from core.messages import Attachment, Span
from core.text import clipped

NAME_LIMIT = 128
TEXT_LIMIT = 4096
_GONE = ("thread not found", "topic_deleted", "topic_id_invalid", "topic not found")
_CLOSED = ("topic_closed", "topic is closed")
_DONE_ALREADY = ("topic_not_modified", "not modified")

PHOTO_BYTES = 10 * 1024 * 1024
_SHOWN_AS = {
    "image/jpeg": "photo", "image/png": "photo", "image/webp": "photo", "image/gif": "animation",
    "video/mp4": "video", "audio/ogg": "voice", "audio/mpeg": "audio", "audio/mp4": "audio",
}  # fmt: skip

Ask = Callable[[Call], Awaitable[tuple[Any, SendFailure | ChannelFault | None]]]


class TopicGone(Exception):
    """Somebody deleted the topic."""


class TopicClosed(Exception):
    """Somebody closed the topic: it must be opened again before it takes anything."""


class Forum:
    """The groups' topics; ``ask`` makes one call and gives its result or its failure."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def create(self, chat: str, name: str) -> int:
        """Make a topic; gives its thread id.

        Raises:
            SendFailure, ChannelFault: as an adapter's ``send``; after an unknown outcome there may be one.
        """
        made = await self._call("createForumTopic", chat, {"name": clipped(name, NAME_LIMIT) or "?"})
        thread = number(mapping(made).get("message_thread_id"))
        if not thread:
            raise PermanentFailure(PermanentKind.REJECTED, "Telegram made a topic without a number")
        return thread

    async def say(self, chat: str, thread: int, text: str, spans: Sequence[Span] = ()) -> None:
        """Write one message of at most :data:`TEXT_LIMIT` UTF-16 units.

        Raises:
            TopicGone, TopicClosed: nothing was written.
            SendFailure, ChannelFault: as an adapter's ``send``.
        """
        fields: dict[str, Any] = {"message_thread_id": thread, "text": text, "link_preview_options": _NO_PREVIEW}
        entities = entities_of(Part(text, tuple(spans)))
        await self._call("sendMessage", chat, {**fields, **({"entities": entities} if entities else {})})

    async def send(self, chat: str, thread: int, file: Attachment) -> None:
        """Put one file into the topic: a picture, a voice message, a film to be looked at there; else a document.

        Raises:
            TopicGone, TopicClosed: nothing was written.
            SendFailure, ChannelFault: as an adapter's ``send``.
        """
        kind = _SHOWN_AS.get(file.media_type, "document")
        if kind == "photo" and len(file.content) > PHOTO_BYTES:
            kind = "document"
        try:
            await self._call(f"send{kind.title()}", chat, {"message_thread_id": thread}, {kind: file})
        except PermanentFailure:
            if kind == "document":
                raise
            await self._call("sendDocument", chat, {"message_thread_id": thread}, {"document": file})

    async def close(self, chat: str, thread: int) -> None:
        """Close the topic; one that is closed already stays so.

        Raises:
            TopicGone: it is not there.
            SendFailure, ChannelFault: as an adapter's ``send``.
        """
        await self._call("closeForumTopic", chat, {"message_thread_id": thread})

    async def reopen(self, chat: str, thread: int) -> None:
        """Open the topic again.

        Raises:
            TopicGone: it is not there.
            SendFailure, ChannelFault: as an adapter's ``send``.
        """
        await self._call("reopenForumTopic", chat, {"message_thread_id": thread})

    async def examine(self, chat: str, bot_id: str) -> tuple[str, str]:
        """(the group's title, what a person has to change so that its topics can be kept; empty where nothing is).

        Raises:
            SendFailure, ChannelFault: nobody answers, or not to this bot.
        """
        where = {"chat_id": int(chat)}
        found, failure = await self._ask(Call("getChat", where))
        if isinstance(failure, PermanentFailure):
            return chat, f"the bot does not see the group {chat} ({failure}); add it there as an administrator"
        if failure is not None:
            raise failure
        group = mapping(found)
        title = f"{text(group.get('title')) or 'group'} ({chat})"
        if group.get("is_forum") is not True:
            return title, f"{title} has no topics; switch Topics on in the group's settings"
        found, failure = await self._ask(Call("getChatMember", where | {"user_id": int(bot_id)}))
        if failure is not None and not isinstance(failure, PermanentFailure):
            raise failure
        me = mapping(found)
        if text(me.get("status")) == "creator" or me.get("can_manage_topics") is True:
            return title, ""
        return title, f"the bot may not manage topics in {title}; make it an administrator with the right Manage Topics"

    async def _call(
        self, method: str, chat: str, fields: dict[str, Any], files: dict[str, Attachment] | None = None
    ) -> Any:
        result, failure = await self._ask(Call(method, {"chat_id": int(chat), **fields}, files or {}))
        if failure is None:
            return result
        words = str(failure).lower()
        if isinstance(failure, PermanentFailure):
            if any(word in words for word in _GONE):
                raise TopicGone
            if not method.startswith("send") and any(word in words for word in _DONE_ALREADY):
                return None
            if any(word in words for word in _CLOSED):
                raise TopicClosed
        raise failure


_NO_PREVIEW = {"is_disabled": True}


def parts(text: str, spans: Sequence[Span]) -> list[Part]:
    """``text`` as messages that a topic takes."""
    return split(text, spans, TEXT_LIMIT)
