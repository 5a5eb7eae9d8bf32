"""A message as one Bot API call. Pure: the call is data until the client makes it."""

import html
import re
from dataclasses import dataclass, field
from typing import Any

from core.errors import PermanentFailure, PermanentKind
from core.messages import Attachment, Button, OutboundMessage

TEXT_LIMIT = 4096  # characters after entities are parsed
CAPTION_LIMIT = 1024
CALLBACK_BYTES = 64
PHOTO_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
PHOTO_BYTES = 10 * 1024 * 1024
UPLOAD_BYTES = 50 * 1024 * 1024
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Call:
    """A Bot API method, its fields, and the file (field name, attachment) that goes with it."""

    method: str
    fields: dict[str, Any] = field(default_factory=dict)
    file: tuple[str, Attachment] | None = None


def render(message: OutboundMessage) -> Call:
    """The call that carries ``message``: its HTML where it has any, else its plain text.

    Raises:
        PermanentFailure: content that Telegram would refuse (too long, a button over 64 bytes), or that one call cannot
            carry (several files).
    """
    body, visible = (message.html, _visible(message.html)) if message.html else (message.text, message.text)
    fields: dict[str, Any] = {"chat_id": _chat_id(message.to.value)}
    if message.html and body:
        fields["parse_mode"] = "HTML"
    if message.buttons:
        fields["reply_markup"] = {"inline_keyboard": [[_button(button)] for button in message.buttons]}
    if not message.attachments:
        _limit("text", visible, TEXT_LIMIT)
        if not visible.strip():
            raise _refused("the text is empty")
        return Call("sendMessage", {**fields, "text": body})
    if len(message.attachments) > 1:
        raise PermanentFailure(PermanentKind.UNSUPPORTED, "Telegram carries one attachment a message here")
    attachment = message.attachments[0]
    _limit("caption of an attachment", visible, CAPTION_LIMIT)
    if not attachment.content:
        raise PermanentFailure(PermanentKind.UNSUPPORTED, f"attachment {attachment.name!r} has no content")
    if len(attachment.content) > UPLOAD_BYTES:
        raise _refused(f"attachment {attachment.name!r} is larger than 50 MB")
    if body:
        fields["caption"] = body
    if attachment.media_type in PHOTO_TYPES and len(attachment.content) <= PHOTO_BYTES:
        return Call("sendPhoto", fields, ("photo", attachment))
    return Call("sendDocument", fields, ("document", attachment))


def _chat_id(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, f"{value!r} is not a chat id (a number)") from None


def _button(button: Button) -> dict[str, str]:
    if not button.label.strip():
        raise _refused("a button has no label")
    if button.url:
        return {"text": button.label, "url": button.url}
    value = button.value or button.label
    if len(value.encode()) > CALLBACK_BYTES:
        raise _refused(f"button {button.label!r} carries more than {CALLBACK_BYTES} bytes")
    return {"text": button.label, "callback_data": value}


def _visible(markup: str) -> str:
    """What is left of Telegram's HTML after parsing."""
    return html.unescape(_TAG.sub("", markup))


def _limit(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise _refused(f"the {what} has {len(text)} characters; Telegram takes {limit}")


def _refused(why: str) -> PermanentFailure:
    return PermanentFailure(PermanentKind.CONTENT_REFUSED, why)
