"""Addresses that people give in a chat: those that nobody vouches for, and the number that Telegram vouches for.

What is only left is good for answering this person, no more. A number that the messenger proves to be the sender's own
is an address like any other, and if a customer is known by it, the sender is that customer.
"""

from dataclasses import replace

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.joining import join_to
from bot.learning import learn_zone
from bot.senders import Sender, identity_of, insert_identity, resolve
from core.actors import Actor
from core.ids import new_id
from core.messages import EMAIL, SMS, Address, ContactLeft, InboundMessage
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Audit, Identity

_AUDIT = table(Audit)
_IDENTITIES = table(Identity)


async def leave_contact(connection: AsyncConnection, left: ContactLeft, context: Context) -> str | None:
    """Give the chat's customer the address, unverified; one that is somebody's already is only noted, for a person."""
    said = InboundMessage(left.account, left.key, left.sender, "", sender_name=left.name, locale=left.locale)
    sender = await resolve(connection, said, context)
    if sender is None:
        return None
    await lock_customers(connection, [sender.customer_id], shared=False)
    address = Address(EMAIL, left.email)
    source = f"left by {left.sender.channel}"
    await insert_identity(connection, sender.customer_id, address, context, verified=False, source=source)
    owner = await identity_of(connection, address)
    if owner is not None and owner.customer_id != sender.customer_id:
        await connection.execute(
            _AUDIT.insert().values(
                id=new_id(), at=context.now, actor=str(Actor("customer", sender.customer_id)),
                action="address claimed", subject="identity", subject_id=owner.id,
                detail={"claimed_by": sender.customer_id, "source": source},
            )
        )  # fmt: skip
    return sender.customer_id


async def prove_phone(connection: AsyncConnection, inbound: InboundMessage, sender: Sender, context: Context) -> Sender:
    """Make the sender's own number (``inbound.phone``) theirs; gives the sender, who may turn out to be known by it."""
    address = Address(SMS, inbound.phone)
    source = f"own number, {inbound.sender.channel}"
    owner = await identity_of(connection, address)
    holders = {sender.customer_id} | ({owner.customer_id} if owner is not None else set())
    await lock_customers(connection, holders, shared=False)
    if owner is None:
        await insert_identity(connection, sender.customer_id, address, context, verified=True, source=source)
        await learn_zone(connection, sender.customer_id, context.now, address=address)
        return sender
    known = await identity_of(connection, inbound.sender)
    mine = known is not None and known.customer_id == owner.customer_id
    if known is None or not (mine or await join_to(connection, known, owner.customer_id, context, source)):
        return sender
    await connection.execute(update(_IDENTITIES).where(_IDENTITIES.c.id == owner.id).values(verified=True))
    return replace(sender, customer_id=owner.customer_id)
