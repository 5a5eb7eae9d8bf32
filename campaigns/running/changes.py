"""Changing customers: what a campaign's ``set`` step does to fields, tags and stage. In the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.engine import ChangeCustomer
from campaigns.segments.syntax import ATTRIBUTE
from core.clock import machine_now
from core.text import folded
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.tables import Customer, CustomerTag

_CUSTOMERS, _TAGS = table(Customer), table(CustomerTag)
CHANGEABLE = frozenset({"first_name", "last_name", "locale", "zone", "country", "city", "gender", "birthday", "stage"})
"""Columns that a campaign may set; anything of the shop's own goes by ``attributes.NAME``."""


async def change_customers(
    connection: AsyncConnection, changes: Sequence[tuple[str, ChangeCustomer]], now: datetime
) -> None:
    """Apply the changes in order; customers are locked by the caller."""
    if not changes:
        return
    ids = {customer_id for customer_id, _ in changes}
    wanted = select(_CUSTOMERS).where(given_ids(_CUSTOMERS.c.id))
    rows = {row.id: dict(row._mapping) for row in await connection.execute(wanted, {IDS: list(ids)})}  # noqa: SLF001
    touched: set[str] = set()
    for customer_id, change in changes:
        if customer_id in rows and _changed(rows[customer_id], change):
            touched.add(customer_id)
        if change.tag or change.untag:
            touched.add(customer_id)
        await _tag(connection, customer_id, change, now)
    for customer_id in sorted(touched):
        row = rows[customer_id]
        row["search"] = folded(f"{row['first_name']} {row['last_name']}")
        values = {name: row[name] for name in (*CHANGEABLE, "attributes", "search")}
        await connection.execute(
            update(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id).values(**values, updated_at=machine_now())
        )


def _changed(row: dict[str, Any], change: ChangeCustomer) -> bool:
    before = {**row, "attributes": dict(row["attributes"])}
    for name, value in change.fields.items():
        if name.startswith(ATTRIBUTE):
            attributes = dict(row["attributes"])
            key = name.removeprefix(ATTRIBUTE)
            if value is None:
                attributes.pop(key, None)
            else:
                attributes[key] = value
            row["attributes"] = attributes
        elif name in CHANGEABLE:
            empty = None if name == "birthday" else ""
            row[name] = empty if value is None else str(value)
    if change.stage:
        row["stage"] = change.stage
    return before != row


async def _tag(connection: AsyncConnection, customer_id: str, change: ChangeCustomer, now: datetime) -> None:
    rows = [{"customer_id": customer_id, "tag": tag, "at": now} for tag in change.tag]
    await insert_missing(connection, _TAGS, rows)
    if change.untag:
        await connection.execute(delete(_TAGS).where(_TAGS.c.customer_id == customer_id, _TAGS.c.tag.in_(change.untag)))
