"""Deep links: ``/start TOKEN`` joins a Telegram chat to the customer whose letter held the link.

The token is signed and names the message, so that it proves itself. A chat that belongs to somebody with a history of
their own is left alone: joining two people is a decision for a person.
"""

from dataclasses import dataclass

from sqlalchemy import Row, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.senders import identity_of, insert_identity
from campaigns.customers.consents import Proof, grant, has_withdrawn
from campaigns.responding.attribution import attribute_link
from core import catalogue
from core.actors import Actor
from core.ids import new_id
from core.machines.conversation import CONVERSATION, ConversationState
from core.messages import InboundMessage
from core.transitions import apply
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import (
    Audit,
    ConsentRecord,
    Conversation,
    Customer,
    Enrolment,
    Event,
    Identity,
    Message,
    Response,
    SegmentMembership,
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
    if known.customer_id != letter.customer_id:
        if not await _is_fresh(connection, known.customer_id):
            await _audit(connection, "join refused", known, letter.customer_id, context)
            return None
        await _move(connection, known.customer_id, letter.customer_id)
        await _audit(connection, "identity joined", known, letter.customer_id, context)
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


async def _is_fresh(connection: AsyncConnection, customer_id: str) -> bool:
    """Whether all that we know of a customer is that somebody opened the bot."""
    addresses = select(func.count()).where(_IDENTITIES.c.customer_id == customer_id)
    row = (
        await connection.execute(
            select(
                _CUSTOMERS.c.external_id,
                addresses.scalar_subquery().label("addresses"),
                exists().where(_ENROLMENTS.c.customer_id == customer_id).label("enrolled"),
                exists().where(_EVENTS.c.customer_id == customer_id).label("acted"),
            ).where(_CUSTOMERS.c.id == customer_id)
        )
    ).one()
    return row.external_id is None and row.addresses == 1 and not row.enrolled and not row.acted


async def _move(connection: AsyncConnection, stranger: str, customer_id: str) -> None:
    """Give the customer all that the stranger had, and let the stranger go."""
    open_here = await connection.scalar(
        select(_CONVERSATIONS.c.id).where(
            _CONVERSATIONS.c.customer_id == customer_id,
            _CONVERSATIONS.c.verified.is_(True),
            _CONVERSATIONS.c.state != ConversationState.RESOLVED,
        )
    )
    if open_here is not None:
        await _resolve_open(connection, stranger)
    for model in (Identity, Message, Response, ConsentRecord, Conversation):
        moved = table(model)
        await connection.execute(update(moved).where(moved.c.customer_id == stranger).values(customer_id=customer_id))
    memberships = table(SegmentMembership)
    await connection.execute(delete(memberships).where(memberships.c.customer_id == stranger))
    await connection.execute(delete(_CUSTOMERS).where(_CUSTOMERS.c.id == stranger))


async def _resolve_open(connection: AsyncConnection, customer_id: str) -> None:
    """A customer has one open conversation: the stranger's goes to rest beside it."""
    rows = await connection.execute(
        select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state, _CONVERSATIONS.c.last_at).where(
            _CONVERSATIONS.c.customer_id == customer_id, _CONVERSATIONS.c.state != ConversationState.RESOLVED
        )
    )
    for row in rows.all():
        state = apply(CONVERSATION, row.state, "ConversationResolved")
        await connection.execute(
            update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == row.id).values(state=state, resolved_at=row.last_at)
        )


async def _audit(connection: AsyncConnection, action: str, known: Row[str, str], to: str, context: Context) -> None:
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(),
            at=context.now,
            actor=str(Actor("customer", to)),
            action=action,
            subject="identity",
            subject_id=known.id,
            detail={"from": known.customer_id, "to": to, "source": SOURCE},
        )
    )
