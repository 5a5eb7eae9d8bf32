"""Deep links: ``/start TOKEN`` joins a Telegram chat to the customer whose letter held the link.

The token is signed and names the message, so that it proves itself. A chat that belongs to somebody with a history of
their own is left alone: joining two people is a decision for a person.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.joining import join_to
from bot.senders import identity_of, insert_identity
from campaigns.customers.consents import Proof, grant, has_withdrawn
from campaigns.responding.attribution import attribute_link
from core import catalogue
from core.actors import Actor
from core.messages import InboundMessage
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import (
    Audit,
    Conversation,
    Customer,
    Enrolment,
    Event,
    Identity,
)

SOURCE = "deep link"

_AUDIT = table(Audit)
_CONVERSATIONS = table(Conversation)
_CUSTOMERS = table(Customer)
_ENROLMENTS = table(Enrolment)
_EVENTS = table(Event)
_IDENTITIES = table(Identity)


@dataclass(frozen=True, slots=True)
class Joined:
    """The customer that the chat belongs to now; ``consented`` where marketing may go there."""

    customer_id: str
    identity_id: str
    consented: bool


async def join(connection: AsyncConnection, inbound: InboundMessage, context: Context) -> Joined | None:
    """Join the sender's chat to the token's customer; None where the token is not ours or the chat is another's."""
    message_id = context.start_tokens.verify(inbound.start_token)
    if message_id is None:
        return None
    letter = await attribute_link(connection, message_id)
    if letter.customer_id is None:
        return None
    known = await identity_of(connection, inbound.sender)
    holders = {letter.customer_id} | ({known.customer_id} if known is not None else set())
    await lock_customers(connection, holders, shared=False)
    if known is None:
        identity_id = await insert_identity(
            connection, letter.customer_id, inbound.sender, context, verified=True, source=SOURCE
        )
        known = await identity_of(connection, inbound.sender)
    else:
        identity_id = known.id
    if known is None or identity_id is None:
        raise LookupError("an identity is taken and yet not there")
    if known.customer_id != letter.customer_id and not await join_to(
        connection, known, letter.customer_id, context, SOURCE
    ):
        return None
    consented = letter.campaign_id is not None and not await has_withdrawn(connection, letter.customer_id)
    if consented:
        wording = catalogue.text(await _locale(connection, letter.customer_id, context), "consent.deep_link",
                                 brand=context.config.brand.name)  # fmt: skip
        actor, document = Actor("customer", letter.customer_id), context.config.consent_document
        proof = Proof(SOURCE, wording, actor, context.received_at, document)
        await grant(connection, letter.customer_id, [identity_id], proof)
    return Joined(letter.customer_id, identity_id, consented)


async def _locale(connection: AsyncConnection, customer_id: str, context: Context) -> str:
    locale = await connection.scalar(select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == customer_id))
    return locale or context.config.locale
