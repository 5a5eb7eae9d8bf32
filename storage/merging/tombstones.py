"""Where the ids of merged customers lead: to whoever they became."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import Customer, MergedCustomer

_TOMBSTONES, _CUSTOMERS = table(MergedCustomer), table(Customer)


async def survivor_of(connection: AsyncConnection, customer_id: str) -> str:
    """The customer that ``customer_id`` became; itself if it was not merged. Old links, tokens and ids come here."""
    found: str | None = await connection.scalar(
        select(_TOMBSTONES.c.survivor_id).where(_TOMBSTONES.c.id == customer_id)
    )
    return found or customer_id


async def known_by(connection: AsyncConnection, external_id: str) -> str | None:
    """The id of the customer whom the shop knows by ``external_id``, also if they were merged since."""
    found: str | None = await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id == external_id))
    if found is None:
        found = await connection.scalar(
            select(_TOMBSTONES.c.survivor_id).where(_TOMBSTONES.c.external_id == external_id)
        )
    return found


async def merged_external_ids(connection: AsyncConnection, external_ids: Collection[str]) -> dict[str, str]:
    """The survivors of merged customers, by the shop's ids for the merged."""
    found: dict[str, str] = {}
    for part in chunks(sorted(set(external_ids))):
        rows = await connection.execute(
            select(_TOMBSTONES.c.external_id, _TOMBSTONES.c.survivor_id).where(_TOMBSTONES.c.external_id.in_(part))
        )
        found.update((row.external_id, row.survivor_id) for row in rows)
    return found
