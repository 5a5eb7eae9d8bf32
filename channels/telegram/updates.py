"""Updates read as events. Pure, on plain JSON: a framework's model and dispatcher cost a hundred times more.

Only private chats are ours: a customer is one person. An edited message is not news, so it is not asked for.
"""

import hashlib
from typing import Any

import orjson

from core.messages import TELEGRAM, Address, Attachment, ChannelEvent, InboundMessage, RawInbound, ReachabilityChanged
from core.text import clipped

ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
START_LIMIT = 64
_TEXT_LIMIT = 8192
_FILES = {
    "document": "application/octet-stream",
    "audio": "audio/mpeg",
    "voice": "audio/ogg",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "animation": "video/mp4",
    "sticker": "image/webp",
}


def raw_update(account: str, update: bytes) -> RawInbound:
    """One update as it came; its key is the ``update_id``, or a digest where there is none."""
    number = _mapping(_decoded(update)).get("update_id")
    key = str(number) if isinstance(number, int) else "sha256:" + hashlib.sha256(update).hexdigest()
    return RawInbound(account, TELEGRAM, key, update)


def parse(raw: RawInbound, scope: str) -> list[ChannelEvent]:
    """The events in one update; ``scope`` is the bot's id. What is not for us, or is no update at all, gives none."""
    update = _mapping(_decoded(raw.payload))
    event: ChannelEvent | None = None
    if "message" in update:
        event = _message(raw, _mapping(update["message"]), scope)
    elif "callback_query" in update:
        event = _press(raw, _mapping(update["callback_query"]), scope)
    elif "my_chat_member" in update:
        event = _membership(raw, _mapping(update["my_chat_member"]), scope)
    return [event] if event is not None else []


def callback_query_id(raw: RawInbound) -> str:
    """The id that answerCallbackQuery wants, empty where the update is not a press of a button."""
    return _text(_mapping(_mapping(_decoded(raw.payload)).get("callback_query")).get("id"))


def _message(raw: RawInbound, message: dict[str, Any], scope: str) -> InboundMessage | None:
    chat = _private_chat(message)
    if not chat:
        return None
    sender = _mapping(message.get("from"))
    text = _text(message.get("text")) or _text(message.get("caption"))
    command, _, payload = text.partition(" ")
    starts = command == "/start" or command.startswith("/start@")
    replied = _mapping(message.get("reply_to_message")).get("message_id")
    return InboundMessage(
        account=raw.account,
        key=raw.key,
        sender=Address(TELEGRAM, chat, scope),
        text=clipped(text, _TEXT_LIMIT),
        sender_name=_name(sender),
        attachments=_files(message),
        message_id=provider_id(chat, message.get("message_id")),
        in_reply_to=provider_id(chat, replied),
        start_token=payload.strip() if starts and len(payload.strip()) <= START_LIMIT else "",
        locale=_text(sender.get("language_code")),
        sent_raw=_text(message.get("date")),
    )


def _press(raw: RawInbound, query: dict[str, Any], scope: str) -> InboundMessage | None:
    message = _mapping(query.get("message"))
    chat = _private_chat(message)
    if not chat:
        return None
    sender, value = _mapping(query.get("from")), _text(query.get("data"))
    return InboundMessage(
        account=raw.account,
        key=raw.key,
        sender=Address(TELEGRAM, chat, scope),
        text=_label(message, value),
        sender_name=_name(sender),
        button=value,
        in_reply_to=provider_id(chat, message.get("message_id")),
        locale=_text(sender.get("language_code")),
    )


def _membership(raw: RawInbound, change: dict[str, Any], scope: str) -> ReachabilityChanged | None:
    chat = _private_chat(change)
    status = _text(_mapping(change.get("new_chat_member")).get("status"))
    if not chat or status not in ("member", "kicked", "left"):
        return None
    reachable = status == "member"
    return ReachabilityChanged(
        raw.account, raw.key, Address(TELEGRAM, chat, scope), reachable, "unblocked" if reachable else "blocked"
    )


def provider_id(chat: str, message_id: object) -> str:
    """A message's name within the account: Telegram numbers messages chat by chat. Empty where there is no number."""
    return f"{chat}:{message_id}" if isinstance(message_id, int) else ""


def _private_chat(holder: dict[str, Any]) -> str:
    chat = _mapping(holder.get("chat"))
    return _text(chat.get("id")) if chat.get("type") == "private" else ""


def _label(message: dict[str, Any], value: str) -> str:
    """What stands on the pressed button, as the customer read it."""
    rows = _mapping(message.get("reply_markup")).get("inline_keyboard")
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if _mapping(button).get("callback_data") == value:
                return _text(_mapping(button).get("text"))
    return ""


def _files(message: dict[str, Any]) -> tuple[Attachment, ...]:
    """Files by name, type and size; their bytes are fetched by whoever needs them, from the raw update's file_id."""
    found = []
    photos = message.get("photo")
    if isinstance(photos, list) and photos:
        found.append(Attachment("photo.jpg", "image/jpeg", _size(_mapping(photos[-1]))))
    for kind, media_type in _FILES.items():
        if kind == "document" and "animation" in message:
            continue  # an animation comes as both
        file = _mapping(message.get(kind))
        if file:
            name = clipped(_text(file.get("file_name")), 255) or kind
            found.append(Attachment(name, _text(file.get("mime_type")) or media_type, _size(file)))
    return tuple(found)


def _size(file: dict[str, Any]) -> int:
    size = file.get("file_size")
    return size if isinstance(size, int) and size >= 0 else 0


def _name(user: dict[str, Any]) -> str:
    return clipped(" ".join(filter(None, (_text(user.get("first_name")), _text(user.get("last_name"))))), 200)


def _decoded(payload: bytes) -> object:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
