"""Customers who were merged, as an import meets them: the shop's old number for somebody is the survivor's."""

from collections.abc import Collection

from storage.imports.bulk import Bulk


async def merged_in_bulk(bulk: Bulk, external_ids: Collection[str]) -> dict[str, str]:
    """The ids of the survivors, by the shop's ids for those who were merged into them."""
    rows = await bulk.select("merged_customers", ("external_id", "survivor_id"), "external_id", external_ids)
    return {external_id: survivor_id for external_id, survivor_id in rows}  # noqa: C416  rows of two
