"""Twilio's webhooks read as events. Pure; unknown fields are welcome, they appear unannounced.

A status callback and an inbound message come to the same address and differ by their fields.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qsl

from channels.twilio.codes import kind_of
from core.errors import PermanentKind
from core.machines.message import MessageState
from core.messages import (
    SMS,
    WHATSAPP,
    Address,
    Attachment,
    ChannelEvent,
    DeliveryReport,
    InboundMessage,
    RawInbound,
)
from core.text import clipped

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1000
MAX_MEDIA = 10
LONGEST_URL = 2000
_UNTYPED = "application/octet-stream"
WHATSAPP_PREFIX = "whatsapp:"

STATUSES: Mapping[str, MessageState] = MappingProxyType(
    {
        "accepted": MessageState.ACCEPTED,
        "scheduled": MessageState.ACCEPTED,
        "queued": MessageState.ACCEPTED,
        "sending": MessageState.ACCEPTED,
        "sent": MessageState.ACCEPTED,
        "delivered": MessageState.DELIVERED,
        "partially_delivered": MessageState.DELIVERED,
        "read": MessageState.READ,
        "undelivered": MessageState.FAILED,
        "failed": MessageState.FAILED,
        "canceled": MessageState.FAILED,
    }
)
_OptOut = Literal["", "STOP", "START", "HELP"]
_OPT_OUT: Mapping[str, _OptOut] = {"STOP": "STOP", "START": "START", "HELP": "HELP"}
_ANSWERED: Mapping[str, _OptOut] = MappingProxyType(
    {
        **dict.fromkeys(
            ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), _OPT_OUT["STOP"]
        ),
        **dict.fromkeys(("START", "UNSTOP"), _OPT_OUT["START"]),
        **dict.fromkeys(("HELP", "INFO"), _OPT_OUT["HELP"]),
    }
)
"""Words that Twilio answers itself by SMS unless told not to (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out,
read 2026-11). YES is one too, but only after a stop: the bot knows of that, a callback does not."""


def fields_of(body: bytes) -> list[tuple[str, str]] | None:
    """The form's fields in order, or None if it is no form or has more than 1,000."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        return None


def raw_callback(account: str, channel: str, body: bytes) -> RawInbound:
    """One verified request as it came. Key: ``MessageSid`` of an inbound message, ``MessageSid:status`` of a status."""
    form = dict(fields_of(body) or ())
    sid, status = _sid(form), _status(form)
    if not sid:
        return RawInbound(account, channel, "sha256:" + hashlib.sha256(body).hexdigest(), body)
    return RawInbound(account, channel, f"{sid}:{status}" if status else sid, body)


def parse(raw: RawInbound, *, words_answered: bool = True) -> list[ChannelEvent]:
    """The one event in a stored callback; none where it speaks of no message.

    ``words_answered``: Twilio answers its opt-out words by SMS itself, so nobody else may.
    """
    form = dict(fields_of(raw.payload) or ())
    if not _sid(form):
        return []
    return _report(raw, form) if _status(form) else _message(raw, form, words_answered=words_answered)


def _report(raw: RawInbound, form: Mapping[str, str]) -> list[ChannelEvent]:
    state = STATUSES.get(_status(form))
    if state is None:
        return []  # a status of the future: kept raw, says nothing we know
    code = form.get("ErrorCode", "")
    failure = kind_of(code) if state is MessageState.FAILED else ""
    if _status(form) == "canceled":
        failure = PermanentKind.REJECTED.value
    return [
        DeliveryReport(
            account=raw.account,
            provider_id=_sid(form),
            status=state,
            key=raw.key,
            code="" if code == "0" else clipped(code, 20),
            detail=clipped(form.get("ErrorMessage", "") or _status(form), 300),
            failure=failure,
            sent_raw=clipped(form.get("RawDlrDoneDate", ""), 40),
        )
    ]


def _message(raw: RawInbound, form: Mapping[str, str], *, words_answered: bool) -> list[ChannelEvent]:
    sender = sender_of(form.get("From", ""), form.get("To", ""))
    if sender is None:
        return []
    opt_out = _OPT_OUT.get(form.get("OptOutType", "").upper(), "")
    if not opt_out and words_answered and sender.channel == SMS:
        opt_out = _ANSWERED.get(form.get("Body", "").strip().upper(), "")
    return [
        InboundMessage(
            account=raw.account,
            key=raw.key,
            sender=sender,
            text=clipped(form.get("Body", "") or form.get("ButtonText", ""), 8192),
            sender_name=clipped(form.get("ProfileName", ""), 200),
            button=form.get("ButtonPayload") or form.get("ListId", ""),
            attachments=_media(form),
            message_id=_sid(form),
            in_reply_to=form.get("OriginalRepliedMessageSid", ""),
            opt_out_type=opt_out,
        )
    ]


def sender_of(value: str, to: str) -> Address | None:
    """The person behind ``From``. A business-scoped WhatsApp id has no phone; its scope is our number."""
    if not value.lower().startswith(WHATSAPP_PREFIX):
        return Address(SMS, value.strip()) if value.strip() else None
    bare = value[len(WHATSAPP_PREFIX) :].strip()
    if not bare:
        return None
    is_phone = bare.startswith("+") and bare[1:].isdigit()
    return Address(WHATSAPP, bare, "" if is_phone else to.removeprefix(WHATSAPP_PREFIX).strip())


def _media(form: Mapping[str, str]) -> tuple[Attachment, ...]:
    """What came along, by type. The bytes need our credentials and are fetched later, from Twilio's hosts only."""
    stated = form.get("NumMedia", "0")
    number = min(int(stated), MAX_MEDIA) if stated.isascii() and stated.isdigit() and len(stated) < 4 else 0
    return tuple(
        Attachment(
            f"media-{index + 1}",
            clipped(form.get(f"MediaContentType{index}", ""), 100) or _UNTYPED,
            0,
            remote=clipped(form.get(f"MediaUrl{index}", ""), LONGEST_URL),
        )
        for index in range(number)
        if form.get(f"MediaUrl{index}")
    )


def _sid(form: Mapping[str, str]) -> str:
    return clipped(form.get("MessageSid") or form.get("SmsSid") or form.get("SmsMessageSid") or "", 64)


def _status(form: Mapping[str, str]) -> str:
    """The status of a message of ours, empty for an inbound one (whose ``SmsStatus`` says received)."""
    status = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    return "" if status in ("received", "receiving") else clipped(status, 32)
