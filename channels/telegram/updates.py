"""Updates read as events. Pure, on plain JSON: a framework's model and dispatcher cost a hundred times more.

Only private chats are customers': a customer is one person. What is written in a topic of the desk's own groups is
staff's. Of any other group it is heard only that it goes on under another id.
"""

import hashlib
from typing import Any

import orjson

from channels.telegram.plain import mapping, number, text
from channels.telegram.shared import emoji_of, files_of, map_of, own_phone, words_of_contact, words_of_place
from core.messages import (
    TELEGRAM,
    Address,
    AddressChanged,
    ChannelEvent,
    InboundMessage,
    RawInbound,
    ReachabilityChanged,
    StaffWrote,
    TopicShut,
)
from core.text import clipped

START_LIMIT = 64
_TEXT_LIMIT = 8192


def raw_update(account: str, update: bytes) -> RawInbound:
    """One update as it came; its key is the ``update_id``, or a digest where there is none."""
    number = mapping(_decoded(update)).get("update_id")
    key = str(number) if isinstance(number, int) else "sha256:" + hashlib.sha256(update).hexdigest()
    return RawInbound(account, TELEGRAM, key, update)


def parse(raw: RawInbound, scope: str, desk_groups: frozenset[str] = frozenset()) -> list[ChannelEvent]:
    """The events in one update; ``scope`` is the bot's id. What is not for us, or is no update at all, gives none."""
    update = mapping(_decoded(raw.payload))
    event: ChannelEvent | None = None
    if "message" in update:
        message = mapping(update["message"])
        event = _message(raw, message, scope) or _migration(raw, message, scope)
        event = event or _staff(raw, message, desk_groups)
    elif "edited_message" in update:
        message = mapping(update["edited_message"])
        event = _edit(raw, message, scope) or _staff(raw, message, desk_groups, edited=True)
    elif "callback_query" in update:
        event = _press(raw, mapping(update["callback_query"]), scope)
    elif "my_chat_member" in update:
        event = _membership(raw, mapping(update["my_chat_member"]), scope)
    return [event] if event is not None else []


def callback_query_id(raw: RawInbound) -> str:
    """The id that answerCallbackQuery wants, empty where the update is not a press of a button."""
    return text(mapping(mapping(_decoded(raw.payload)).get("callback_query")).get("id"))


def provider_id(chat: str, message_id: object) -> str:
    """A message's name within the account: Telegram numbers messages chat by chat. Empty where there is no number."""
    return f"{chat}:{message_id}" if isinstance(message_id, int) else ""


def _message(raw: RawInbound, message: dict[str, Any], scope: str, replaces: str = "") -> InboundMessage | None:
    chat = _private_chat(message)
    if not chat:
        return None
    sender = mapping(message.get("from"))
    said = text(message.get("text")) or text(message.get("caption"))
    words = said or words_of_contact(message) or words_of_place(message)
    command, _, payload = words.partition(" ")
    starts = command == "/start" or command.startswith("/start@")
    replied = mapping(message.get("reply_to_message")).get("message_id")
    return InboundMessage(
        account=raw.account,
        key=raw.key,
        sender=Address(TELEGRAM, chat, scope),
        text=clipped(words, _TEXT_LIMIT),
        sender_name=_name(sender),
        attachments=files_of(message),
        message_id=provider_id(chat, message.get("message_id")),
        in_reply_to=provider_id(chat, replied),
        start_token=payload.strip() if starts and len(payload.strip()) <= START_LIMIT else "",
        locale=text(sender.get("language_code")),
        replaces=replaces,
        phone=own_phone(message),
        sent_raw=text(message.get("date")),
    )


def _edit(raw: RawInbound, message: dict[str, Any], scope: str) -> InboundMessage | None:
    """What a customer changed afterwards: ``replaces`` is the ``message_id`` under which it came before.

    A place that moves on the map is edited every few seconds and has no words: that is no news.
    """
    chat = _private_chat(message)
    if not chat or "location" in message:
        return None
    return _message(raw, message, scope, replaces=provider_id(chat, message.get("message_id")))


def _migration(raw: RawInbound, message: dict[str, Any], scope: str) -> AddressChanged | None:
    """A group that became a supergroup: its old chat says where it goes on."""
    old, new = text(mapping(message.get("chat")).get("id")), text(message.get("migrate_to_chat_id"))
    if not old or not new:
        return None
    return AddressChanged(raw.account, raw.key, Address(TELEGRAM, old, scope), Address(TELEGRAM, new, scope))


def _staff(
    raw: RawInbound, message: dict[str, Any], groups: frozenset[str], *, edited: bool = False
) -> StaffWrote | TopicShut | None:
    """What a person did in a topic of the desk's groups; what bots and Telegram itself say there is not heard.

    A sticker that moves is its emoji: other channels cannot show it.
    """
    chat, sender = mapping(message.get("chat")), mapping(message.get("from"))
    thread = number(message.get("message_thread_id"))
    as_group = "sender_chat" in message
    if text(chat.get("id")) not in groups or not thread or message.get("is_topic_message") is not True:
        return None
    if edited and "location" in message:
        return None  # a place that moves is edited every few seconds
    if sender.get("is_bot") is True and not as_group:
        return None
    if "forum_topic_closed" in message:
        return TopicShut(raw.account, raw.key, text(chat.get("id")), thread)
    said = text(message.get("text")) or text(message.get("caption"))
    emoji = emoji_of(message)
    words, files = said or emoji or words_of_contact(message) or map_of(message), () if emoji else files_of(message)
    if not words and not files:
        return None
    answered = mapping(message.get("reply_to_message"))
    replies = bool(answered) and "forum_topic_created" not in answered  # what answers nothing answers that line
    words_there = text(mapping(message.get("quote")).get("text")) or text(answered.get("text"))
    return StaffWrote(
        account=raw.account,
        key=raw.key,
        chat=text(chat.get("id")),
        thread=thread,
        message_id=text(message.get("message_id")),
        user="" if as_group else text(sender.get("id")),
        name=_name(sender),
        text=clipped(words, _TEXT_LIMIT),
        edited=edited,
        attachments=files,
        in_reply_to=text(answered.get("message_id")) if replies else "",
        quoted=clipped(words_there or text(answered.get("caption")), _TEXT_LIMIT) if replies else "",
    )


def _press(raw: RawInbound, query: dict[str, Any], scope: str) -> InboundMessage | None:
    message = mapping(query.get("message"))
    chat = _private_chat(message)
    if not chat:
        return None
    sender, value = mapping(query.get("from")), text(query.get("data"))
    return InboundMessage(
        account=raw.account,
        key=raw.key,
        sender=Address(TELEGRAM, chat, scope),
        text=_label(message, value),
        sender_name=_name(sender),
        button=value,
        in_reply_to=provider_id(chat, message.get("message_id")),
        locale=text(sender.get("language_code")),
    )


def _membership(raw: RawInbound, change: dict[str, Any], scope: str) -> ReachabilityChanged | None:
    chat = _private_chat(change)
    status = text(mapping(change.get("new_chat_member")).get("status"))
    if not chat or status not in ("member", "kicked", "left"):
        return None
    reachable = status == "member"
    return ReachabilityChanged(
        raw.account, raw.key, Address(TELEGRAM, chat, scope), reachable, "unblocked" if reachable else "blocked"
    )


def _private_chat(holder: dict[str, Any]) -> str:
    chat = mapping(holder.get("chat"))
    return text(chat.get("id")) if chat.get("type") == "private" else ""


def _label(message: dict[str, Any], value: str) -> str:
    """What stands on the pressed button, as the customer read it."""
    rows = mapping(message.get("reply_markup")).get("inline_keyboard")
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if mapping(button).get("callback_data") == value:
                return text(mapping(button).get("text"))
    return ""


def _name(user: dict[str, Any]) -> str:
    return clipped(" ".join(filter(None, (text(user.get("first_name")), text(user.get("last_name"))))), 200)


def _decoded(payload: bytes) -> object:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
