"""Undoing a merge: two customers again, each with what was theirs; what cannot be put back is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from storage.merging.repointing import lock_whole, return_claims
from storage.merging.tombstones import survivor_of
from storage.merging.undoing import put_back
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Customer, Merge, MergedCustomer

_MERGES, _TOMBSTONES, _CUSTOMERS, _AUDIT = table(Merge), table(MergedCustomer), table(Customer), table(Audit)


@dataclass(frozen=True, slots=True)
class Unmerged:
    """Who is there again, the rows that are theirs and the survivor's as before, by table, and what is not.

    ``left`` says why by (table, reason). ``followed`` came after the merge and went with an address. Journeys that the
    merge ended stay ended: their messages were cancelled and their money is spent elsewhere by now.
    """

    customer_id: str
    survivor_id: str
    restored: Mapping[str, int]
    followed: Mapping[str, int]
    left: Mapping[tuple[str, str], int]
    journeys_stay_ended: int


async def undo_merge(store: Store, wanted: str, actor: Actor, now: datetime) -> Unmerged:
    """Undo a merge by its id, or the one that made a tombstone of the customer ``wanted``.

    Raises:
        Refused: if there is none, it was undone already, or the survivor was merged themselves since.
    """
    async with store.unhurried() as connection:
        return await undo_on(connection, await _find(connection, wanted), actor, now)


async def undo_on(connection: AsyncConnection, merge: Row[Any], actor: Actor, now: datetime) -> Unmerged:
    """:func:`undo_merge` in the caller's transaction."""
    await lock_whole(connection, [merge.survivor_id])
    if await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id == merge.survivor_id)) is None:
        now_is = await survivor_of(connection, merge.survivor_id)
        if now_is == merge.survivor_id:
            raise Refused("the survivor of this merge was erased")
        raise Refused(
            f"the survivor was merged into {now_is} since: undo that first, otklik customer unmerge {merge.survivor_id}"
        )
    taken = update(_MERGES).where(_MERGES.c.id == merge.id, _MERGES.c.undone_at.is_(None))
    if not (await connection.execute(taken.values(undone_at=now, undone_by=str(actor)))).rowcount:
        raise Refused("this merge was undone already")
    await return_claims(connection, merge.survivor_id)
    await connection.execute(delete(_TOMBSTONES).where(_TOMBSTONES.c.id == merge.merged_id))
    done = await put_back(connection, merge)
    pair = [merge.merged_id, merge.survivor_id]
    await connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id.in_(pair)).values(updated_at=now))
    ended = len(merge.detail.get("journeys_ended", ()))
    left = {f"{place}: {why}": count for (place, why), count in sorted(done.left.items())}
    await connection.execute(
        _AUDIT.insert(),
        {"id": new_id(), "at": now, "actor": str(actor), "action": "unmerge", "subject": "customer",
         "subject_id": merge.survivor_id,
         "detail": {"merge": merge.id, "merged": merge.merged_id, "left": left, "journeys_stay_ended": ended}},
    )  # fmt: skip
    return Unmerged(
        merge.merged_id, merge.survivor_id, dict(sorted(done.restored.items())), dict(sorted(done.followed.items())),
        dict(sorted(done.left.items())), ended,
    )  # fmt: skip


async def _find(connection: AsyncConnection, wanted: str) -> Row[Any]:
    found = (
        await connection.execute(
            select(_MERGES)
            .outerjoin(_TOMBSTONES, _TOMBSTONES.c.merge_id == _MERGES.c.id)
            .where((_MERGES.c.id == wanted) | (_TOMBSTONES.c.id == wanted) | (_TOMBSTONES.c.external_id == wanted))
        )
    ).first()
    if found is None:
        raise Refused(
            f"there is no merge {wanted!r}; give a merge's id or the id of the customer who was merged: "
            "`otklik customer show` of the survivor names both"
        )
    return found
