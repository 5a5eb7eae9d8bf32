"""What a channel of a third party is made of: the only module of Otklik that a plugin imports.

The contract suite that proves it is :mod:`otklik.contract`; ``docs/adding-a-channel.md`` leads through both. Names here
keep their meaning over releases, whatever moves behind them.

How an account is made: :class:`Channel` is what the entry point names, :func:`read_settings` fills settings from text.

What an adapter is: :class:`Adapter`, and :class:`ReceivesWebhooks` or :class:`Polls` if it receives, with
:class:`ReceivesLargeBodies` where a delivery may be megabytes; :class:`Pipelines` if it saves by knowing what is next,
:class:`Weighs` if its provider counts one message as several, :class:`Prepares` if another process may render for it;
:class:`Capabilities` and :class:`Rate` say what it carries and how fast; a :class:`WebhookRequest` is what comes in,
and :class:`NotADelivery` what cannot be read of one that proved itself.

What goes out: :class:`OutboundMessage` with its :class:`Address`, :class:`Purpose`, :class:`Span`, :class:`Button`,
:class:`Attachment` and :class:`ProviderTemplate`; a :class:`Receipt` for it.

What comes in: :class:`RawInbound` as it was stored, and the :data:`ChannelEvent` that it means:
:class:`InboundMessage`, :class:`DeliveryReport` with its :class:`MessageState`, :class:`ReachabilityChanged`,
:class:`AddressChanged`, :class:`Complaint`.

What goes wrong: :class:`TransientFailure` with :class:`ProviderAway`, :class:`PermanentFailure` with its
:class:`PermanentKind`, :class:`UnknownOutcome` (all of them a :class:`SendFailure`), :class:`ChannelFault`,
:class:`ConfigurationError`.

Addresses in their one form: :func:`phone_number`, :func:`email_address`. Of a failed connection :func:`never_left`
knows whether anything was sent.
"""

from channels.accounts import read_settings
from channels.adapter import (
    Adapter,
    Capabilities,
    NotADelivery,
    Pipelines,
    Polls,
    Prepares,
    Rate,
    ReceivesLargeBodies,
    ReceivesWebhooks,
    WebhookRequest,
    Weighs,
)
from channels.connection import never_left
from channels.registry import Channel
from core.addresses import email_address, phone_number
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    ProviderAway,
    SendFailure,
    TransientFailure,
    UnknownOutcome,
)
from core.machines.message import MessageState
from core.messages import (
    Address,
    AddressChanged,
    Attachment,
    Button,
    ChannelEvent,
    Complaint,
    DeliveryReport,
    InboundMessage,
    OutboundMessage,
    ProviderTemplate,
    RawInbound,
    ReachabilityChanged,
    Receipt,
    Span,
)
from core.purposes import Purpose

__all__ = [
    "Adapter",
    "Address",
    "AddressChanged",
    "Attachment",
    "Button",
    "Capabilities",
    "Channel",
    "ChannelEvent",
    "ChannelFault",
    "Complaint",
    "ConfigurationError",
    "DeliveryReport",
    "InboundMessage",
    "MessageState",
    "NotADelivery",
    "OutboundMessage",
    "PermanentFailure",
    "PermanentKind",
    "Pipelines",
    "Polls",
    "Prepares",
    "ProviderAway",
    "ProviderTemplate",
    "Purpose",
    "Rate",
    "RawInbound",
    "ReachabilityChanged",
    "Receipt",
    "ReceivesLargeBodies",
    "ReceivesWebhooks",
    "SendFailure",
    "Span",
    "TransientFailure",
    "UnknownOutcome",
    "WebhookRequest",
    "Weighs",
    "email_address",
    "never_left",
    "phone_number",
    "read_settings",
]
