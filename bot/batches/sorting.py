"""Sorting: which deliveries are plain messages, and whom the others are about. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.context import Context
from bot.deliveries import Delivery
from bot.inbox import word_of_order
from bot.keywords import may_agree_again
from bot.proofs import may_be_code
from core.messages import (
    EMAIL,
    SMS,
    Address,
    AddressChanged,
    ChannelEvent,
    Complaint,
    ContactLeft,
    InboundMessage,
    ReachabilityChanged,
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A delivery that is one message of a messenger and, as far as its words tell, orders nothing."""

    delivery: Delivery
    inbound: InboundMessage
    context: Context
    since: datetime


@dataclass(slots=True)
class Sorted:
    """A batch in two parts, each in order; and the addresses and messages of ours that the others name."""

    plain: list[Plain] = field(default_factory=list)
    others: list[Delivery] = field(default_factory=list)
    addresses: set[Address] = field(default_factory=set)
    message_ids: set[str] = field(default_factory=set)


def sort(batch: Sequence[Delivery], context_of: Callable[[Delivery], Context]) -> Sorted:
    """The plain messages of a batch and the others."""
    found = Sorted()
    for delivery in batch:
        inbound = _plain(delivery)
        if inbound is not None:
            context = context_of(delivery)
            found.plain.append(Plain(delivery, inbound, context, context.since))
            continue
        found.others.append(delivery)
        for event in delivery.events:
            found.addresses.update(_addresses(event))
            found.message_ids.update(_messages(event, context_of(delivery)))
    return found


def _plain(delivery: Delivery) -> InboundMessage | None:
    if len(delivery.events) != 1 or delivery.raw.channel == EMAIL:
        return None
    one = delivery.events[0]
    if not isinstance(one, InboundMessage) or one.sender.channel == EMAIL or not one.sender.value:
        return None
    special = one.start_token or one.phone or one.attachments or one.automatic or one.reply_tokens
    if special or may_be_code(one.text) or word_of_order(one) is not None:
        return None
    if one.sender.channel == SMS and may_agree_again(one.text):
        return None
    return one


def _addresses(event: ChannelEvent) -> Iterable[Address]:
    match event:
        case InboundMessage():
            return [event.sender, Address(SMS, event.phone)] if event.phone else [event.sender]
        case ReachabilityChanged():
            return [event.address]
        case Complaint():
            return [event.address] if event.address is not None else []
        case AddressChanged():
            return [event.old, event.new]
        case ContactLeft():
            return [event.sender, Address(EMAIL, event.email)]
        case _:
            return []


def _messages(event: ChannelEvent, context: Context) -> Iterable[str]:
    match event:
        case InboundMessage():
            tokens = [context.reply_tokens.verify(token) for token in event.reply_tokens]
            tokens.append(context.start_tokens.verify(event.start_token) if event.start_token else None)
            return [message_id for message_id in tokens if message_id is not None]
        case Complaint():
            return [event.message_id] if event.message_id else []
        case _:
            return []
