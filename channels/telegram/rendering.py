"""A message as Bot API calls. Pure: calls are data until a client makes them.

One message of ours may be several calls: files first, then the text in parts, the buttons under the last. What looks
like something is sent as entities beside the text, where the server takes them; HTML goes as HTML as long as it fits
into one message, because it can say more (a spoiler, a programming language) than spans do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from channels.telegram.calls import ATTACHED, Call
from channels.telegram.dialects import TELEGRAM, Dialect
from channels.telegram.formatting import entities_of, markdown_of, spans_of
from channels.telegram.keyboards import keyboard, refused
from channels.telegram.splitting import Part, split, utf16_length
from core.errors import PermanentFailure, PermanentKind
from core.messages import Attachment, OutboundMessage
from core.purposes import NEEDS_CONSENT

MOST_PARTS = 4
TEXT_LIMIT = MOST_PARTS * TELEGRAM.text_limit
"""What a message may have in all: four messages in a row are a letter, more are a nuisance."""
PHOTO_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
VOICE_TYPE, OPUS, OPUS_WITHIN = "audio/ogg", b"OpusHead", 80
"""A voice message is Opus in Ogg (RFC 7845): its first page says so within its first bytes."""


def render(message: OutboundMessage, dialect: Dialect = TELEGRAM, *, paid: bool = False) -> list[Call]:
    """The calls that carry ``message``, in their order; at least one.

    ``paid``: marketing may use the paid broadcast (``allow_paid_broadcast``), where the server knows it.

    Raises:
        PermanentFailure: content that the server would refuse (too long, a button over 64 bytes, a file too large), or
            that it has no method for.
    """
    words = _Words.of(message, dialect)
    markup = keyboard(message, dialect)
    if message.replaces:
        return [_edit(message, words, markup, dialect)]
    chat: dict[str, Any] = {"chat_id": _number(message.to.value)}
    if paid and dialect.paid_broadcast and message.purpose in NEEDS_CONSENT:
        chat["allow_paid_broadcast"] = True
    answered_chat, _, answered = message.in_reply_to.rpartition(":")
    if answered_chat == message.to.value and answered.isdecimal() and dialect.replies:
        chat["reply_parameters"] = {"message_id": int(answered), "allow_sending_without_reply": True}
    groups = list(_groups(message.attachments, dialect))
    if not groups:
        return list(_texts(chat, words, markup, dialect))
    alone = len(groups) == 1 and (markup is None or len(groups[0][1]) == 1)
    if alone and words.length <= dialect.caption_limit:
        return [_files(chat, *groups[0], caption=words.fields("caption"), markup=markup)]
    if not words.length:
        if markup is not None:
            raise refused("buttons under several files need a text")
        return [_files(chat, *group) for group in groups]
    return [*(_files(chat, *group) for group in groups), *_texts(chat, words, markup, dialect)]


@dataclass(frozen=True, slots=True)
class _Words:
    """What a message says, and how its server is told how that looks."""

    part: Part
    html: str
    markdown: bool

    @classmethod
    def of(cls, message: OutboundMessage, dialect: Dialect) -> "_Words":
        if message.spans or not message.html:
            return cls(Part(message.text, message.spans), "", dialect.styles == "markdown")
        markup = message.html if dialect.styles == "entities" else ""
        return cls(spans_of(message.html), markup, dialect.styles == "markdown")

    @property
    def length(self) -> int:
        """UTF-16 units of what is seen; 0 where nothing is."""
        return utf16_length(self.part.text) if self.part.text.strip() else 0

    def fields(self, name: str) -> dict[str, Any]:
        """All of it as the fields of one call; ``name`` is ``text`` or ``caption``."""
        if not self.length:
            return {}
        return {name: self.html, "parse_mode": "HTML"} if self.html else self.piece(name, self.part)

    def piece(self, name: str, part: Part) -> dict[str, Any]:
        """One part of it as the fields of a call."""
        if self.markdown:
            return {name: markdown_of(part)}
        entities = entities_of(part)
        beside = "entities" if name == "text" else "caption_entities"
        return {name: part.text, beside: entities} if entities else {name: part.text}


def _texts(chat: dict[str, Any], words: _Words, markup: dict[str, Any] | None, dialect: Dialect) -> Iterator[Call]:
    if not words.length:
        raise refused("the text is empty")
    beneath = {} if markup is None else {"reply_markup": markup}
    if words.length <= dialect.text_limit:
        yield Call("sendMessage", {**chat, **words.fields("text"), **beneath})
        return
    parts = split(words.part.text, words.part.spans, dialect.text_limit)
    if len(parts) > MOST_PARTS:
        raise refused(
            f"the text has {words.length} characters and would be {len(parts)} messages; "
            f"at most {MOST_PARTS} of {dialect.text_limit} are sent"
        )
    for number, part in enumerate(parts, 1):
        yield Call("sendMessage", {**chat, **words.piece("text", part), **(beneath if number == len(parts) else {})})


def _edit(message: OutboundMessage, words: _Words, markup: dict[str, Any] | None, dialect: Dialect) -> Call:
    """The call that changes an earlier message; without a text, its buttons only."""
    chat, _, number = message.replaces.rpartition(":")
    if chat != message.to.value or not number.isdecimal():
        raise PermanentFailure(PermanentKind.REJECTED, f"{message.replaces!r} is no message of chat {message.to.value}")
    if message.attachments:
        raise PermanentFailure(PermanentKind.UNSUPPORTED, "a message's files are not changed afterwards")
    if markup is not None and "inline_keyboard" not in markup:
        raise refused("a reply keyboard cannot be put under a message that is there already")
    where: dict[str, Any] = {"chat_id": _number(chat), "message_id": int(number)}
    beneath = {} if markup is None else {"reply_markup": markup}
    if words.length > dialect.text_limit:
        raise refused(f"the text has {words.length} characters; {dialect.title} takes {dialect.text_limit} in an edit")
    if words.length:
        return Call("editMessageText", {**where, **words.fields("text"), **beneath})
    if "editMessageReplyMarkup" not in dialect.methods:
        raise PermanentFailure(PermanentKind.UNSUPPORTED, f"{dialect.title} does not change buttons without a text")
    return Call("editMessageReplyMarkup", {**where, **beneath})


def _groups(attachments: Sequence[Attachment], dialect: Dialect) -> Iterator[tuple[str, Sequence[Attachment]]]:
    """The files by what they are sent as, pictures first, so many that each group is one call; voices one by one."""
    for attachment in attachments:
        if not attachment.content:
            raise PermanentFailure(PermanentKind.UNSUPPORTED, f"attachment {attachment.name!r} has no content")
        if len(attachment.content) > dialect.upload_bytes:
            most = dialect.upload_bytes // 1024**2
            raise refused(f"attachment {attachment.name!r} is larger than {most} MB")
    kinds = sorted(attachments, key=lambda attachment: _ORDER.index(_kind(attachment, dialect)))
    for kind, files in groupby(kinds, key=lambda attachment: _kind(attachment, dialect)):
        at_once = dialect.album if "sendMediaGroup" in dialect.methods and kind != "voice" else 1
        found = list(files)
        for start in range(0, len(found), at_once):
            yield kind, found[start : start + at_once]


def _files(
    chat: dict[str, Any],
    kind: str,
    files: Sequence[Attachment],
    caption: dict[str, Any] | None = None,
    markup: dict[str, Any] | None = None,
) -> Call:
    if len(files) == 1:
        beneath = {} if markup is None else {"reply_markup": markup}
        return Call(f"send{kind.title()}", {**chat, **(caption or {}), **beneath}, {kind: files[0]})
    media: list[dict[str, Any]] = [{"type": kind, "media": f"{ATTACHED}file{n}"} for n in range(len(files))]
    # an album shows its first picture's caption, and what stands under its last document
    media[0 if kind == "photo" else -1] |= caption or {}
    return Call("sendMediaGroup", {**chat, "media": media}, {f"file{n}": file for n, file in enumerate(files)})


_ORDER = ("photo", "voice", "document")


def _kind(attachment: Attachment, dialect: Dialect) -> str:
    """What a file is sent as."""
    media_type = attachment.media_type.partition(";")[0].strip().lower()
    if media_type in PHOTO_TYPES and len(attachment.content) <= dialect.photo_bytes:
        return "photo"
    spoken = media_type == VOICE_TYPE and OPUS in attachment.content[:OPUS_WITHIN]
    return "voice" if spoken and "sendVoice" in dialect.methods else "document"


def as_document(call: Call) -> Call:
    """The call that sends its one file as a document."""
    (file,) = call.files.values()
    return Call("sendDocument", call.fields, {"document": file})


def _number(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, f"{value!r} is not a chat id (a number)") from None
