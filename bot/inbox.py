"""The inbox: a message that a customer wrote, from its sender to its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.choices import Choice, chosen
from bot.contacts import prove_phone
from bot.context import Context
from bot.conversations import is_logged, log_inbound, plan_answer
from bot.conversing import begins_a_flow, converse, somebody_talks
from bot.deeplinks import join
from bot.files import ask_for_files
from bot.flows.running import leave as leave_flow
from bot.keywords import Keyword, keyword, may_agree_again, subject_keyword
from bot.learning import learn_zone
from bot.narrowing import stop_less, ways_to_stop_less
from bot.senders import Sender, resolve, touch
from bot.talking import Guest, bot_is_silent, language_for, talk
from campaigns.customers.consents import (
    ConsentChange,
    Proof,
    forgive_topics,
    grant,
    has_withdrawn,
    lift_opt_out_block,
)
from campaigns.customers.resting import rest, wake
from campaigns.responding.answers import record_opt_out, record_reply
from campaigns.templates.leaving import LATER, NARROWING, STOP
from core import catalogue
from core.actors import Actor
from core.machines.conversation import LIVE_CHAT
from core.messages import EMAIL, SMS, InboundMessage
from core.purposes import Purpose
from core.text import clipped
from storage.intake import bounded_key, storable
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Consent, Conversation, Customer, Message

_CONSENTS, _CONVERSATIONS = table(Consent), table(Conversation)
_CUSTOMERS = table(Customer)
_MESSAGES = table(Message)
_BUTTONS = {STOP: Keyword.STOP, LATER: Keyword.LATER}


async def handle_message(connection: AsyncConnection, inbound: InboundMessage, context: Context) -> str | None:
    """Log the message, credit it, do what it orders; the customer's id, or None where it is nobody's."""
    if await is_logged(connection, inbound):
        return None
    joined = await join(connection, inbound, context) if inbound.start_token else None
    sender = await resolve(connection, inbound, context)
    if sender is None:
        return None
    if inbound.phone:
        sender = await prove_phone(connection, inbound, sender, context)
    await lock_customers(connection, [sender.customer_id], shared=False)
    await touch(connection, inbound, sender, context)
    if inbound.zone and not sender.new:
        await learn_zone(connection, sender.customer_id, context.now, browser=inbound.zone)
    inbound, choice = await chosen(connection, inbound, sender, context)
    logged = await log_inbound(connection, inbound, sender, context)
    if logged is None:
        return None
    await ask_for_files(connection, logged[0], inbound.attachments, context.now)
    turn = _Turn(connection, inbound, sender, context, *logged)
    if inbound.start_token and sender.verified and await begins_a_flow(connection, inbound, sender, logged[1], context):
        return sender.customer_id
    guest: Guest = "stranger" if joined is None else "consented" if joined.consented else "joined"
    said = talk(inbound, guest)
    if said is not None:
        if not bot_is_silent(await turn.conversation()):
            await turn.say(said.token, said.text, said.subject, said.purpose)
        return sender.customer_id
    if choice is not None and choice.value in NARROWING:
        await turn.stop_less(choice)
        return sender.customer_id
    await turn.take()
    return sender.customer_id


def word_of_order(inbound: InboundMessage) -> Keyword | None:
    """The order that the message is by its button or its words: the provider's reading of it goes first."""
    if inbound.opt_out_type:
        return Keyword(inbound.opt_out_type)
    return _BUTTONS.get(inbound.button) or keyword(inbound.text or inbound.button)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One message in its conversation, and what may be done about it."""

    connection: AsyncConnection
    inbound: InboundMessage
    sender: Sender
    context: Context
    message_id: str
    conversation_id: str

    @property
    def key(self) -> str:
        """The message's key among all accounts."""
        return f"{self.inbound.account}:{bounded_key(self.inbound.key)}"

    async def take(self) -> None:
        """Do what it orders; what orders nothing is for somebody to answer."""
        inbound, sender, conversation = self.inbound, self.sender, await self.conversation()
        order = await self.order()
        match order:
            case Keyword.STOP:
                await self.stop()
            case Keyword.LATER if not inbound.automatic:
                await self.rest()
            case Keyword.START if sender.verified and not inbound.automatic:
                await self.reply()
                await self.start()
            case Keyword.HELP if sender.verified and not inbound.automatic:
                await self.reply()
                if not bot_is_silent(conversation):
                    await self.help()
            case _:
                order = None
                await self.reply()
                if await somebody_talks(self.connection, self.context.voice):
                    await converse(
                        self.connection, inbound, sender, self.conversation_id, self.message_id, self.context
                    )
        if order is not None and not inbound.button and conversation.state in LIVE_CHAT:
            # "cancel" may be an answer to the person who has it, too
            await converse(self.connection, inbound, sender, self.conversation_id, self.message_id, self.context)

    async def conversation(self) -> Any:
        """Who has the conversation now."""
        columns = _CONVERSATIONS.c.state, _CONVERSATIONS.c.blocked_at
        return (
            await self.connection.execute(select(*columns).where(_CONVERSATIONS.c.id == self.conversation_id))
        ).one()

    async def order(self) -> Keyword | None:
        """The order that the message is."""
        inbound = self.inbound
        found = word_of_order(inbound)
        if found is Keyword.LATER and not (inbound.button or self.sender.attribution.campaign_id):
            return None  # a word of a conversation, not an answer to what we sent
        if found is None and inbound.sender.channel == EMAIL:
            found = subject_keyword(inbound.subject, inbound.text)
        if found is None and not inbound.button and inbound.sender.channel == SMS and may_agree_again(inbound.text):
            stopped = await has_withdrawn(self.connection, self.sender.customer_id)
            found = Keyword.START if stopped else None
        return found

    async def reply(self) -> None:
        """Log it as a reply and end what it answers."""
        await record_reply(
            self.connection,
            key=self.key,
            customer_id=self.sender.customer_id,
            channel=self.inbound.sender.channel,
            at=self.context.received_at,
            now=self.context.now,
            since=self.context.since,
            attribution=self.sender.attribution,
            inbound_message_id=self.message_id,
            automatic=clipped(storable(self.inbound.automatic), 200),
        )

    async def stop(self) -> None:
        """Withdraw marketing on every channel, and say so once on this one."""
        await leave_flow(self.connection, self.sender.customer_id, self.context.now)
        _, change = await record_opt_out(
            self.connection,
            key=self.key,
            customer_id=self.sender.customer_id,
            proof=self._proof(),
            now=self.context.now,
            channel=self.inbound.sender.channel,
            attribution=self.sender.attribution,
            inbound_message_id=self.message_id,
            since=self.context.since,
        )
        if not self._answered_elsewhere() and await self._is_news(change):
            channel, language = self.inbound.sender.channel, await self._language()
            more = await ways_to_stop_less(self.connection, self.sender, channel, change, language)
            await self.say("stop", "stop.confirmed", "stop.subject", Purpose.SERVICE, more)

    async def stop_less(self, choice: Choice) -> None:
        """Give back a part of what a stop took."""
        if not self.sender.verified or self.inbound.automatic:
            return
        said = await stop_less(self.connection, choice, self.sender, self._proof())
        if said:
            await self.say("less", said, "stop.subject", Purpose.SERVICE)

    async def rest(self) -> None:
        """Keep marketing away for a while, and say so."""
        await rest(
            self.connection,
            self.sender.customer_id,
            key=self.key,
            at=self.context.received_at,
            now=self.context.now,
            source=f"keyword by {self.inbound.sender.channel}",
            channel=self.inbound.sender.channel,
            attribution=self.sender.attribution,
            inbound_message_id=self.message_id,
        )
        if not self._answered_elsewhere():
            await self.say("later", "later.confirmed", "later.subject", Purpose.SERVICE)

    async def start(self) -> None:
        """Agree to marketing on this address again."""
        proof = self._proof(self.context.config.consent_document)
        change = await grant(self.connection, self.sender.customer_id, [self.sender.identity_id], proof)
        await forgive_topics(self.connection, self.sender.customer_id, proof)
        await wake(self.connection, self.sender.customer_id)
        await lift_opt_out_block(self.connection, self.sender.identity_id)
        if change and not self._answered_elsewhere():
            await self.say("start", "start.confirmed", "start.subject", Purpose.SERVICE)

    async def help(self) -> None:
        """Say who writes and how to stop it."""
        if not self._answered_elsewhere():
            await self.say("help", "help.text", "help.subject", Purpose.CONVERSATION)

    def _proof(self, document: str = "") -> Proof:
        wording = clipped(storable(self.inbound.text or self.inbound.button or self.inbound.subject), 200)
        actor = Actor("customer", self.sender.customer_id)
        return Proof(f"keyword by {self.inbound.sender.channel}", wording, actor, self.context.received_at, document)

    def _answered_elsewhere(self) -> bool:
        """The provider has answered already, a machine would answer back, or a stranger's ``From:`` is no address."""
        by_mail_of_a_stranger = self.sender.new and self.inbound.sender.channel == EMAIL
        return bool(self.inbound.opt_out_type or self.inbound.automatic or by_mail_of_a_stranger)

    async def _is_news(self, change: ConsentChange) -> bool:
        """Whether this channel has not confirmed the present withdrawal yet."""
        if change.identities:
            return True
        confirmed = await self.connection.scalar(
            select(_MESSAGES.c.id)
            .join(
                _CONSENTS,
                and_(
                    _CONSENTS.c.identity_id == _MESSAGES.c.identity_id,
                    _CONSENTS.c.purpose == Purpose.MARKETING.value,
                ),
            )
            .where(
                _MESSAGES.c.identity_id == self.sender.identity_id,
                _MESSAGES.c.client_token.like("stop:%"),
                _MESSAGES.c.created_at >= _CONSENTS.c.at,
            )
            .limit(1)
        )
        return confirmed is None

    async def _language(self) -> str:
        """What the customer reads, as far as anything tells."""
        locale = await self.connection.scalar(
            select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == self.sender.customer_id)
        )
        return language_for(locale or "", self.inbound, self.context)

    async def say(
        self, token: str, text: str, subject: str, purpose: Purpose, more: Mapping[str, Any] | None = None
    ) -> None:
        """Plan an answer by its texts in the catalogue."""
        language = await self._language()
        said = catalogue.text(language, text, brand=self.context.config.brand.name)
        if more:
            said += "\n\n" + catalogue.text(language, f"{token}.choose")
        await plan_answer(
            self.connection,
            self.inbound,
            self.sender,
            self.conversation_id,
            self.context,
            client_token=f"{token}:{self.message_id}",
            purpose=purpose,
            text=said,
            subject=catalogue.text(language, subject),
            more=more,
        )
