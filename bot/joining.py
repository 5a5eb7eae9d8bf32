"""Joining: an address that proves to be another customer's goes to them, with what was said there.

Only somebody of whom nothing else is known is joined: to make one of two people with a history is a person's decision.
The caller has locked both customers.
"""

from sqlalchemy import Row, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from core.actors import Actor
from core.ids import new_id
from core.machines.conversation import CONVERSATION, ConversationState
from core.transitions import apply
from storage.outbox.columns import table
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
    await _move(connection, known.customer_id, customer_id)
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
