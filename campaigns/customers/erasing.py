"""Erasing a customer: what is on its way is ended first, then everything that is theirs goes.

The addresses stay as hashes among the suppressions, so that a later import writes to nobody who was erased.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.closing import cancel_planned, close_enrolments
from core.actors import Actor
from core.errors import Refused
from core.ids import ANONYMOUS, new_id
from core.machines.enrolment import EXIT
from core.machines.message import MessageState
from storage.erasing import erase_rows
from storage.outbox.columns import table
from storage.personal import ERASED
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Audit, BlobOwner, Customer, Enrolment, Identity, MergedCustomer, Message
from storage.traces import Traces, find_traces, terms_of

_CUSTOMERS, _IDENTITIES = table(Customer), table(Identity)
_MESSAGES, _ENROLMENTS, _OWNERS = table(Message), table(Enrolment), table(BlobOwner)
_TOMBSTONES = table(MergedCustomer)


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did. ``anonymous`` is the id under which amounts and counts stay."""

    anonymous: str
    addresses: int
    journeys_ended: int
    messages_cancelled: int
    unknown: int
    deliveries: int


async def erase_customer(store: Store, customer_id: str, actor: Actor, now: datetime) -> Erased:
    """Erase the customer, whole or not at all. Traces are looked for before, outside the transaction.

    Raises:
        Refused: if there is no such customer, or a message to them is on a socket this moment.
    """
    async with store.read() as connection:
        traces = await customer_traces(connection, customer_id)
    async with store.unhurried() as connection:
        await lock_customers(connection, [customer_id], shared=False)
        if await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id == customer_id)) is None:
            raise Refused("the customer is not there any more")
        return await erase_on(connection, customer_id, traces, actor, now)


async def customer_traces(connection: AsyncConnection, customer_id: str) -> Traces:
    """Where the customer is named without being referred to."""
    rows = (
        await connection.execute(
            select(_IDENTITIES.c.id, _IDENTITIES.c.channel, _IDENTITIES.c.address).where(
                _IDENTITIES.c.customer_id == customer_id
            )
        )
    ).all()
    blobs = await connection.scalars(
        select(_OWNERS.c.hash).where(_OWNERS.c.owner == "customer", _OWNERS.c.owner_id == customer_id)
    )
    became = await connection.scalars(select(_TOMBSTONES.c.id).where(_TOMBSTONES.c.survivor_id == customer_id))
    ids = [customer_id, *became, *(row.id for row in rows)]
    terms = terms_of([(row.channel, row.address) for row in rows], ids)
    return await find_traces(connection, terms, list(blobs))


async def erase_on(
    connection: AsyncConnection, customer_id: str, traces: Traces, actor: Actor, now: datetime
) -> Erased:
    """:func:`erase_customer` in the caller's transaction, which has locked the customer."""
    if customer_id >= ANONYMOUS:
        raise Refused("this customer was erased already")
    states = (
        await connection.scalars(
            select(_MESSAGES.c.state).where(
                _MESSAGES.c.customer_id == customer_id,
                _MESSAGES.c.state.in_([MessageState.DISPATCHING, MessageState.UNKNOWN]),
            )
        )
    ).all()
    if MessageState.DISPATCHING in states:
        raise Refused("a message to this customer is on its way this moment; erase them again in a minute")
    journeys = await connection.scalars(
        select(_ENROLMENTS.c.id).where(_ENROLMENTS.c.customer_id == customer_id, _ENROLMENTS.c.closed_at.is_(None))
    )
    planned = await cancel_planned(connection, _MESSAGES.c.customer_id == customer_id, ERASED)
    ended = await close_enrolments(connection, list(journeys), EXIT, reason=ERASED, now=now)
    addresses = list(await connection.scalars(select(_IDENTITIES.c.id).where(_IDENTITIES.c.customer_id == customer_id)))
    anonymous = await erase_rows(connection, customer_id, traces, now)
    done = Erased(anonymous, len(addresses), len(ended), len(planned), len(states), len(traces.inbound))
    await connection.execute(
        table(Audit).insert(),
        {
            "id": new_id(), "at": now, "actor": str(actor), "action": "erase", "subject": "customer",
            "subject_id": anonymous, "detail": {"addresses": done.addresses, "journeys_ended": done.journeys_ended,
                                                "unknown": done.unknown},
        },
    )  # fmt: skip
    return done
