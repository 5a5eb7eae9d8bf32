"""Addresses that people leave in a chat. Nobody vouches for them: they are good for answering this person, no more."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.senders import identity_of, insert_identity, resolve
from core.actors import Actor
from core.ids import new_id
from core.messages import EMAIL, Address, ContactLeft, InboundMessage
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Audit

_AUDIT = table(Audit)


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
