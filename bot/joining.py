"""Joining: whoever writes from an address that proves to be another customer's is merged into them.

Only somebody of whom nothing else is known is joined: to make one of two people with a history is a person's decision.
The caller has locked both customers.
"""

from sqlalchemy import Row, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from campaigns.customers.merging import merge_on
from core.actors import Actor
from core.ids import new_id
from storage.outbox.columns import table
from storage.tables import (
    Audit,
    Conversation,
    Customer,
    Enrolment,
    Event,
    Identity,
)

_AUDIT = table(Audit)
_CONVERSATIONS = table(Conversation)
_CUSTOMERS = table(Customer)
_ENROLMENTS = table(Enrolment)
_EVENTS = table(Event)
_IDENTITIES = table(Identity)


async def join_to(
    connection: AsyncConnection, known: Row[str, str], customer_id: str, context: Context, source: str
) -> bool:
    """Give the identity ``known`` (id, customer_id) to ``customer_id``, because of ``source``; False if it stays."""
    if not await is_fresh(connection, known.customer_id):
        await _audit(connection, "join refused", known, customer_id, context, source)
        return False
    actor = Actor("customer", customer_id)
    await merge_on(connection, known.customer_id, customer_id, actor, context.now, source=source)
    await _audit(connection, "identity joined", known, customer_id, context, source)
    return True


async def is_fresh(connection: AsyncConnection, customer_id: str) -> bool:
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


async def _audit(
    connection: AsyncConnection, action: str, known: Row[str, str], to: str, context: Context, source: str
) -> None:
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(),
            at=context.now,
            actor=str(Actor("customer", to)),
            action=action,
            subject="identity",
            subject_id=known.id,
            detail={"from": known.customer_id, "to": to, "source": source},
        )
    )
