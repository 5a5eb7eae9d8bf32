"""The message vocabulary that every channel, the bot and the campaigns share. Plain frozen values."""

from dataclasses import dataclass, field
from typing import Any, Literal

from core.machines.message import MessageState
from core.purposes import Purpose
from core.values import value

EMAIL = "email"
SMS = "sms"
WHATSAPP = "whatsapp"
TELEGRAM = "telegram"
WEBCHAT = "webchat"
CHANNELS = (EMAIL, SMS, WHATSAPP, TELEGRAM, WEBCHAT)
"""Names of the built-in channels; a plugin's channel is any other lower-case word."""


@value(frozen=True, slots=True)
class Address:
    """Where a person is reached: ``value`` is already normalised (:mod:`core.addresses`).

    ``scope`` is the bot for Telegram, the sender for WhatsApp's scoped ids, else empty.
    """

    channel: str
    value: str
    scope: str = ""


SpanKind = Literal["bold", "italic", "underline", "strike", "code", "pre", "quote", "link"]


@dataclass(frozen=True, slots=True)
class Span:
    """How a part of a text looks: characters ``start`` up to ``end`` (code points), and ``url`` where it is a link.

    Spans nest or stand apart; they never cross.
    """

    start: int
    end: int
    kind: SpanKind
    url: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """One choice under a message. ``url`` opens a page; otherwise pressing sends ``value`` back (≤ 64 bytes).

    ``asks`` is for what only the reader's own app can answer: ``contact`` is their own phone number, ``location`` where
    they are (Telegram).
    """

    label: str
    value: str = ""
    url: str = ""
    asks: Literal["", "contact", "location"] = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message. ``blob`` is the SHA-256 (hex) under which the store keeps its bytes.

    ``content_id`` names an image that the HTML shows in its place (``cid:``, RFC 2392). ``remote`` is where the
    provider keeps a file that came in until it is fetched.
    """

    name: str
    media_type: str
    size: int
    blob: str = ""
    content: bytes = b""
    content_id: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True)
class ProviderTemplate:
    """A text that the provider keeps and has approved (WhatsApp: ``ContentSid`` and its variables)."""

    id: str
    variables: dict[str, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class OutboundMessage:
    """A message ready to leave: rendered, addressed, allowed.

    ``id`` is ours and names the message for good (Message-ID, tracking tokens). ``reply_to`` is the signed
    plus-address. ``unsubscribe_url`` is the RFC 8058 one-click address. ``spans`` are how ``text`` looks where a
    channel can show it. ``keyboard`` says whether the buttons stand under the message or in the place of the keyboard.
    ``replaces`` is the provider's id of an earlier message that this one takes the place of. ``repeats`` is our id of
    one that nobody knows the fate of and that this one says again: a mail has that one's Message-ID then, so that
    mailboxes which tell mails by it show one of the two. ``prepared`` is what the channel's adapter makes of it, where
    that was done beforehand (``channels.adapter.Prepares``): ``html`` is empty then.
    """

    id: str
    to: Address
    purpose: Purpose
    text: str
    html: str = ""
    subject: str = ""
    spans: tuple[Span, ...] = ()
    buttons: tuple[Button, ...] = ()
    keyboard: Literal["inline", "reply"] = "inline"
    attachments: tuple[Attachment, ...] = ()
    template: ProviderTemplate | None = None
    replaces: str = ""
    reply_to: str = ""
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    to_name: str = ""
    repeats: str = ""
    prepared: bytes = b""


@value(frozen=True, slots=True)
class Receipt:
    """What the provider said when it took a message. ``provider_id`` is unique within ``account``."""

    provider_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What a customer wrote.

    ``key`` is unique per account and drops repeats. ``automatic`` says why it is held for a machine's answer (RFC
    3834), empty for a person's. ``reply_tokens`` are plus-address tokens found in the recipients; ``start_token`` is a
    Telegram deep-link payload. ``sent_raw`` is the provider's timestamp as it came; it decides nothing. ``replaces`` is
    the key of an earlier message of theirs that they edited. ``phone`` is a number (E.164) that the provider vouches
    for as the sender's own, ``customer`` the shop's number for them that the shop's own server vouches for. ``zone`` is
    the IANA zone that their browser names.
    """

    account: str
    key: str
    sender: Address
    text: str
    sender_name: str = ""
    html: str = ""
    subject: str = ""
    button: str = ""
    attachments: tuple[Attachment, ...] = ()
    automatic: str = ""
    reply_tokens: tuple[str, ...] = ()
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    start_token: str = ""
    opt_out_type: Literal["", "STOP", "START", "HELP"] = ""
    locale: str = ""
    replaces: str = ""
    phone: str = ""
    customer: str = ""
    zone: str = ""
    sent_raw: str = ""
    raw_blob: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a provider says later of a message that it took. Append-only: reports may repeat and come in any order.

    ``failure`` is a ``PermanentKind`` where ``status`` is failed and the code is known.
    """

    account: str
    provider_id: str
    status: MessageState
    key: str = ""
    code: str = ""
    detail: str = ""
    failure: str = ""
    sent_raw: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class ReachabilityChanged:
    """A person let us in or shut us out without writing (Telegram's ``my_chat_member``)."""

    account: str
    key: str
    address: Address
    reachable: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A person reported our mail as spam (RFC 5965)."""

    account: str
    key: str
    message_id: str = ""
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class AddressChanged:
    """A chat goes on under another address (Telegram's ``migrate_to_chat_id``)."""

    account: str
    key: str
    old: Address
    new: Address


@dataclass(frozen=True, slots=True)
class ContactLeft:
    """Somebody in a chat leaves an e-mail address to be answered at. Nobody vouches for it."""

    account: str
    key: str
    sender: Address
    email: str
    name: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class StaffWrote:
    """What one of ours wrote about a customer, in the group where the desk has a topic for each conversation.

    ``user`` is their id at the provider, empty where they write as the group. ``edited``: it stood there before in
    other words. ``in_reply_to`` is the message of the group that they answer, ``quoted`` what stands there (or the
    part of it that they chose).
    """

    account: str
    key: str
    chat: str
    thread: int
    message_id: str
    user: str
    name: str
    text: str
    edited: bool = False
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    quoted: str = ""


@dataclass(frozen=True, slots=True)
class TopicShut:
    """One of ours closed a topic of that group by hand: only some of them can write there now."""

    account: str
    key: str
    chat: str
    thread: int


ChannelEvent = (
    InboundMessage | DeliveryReport | ReachabilityChanged | Complaint | AddressChanged | ContactLeft | StaffWrote
    | TopicShut
)  # fmt: skip
"""Everything that can arrive from a provider."""


@value(frozen=True, slots=True)
class RawInbound:
    """A provider's delivery as it came, stored durably before it is acknowledged.

    ``key`` is unique per account: the provider's update, message or status id.
    """

    account: str
    channel: str
    key: str
    payload: bytes
    meta: dict[str, Any] = field(default_factory=dict)
