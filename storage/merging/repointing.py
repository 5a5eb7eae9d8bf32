"""Giving one customer's rows to another: all of them, in every table that has any."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.machines.message import UNCLAIM
from storage.merging.journal import Journal
from storage.merging.keys import OWNER, UniqueKey, key_columns, owned_tables, unique_keys
from storage.outbox.columns import table
from storage.tables import BlobOwner, Command, Customer, DistinctPair, MergedCustomer, Message

_CUSTOMERS, _MESSAGES, _COMMANDS = table(Customer), table(Message), table(Command)
_OWNERS, _TOMBSTONES, _PAIRS = table(BlobOwner), table(MergedCustomer), table(DistinctPair)
_PAIR = (_PAIRS.c.one_id, _PAIRS.c.other_id)


async def lock_whole(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """Lock the customers' rows, in id order, also against new rows that refer to them.

    Whoever writes one waits, finds that the customer is gone, and asks again who it is. On SQLite the one writer has
    the whole store.
    """
    if connection.dialect.name == "postgresql":
        wanted = sorted(set(ids))
        locked = select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id.in_(wanted)).order_by(_CUSTOMERS.c.id).with_for_update()
        await connection.execute(locked)


async def return_claims(connection: AsyncConnection, customer_id: str) -> None:
    """Let messages that have not begun to leave be claimed again: they were composed for somebody else."""
    await connection.execute(
        update(_MESSAGES)
        .where(_MESSAGES.c.customer_id == customer_id, _MESSAGES.c.state.in_(UNCLAIM.sources))
        .values(state=UNCLAIM.target, lease_until=None, worker="")
    )


async def repoint(connection: AsyncConnection, journal: Journal, merged: str, survivor: str) -> None:
    """Give every row of ``merged`` to ``survivor``; where both may not have one, the survivor's own stays."""
    for place in owned_tables():
        for key in unique_keys(place):
            if OWNER in key.columns:
                await _leave_to(connection, journal, place, key, merged, survivor)
        await journal.change(place, place.c[OWNER] == merged, {OWNER: survivor})
    await _repoint_blobs(connection, journal, merged, survivor)
    await _repoint_pairs(connection, journal, merged, survivor)
    await journal.change(_TOMBSTONES, _TOMBSTONES.c.survivor_id == merged, {"survivor_id": survivor})
    await _repoint_commands(connection, journal, merged, survivor)


async def _leave_to(
    connection: AsyncConnection, journal: Journal, place: Table, key: UniqueKey, merged: str, survivor: str
) -> None:
    """Remove the merged customer's rows whose ``key`` the survivor has already."""
    rest = [place.c[name] for name in key.columns if name != OWNER]
    where = () if key.where is None else (key.where,)
    own = (await connection.execute(select(*rest).where(place.c[OWNER] == survivor, *where))).all() if rest else None
    taken = set() if own is None else {tuple(row) for row in own}
    keys = key_columns(place)
    theirs = (await connection.execute(select(*keys, *rest).where(place.c[OWNER] == merged, *where))).all()
    if own is None:  # one row a customer
        there = await connection.scalar(select(place.c[OWNER]).where(place.c[OWNER] == survivor, *where).limit(1))
        double = [tuple(row[: len(keys)]) for row in theirs] if there is not None else []
    else:
        double = [tuple(row[: len(keys)]) for row in theirs if tuple(row[len(keys) :]) in taken]
    for one in double:
        await journal.remove(place, _is(keys, one))


def _is(columns: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(columns, values, strict=True)))


async def _repoint_blobs(connection: AsyncConnection, journal: Journal, merged: str, survivor: str) -> None:
    of_customers = _OWNERS.c.owner == "customer"
    held = select(_OWNERS.c.hash).where(of_customers, _OWNERS.c.owner_id == survivor)
    theirs = of_customers & (_OWNERS.c.owner_id == merged)
    double = list(await connection.scalars(select(_OWNERS.c.hash).where(theirs, _OWNERS.c.hash.in_(held))))
    for one in double:
        await journal.remove(_OWNERS, theirs & (_OWNERS.c.hash == one))
    for one in list(await connection.scalars(select(_OWNERS.c.hash).where(theirs))):
        await journal.change(_OWNERS, theirs & (_OWNERS.c.hash == one), {"owner_id": survivor})


async def _repoint_pairs(connection: AsyncConnection, journal: Journal, merged: str, survivor: str) -> None:
    """Who was said to be somebody else than the merged is somebody else than the survivor, too."""
    theirs = or_(_PAIRS.c.one_id == merged, _PAIRS.c.other_id == merged)
    for row in (await connection.execute(select(_PAIRS).where(theirs))).all():
        one = _is(_PAIR, (row.one_id, row.other_id))
        pair = sorted({row.one_id, row.other_id, survivor} - {merged})
        if len(pair) < 2 or await connection.scalar(select(_PAIRS.c.one_id).where(_is(_PAIR, pair))) is not None:
            await journal.remove(_PAIRS, one)
        else:
            await journal.change(_PAIRS, one, {"one_id": pair[0], "other_id": pair[1]})


async def _repoint_commands(connection: AsyncConnection, journal: Journal, merged: str, survivor: str) -> None:
    """What waits to be done for the merged customer is done for the survivor."""
    waiting = (_COMMANDS.c.done_at.is_(None), _COMMANDS.c.payload[OWNER].as_string() == merged)
    for row in (await connection.execute(select(_COMMANDS.c.id, _COMMANDS.c.payload).where(*waiting))).all():
        await journal.change(_COMMANDS, _COMMANDS.c.id == row.id, {"payload": {**row.payload, OWNER: survivor}})
