"""Routing: what becomes of each thing that arrives. Pure of transactions: the caller's block is the unit.

Handling the same event twice has one effect: reports and messages are known by the provider's own keys, and every
effect of a message hangs on its first entry in the conversation.
"""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.contacts import leave_contact
from bot.context import Context
from bot.inbox import handle_message
from bot.senders import identity_of, set_reachable
from bot.topics.hearing import hear, note_shut
from campaigns.customers.consents import Proof, suppress
from campaigns.responding.answers import record_opt_out
from campaigns.responding.attribution import NOTHING, attribute_link
from campaigns.responding.receipts import record_reports
from core.actors import Actor
from core.addresses import identity_key
from core.errors import PermanentKind
from core.messages import (
    AddressChanged,
    ChannelEvent,
    Complaint,
    ContactLeft,
    DeliveryReport,
    InboundMessage,
    ReachabilityChanged,
    StaffWrote,
    TopicShut,
)
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.tables import Identity

_IDENTITIES = table(Identity)


async def handle(connection: AsyncConnection, event: ChannelEvent, context: Context) -> str | None:
    """Carry out what ``event`` means; gives the customer that it is about, where it is about one."""
    match event:
        case InboundMessage():
            return await handle_message(connection, event, context)
        case DeliveryReport():
            await record_reports(connection, [event], context.received_at)
            return None
        case ReachabilityChanged():
            return await _reachability(connection, event, context)
        case Complaint():
            return await _complaint(connection, event, context)
        case AddressChanged():
            return await _moved(connection, event)
        case ContactLeft():
            return await leave_contact(connection, event, context)
        case StaffWrote():
            await hear(connection, event, context)
            return None
        case TopicShut():
            await note_shut(connection, event, context)
            return None


async def _reachability(connection: AsyncConnection, event: ReachabilityChanged, context: Context) -> str | None:
    """Blocked or let in again: this address only, and no consent is touched."""
    identity = await identity_of(connection, event.address)
    if identity is None:
        return None
    if event.reachable:
        await set_reachable(connection, identity.id)
    else:
        known = event.reason if event.reason in set(PermanentKind) else PermanentKind.BLOCKED.value
        await connection.execute(
            update(_IDENTITIES)
            .where(_IDENTITIES.c.id == identity.id)
            .values(reachable=False, unreachable_reason=known, unreachable_at=context.received_at)
        )
    return str(identity.customer_id)


async def _moved(connection: AsyncConnection, event: AddressChanged) -> str | None:
    """The same chat under another address, unless somebody is known there already."""
    identity = await identity_of(connection, event.old)
    if identity is None:
        return None
    if await identity_of(connection, event.new) is None:
        await connection.execute(
            update(_IDENTITIES)
            .where(_IDENTITIES.c.id == identity.id)
            .values(address=event.new.value, scope=event.new.scope, key=identity_key(event.new))
        )
    return str(identity.customer_id)


async def _complaint(connection: AsyncConnection, event: Complaint, context: Context) -> str | None:
    """Reported as spam: marketing ends on every channel, and that address stays suppressed for it."""
    credited = await attribute_link(connection, event.message_id) if event.message_id else NOTHING
    customer_id, key = credited.customer_id, ""
    if credited.identity_id is not None:
        key = await connection.scalar(select(_IDENTITIES.c.key).where(_IDENTITIES.c.id == credited.identity_id)) or ""
    elif event.address is not None:
        key = identity_key(event.address)
        identity = await identity_of(connection, event.address)
        customer_id = identity.customer_id if identity is not None else None
    if key:
        await suppress(connection, key, Purpose.MARKETING.value, "complaint", context.received_at)
    if customer_id is None:
        return None
    proof = Proof("complaint", "", Actor("provider", event.account), context.received_at)
    await record_opt_out(
        connection, key=f"complaint:{event.account}:{event.key}", customer_id=customer_id, proof=proof,
        now=context.now, attribution=credited, complaint=True,
    )  # fmt: skip
    return customer_id
