"""Deciding: what becomes of each plain message of a batch. Pure: rows to be written come out of facts.

The messages of one customer are decided in order, each seeing what the one before did.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.batches.facts import Facts
from bot.batches.sorting import Plain
from bot.choices import Choice, has_token, may_choose, picked, redeemed, token_names
from bot.context import Context
from bot.conversations import conversation_row, goes_on, inbound_row, last_words, provider_key, reopened
from bot.inbox import word_of_order
from bot.learning import zone_of_browser
from bot.senders import Sender, customer_row, identity_row, is_there, wrote_by
from bot.talking import Heard, bot_is_silent, said_row, talk
from campaigns.responding.attribution import NOTHING, Attribution
from campaigns.responding.replies import Reply
from campaigns.templates.leaving import NARROWING
from core.machines.conversation import ConversationState
from core.messages import InboundMessage
from storage.intake import bounded_key


@dataclass(frozen=True, slots=True)
class Turn:
    """A message that was logged, as :func:`bot.conversing.converse` takes it."""

    inbound: InboundMessage
    sender: Sender
    conversation_id: str
    message_id: str
    context: Context


@dataclass(slots=True)
class Decided:
    """What is to be written, and the messages that are left because they, or their customer's others, are orders.

    ``last`` is what the conversations that are there already show of their last message; ``reopened`` are those of
    them that were resolved.
    """

    customers: list[dict[str, Any]] = field(default_factory=list)
    identities: list[dict[str, Any]] = field(default_factory=list)
    heard: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Identities that prove to be there: the channel, and when they wrote last."""
    zones: dict[str, str] = field(default_factory=dict)
    """The zones that browsers name, by customers who were there already."""
    conversations: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    reopened: dict[str, ConversationState] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    heard_of: list[Turn] = field(default_factory=list)
    """Messages that somebody may want to answer."""
    left: list[Plain] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A message with what its choice stands for, and what it is credited to."""

    plain: Plain
    inbound: InboundMessage
    credited: Attribution


def decide(plain: Sequence[Plain], facts: Facts) -> Decided:
    """What becomes of the messages."""
    decided = Decided()
    by_customer: dict[Hashable, list[Plain]] = defaultdict(list)
    seen = set(facts.logged)
    for one in plain:
        known = facts.identities.get(one.inbound.sender)
        whose = known.customer_id if known is not None else one.inbound.sender
        key = one.inbound.account, provider_key(one.inbound)
        if key not in seen:
            seen.add(key)
            by_customer[whose].append(one)
    for messages in by_customer.values():
        read = _read_all(messages, facts)
        if read is None:
            decided.left += messages
        else:
            _Customer(read, facts, decided).decide()
    return decided


def _read_all(messages: Sequence[Plain], facts: Facts) -> list[_Read] | None:
    """One customer's messages as they are to be understood; None if they have to be handled one by one."""
    read = []
    for one in messages:
        inbound = one.inbound
        known = facts.identities.get(inbound.sender)
        if inbound.sender in facts.elsewhere or (known is not None and known.customer_id in facts.elsewhere):
            return None
        if known is None:
            if inbound.customer:  # the shop's server may know them by another address
                return None
            credited = NOTHING
        else:
            quote = inbound.account, inbound.in_reply_to
            credited = facts.sends.credited(known.customer_id, known.id, quote, one.since)
        inbound, choice = _chosen(one, credited, facts)
        if (choice is not None and choice.value in NARROWING) or (
            inbound is not one.inbound and word_of_order(inbound) is not None
        ):
            return None
        read.append(_Read(one, inbound, credited))
    return read


def _chosen(one: Plain, credited: Attribution, facts: Facts) -> tuple[InboundMessage, Choice | None]:
    """As :func:`bot.choices.chosen` does it."""
    inbound = one.inbound
    known = facts.identities.get(inbound.sender)
    if has_token(inbound):
        named = token_names(inbound.button, one.context)
        owner, choice = facts.redeemed.get(named, ("", None)) if named is not None else ("", None)
        return redeemed(inbound, choice if known is not None and owner == known.customer_id else None)
    if known is None or not facts.options or not may_choose(inbound):
        return inbound, None
    if credited.by == "in_reply_to" and (quoted := facts.options.get(credited.message_id or "")):
        return picked(inbound, quoted)
    for row in facts.sends.of.get(known.customer_id, ()):
        if row.sent_at < one.since:
            break
        if row.identity_id == known.id and row.id in facts.options:
            return picked(inbound, facts.options[row.id])
    return inbound, None


class _Customer:
    """Writes down what one customer's messages do."""

    def __init__(self, read: Sequence[_Read], facts: Facts, decided: Decided) -> None:
        self._read = read
        self._facts = facts
        self._decided = decided
        self._conversation_id = ""
        self._begun: dict[str, Any] | None = None
        self._made: tuple[str, str, str] | None = None

    def decide(self) -> None:
        for one in self._read:
            context, inbound = one.plain.context, one.inbound
            customer_id, identity_id, locale = self._sender(one)
            conversation_id = self._conversation(one, customer_id)
            row = inbound_row(inbound, customer_id, identity_id, conversation_id, context.received_at)
            self._decided.messages.append(row)
            thread = None if self._begun is not None else self._facts.threads.get(customer_id)
            token = thread.token if thread is not None else 0
            heard = Heard(inbound, customer_id, identity_id, conversation_id, row["id"], locale, token)
            said = talk(inbound)
            if said is not None:
                if thread is None or not bot_is_silent(thread):
                    self._decided.answers.append(said_row(heard, said, context))
            else:
                self._reply(one, heard)
                sender = Sender(customer_id, identity_id, verified=True, attribution=one.credited)
                self._decided.heard_of.append(Turn(inbound, sender, conversation_id, row["id"], context))

    def _sender(self, one: _Read) -> tuple[str, str, str]:
        """The customer, the identity and the customer's locale."""
        inbound, context, decided = one.inbound, one.plain.context, self._decided
        channel, at, zone = inbound.sender.channel, context.received_at, zone_of_browser(inbound.zone)
        known = self._facts.identities.get(inbound.sender)
        if known is not None:
            before = decided.heard.get(known.id)
            if before is not None or not is_there(known, channel, at):
                decided.heard[known.id] = channel, max(at, before[1]) if before is not None else at
            if zone:
                decided.zones[known.customer_id] = zone
            return known.customer_id, known.id, known.locale
        if self._made is None:
            customer = customer_row(inbound, context.now)
            identity = identity_row(customer["id"], inbound.sender, context, verified=True, source=wrote_by(channel))
            decided.customers.append(customer)
            decided.identities.append(identity)
            self._made = customer["id"], identity["id"], customer["locale"]
            self._identity, self._customer = identity, customer
            return self._made
        if zone:
            self._customer["zone_guess"] = zone
        if self._identity["window_from"] is not None:
            self._identity["window_from"] = max(self._identity["window_from"], at)
        return self._made

    def _conversation(self, one: _Read, customer_id: str) -> str:
        """The conversation that the message goes to, which then ends with it."""
        at, decided = one.plain.context.received_at, self._decided
        if self._begun is not None:
            self._begun |= last_words(one.inbound, at)
            return self._conversation_id
        thread = self._facts.threads.get(customer_id)
        if thread is None or not goes_on(thread, one.plain.context.config, at):
            self._begun = conversation_row(customer_id, one.inbound, at, verified=True)
            self._conversation_id = self._begun["id"]
            decided.conversations.append(self._begun)
            return self._conversation_id
        if thread.state is ConversationState.RESOLVED:
            decided.reopened[thread.id] = reopened(thread.state)
        decided.last[thread.id] = last_words(one.inbound, at)
        return str(thread.id)

    def _reply(self, one: _Read, heard: Heard) -> None:
        inbound, credited, sends = one.inbound, one.credited, self._facts.sends
        quote = inbound.account, inbound.in_reply_to
        self._decided.replies.append(
            Reply(
                key=f"{inbound.account}:{bounded_key(inbound.key)}",
                customer_id=heard.customer_id,
                channel=inbound.sender.channel,
                at=one.plain.context.received_at,
                inbound_message_id=heard.message_id,
                attribution=credited,
                answers=tuple(sends.answered(heard.customer_id, credited, quote, one.plain.since)),
                settles=bool(credited) and sends.unsettled(credited, quote),
            )
        )
