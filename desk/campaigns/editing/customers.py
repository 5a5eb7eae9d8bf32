"""Customers to choose from while somebody types a name: a few, for a list below the field."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.text import folded
from storage.outbox.columns import table
from storage.tables import Customer, Identity

_CUSTOMERS, _IDENTITIES = table(Customer), table(Identity)
SHOWN = 8
SHORTEST, LONGEST = 2, 100


@dataclass(frozen=True, slots=True)
class Suggested:
    """``value`` names the customer to :func:`campaigns.reporting.story.find_customer`."""

    value: str
    name: str


async def suggested(connection: AsyncConnection, asked: str) -> Sequence[Suggested]:
    """Whose name holds the words, or whose number or address it is."""
    wanted = folded(asked)[:LONGEST]
    if len(wanted) < SHORTEST:
        return []
    by_name = and_(*(_CUSTOMERS.c.search.contains(word, autoescape=True) for word in wanted.split()[:5]))
    exact = asked.strip()[:LONGEST]
    owners = select(_IDENTITIES.c.customer_id).where(_IDENTITIES.c.address.in_({exact, wanted}))
    rows = await connection.execute(
        select(_CUSTOMERS.c.id, _CUSTOMERS.c.external_id, _CUSTOMERS.c.first_name, _CUSTOMERS.c.last_name)
        .where(or_(by_name, _CUSTOMERS.c.external_id == exact, _CUSTOMERS.c.id.in_(owners)))
        .order_by(_CUSTOMERS.c.search)
        .limit(SHOWN)
    )
    return [Suggested(row.external_id or row.id, f"{row.first_name} {row.last_name}".strip()) for row in rows]
