"""Moving back what a merge moved, the last first; what has changed since stays as it is, and is told."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Table, TextClause, and_, exists, literal, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.merging.keys import OWNER, is_json, is_row, key_columns, owned_tables, plain, unique_keys, values_of
from storage.outbox.columns import table
from storage.statements import chunks, insert_into
from storage.tables import Conversation, Customer, Identity, Merge, MergeMove, Message

_MOVES, _IDENTITIES, _MESSAGES = table(MergeMove), table(Identity), table(Message)
_CONVERSATIONS, _CUSTOMERS = table(Conversation), table(Customer)
_ATTRIBUTES = (_CUSTOMERS.name, "attributes")


@dataclass(slots=True)
class PutBack:
    """How many rows are as they were again, by table; ``left``: (table, why) of those that are not.

    ``followed`` are rows that came after the merge and went along with the address that they are about.
    """

    restored: Counter[str] = field(default_factory=Counter)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    followed: Counter[str] = field(default_factory=Counter)


CHANGED, GONE, TAKEN = "changed since", "gone since", "its place is taken"


async def put_back(connection: AsyncConnection, merge: Row[Any]) -> PutBack:
    """Undo the moves of ``merge``. The caller has locked the survivor."""
    done = PutBack()
    moves: Sequence[Any] = (
        await connection.execute(
            select(_MOVES.c.place, _MOVES.c.row, _MOVES.c.was, _MOVES.c.became)
            .where(_MOVES.c.merge_id == merge.id)
            .order_by(_MOVES.c.id.desc())
        )
    ).all()
    tables = table(Merge).metadata.tables
    for place_name, same in _alike(moves):
        place = tables.get(place_name)
        if place is None:
            done.left[place_name, GONE] += len(same)  # of a plugin that is not there any more
        elif same[0].became is None:
            for move in same:
                await _insert_again(connection, place, move.was, done)
        else:
            await _change_back(connection, place, same, done)
    await _follow_addresses(connection, moves, merge, done)
    await _rejoin_conversations(connection, merge, done)
    return done


def _alike(moves: Sequence[Row[Any]]) -> Iterator[tuple[str, list[Row[Any]]]]:
    """Neighbours that changed the same columns of a table from and to the same values."""

    def change(move: Row[Any]) -> tuple[str, str]:
        whole = move.became is None
        return move.place, json.dumps([None if whole else move.was, move.became], sort_keys=True)

    for (place, _), same in groupby(moves, key=change):
        yield place, list(same)


async def _insert_again(connection: AsyncConnection, place: Table, was: dict[str, Any], done: PutBack) -> None:
    values = values_of(place, was)
    needed = {one.name for one in place.columns if not one.nullable and one.server_default is None}
    if place is _CUSTOMERS and await _is_known(connection, values["external_id"]):
        values["external_id"] = None
        done.left["external_id", TAKEN] += 1
    if needed - values.keys() or any(
        [await _is_referred_away(connection, place, name, value) for name, value in values.items()]
    ):
        done.left[place.name, GONE] += 1
        return
    statement = insert_into(connection, place).values(**values).on_conflict_do_nothing()
    added = (await connection.execute(statement)).rowcount
    if added:
        done.restored[place.name] += 1
    else:
        done.left[place.name, TAKEN] += 1


async def _is_known(connection: AsyncConnection, external_id: str | None) -> bool:
    return external_id is not None and bool(
        await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id == external_id))
    )


async def _is_referred_away(connection: AsyncConnection, place: Table, name: str, value: Any) -> bool:
    """Whether a row that this one refers to is not there any more."""
    for key in place.c[name].foreign_keys if value is not None else ():
        if await connection.scalar(select(key.column).where(key.column == value)) is None:
            return True
    return False


async def _change_back(connection: AsyncConnection, place: Table, same: Sequence[Row[Any]], done: PutBack) -> None:
    keys = key_columns(place)
    was, became = same[0].was, same[0].became
    simple = len(keys) == 1 and not any(is_json(place.c[name]) for name in was if name in place.c)
    unique = {name for key in unique_keys(place) for name in key.columns}
    if not simple or set(was) & (unique - {OWNER}) or _limits_owner(place):
        for move in same:
            await _one_back(connection, place, move, done)
        return
    untouched = [place.c[name].is_not_distinct_from(value) for name, value in values_of(place, became).items()]
    for part in chunks([move.row[0] for move in same]):
        changed = await connection.execute(
            update(place).where(keys[0].in_(part), *untouched).values(**values_of(place, was)).returning(keys[0])
        )
        back = {row[0] for row in changed.all()}
        done.restored[place.name] += len(back)
        for move in same:
            if move.row[0] in part and move.row[0] not in back:
                await _one_back(connection, place, move, done)


def _limits_owner(place: Table) -> bool:
    """Whether a customer may not have any number of its rows."""
    return any(OWNER in key.columns for key in unique_keys(place))


async def _one_back(connection: AsyncConnection, place: Table, move: Row[Any], done: PutBack) -> None:
    """One row, column by column: what has changed since stays."""
    now_at = [move.became.get(column.name, value) for column, value in zip(key_columns(place), move.row, strict=True)]
    row = (await connection.execute(select(place).where(is_row(place, now_at)))).first()
    if row is None:
        done.left[place.name, GONE] += 1
        return
    values, changed = {}, False
    for name, before in move.was.items():
        if name not in place.c:
            continue
        current = plain(row._mapping[place.c[name]])  # noqa: SLF001  public API of Row
        if current == move.became[name]:
            values[name] = before
        elif (place.name, name) == _ATTRIBUTES:
            values[name] = _without(current, before, move.became[name])
        else:
            changed = True
    values = values_of(place, values)
    if changed:
        done.left[place.name, CHANGED] += 1
    if values and await _is_taken(connection, place, row, values):
        done.left[place.name, TAKEN] += 1
        values = {OWNER: values[OWNER]} if OWNER in values and not _limits_owner(place) else {}
    elif not changed:
        done.restored[place.name] += 1
    if values:
        await connection.execute(update(place).where(is_row(place, now_at)).values(**values))


def _without(current: dict[str, Any], before: dict[str, Any], became: dict[str, Any]) -> dict[str, Any]:
    """Attributes without those that the merge brought, unless they have another value by now."""
    brought = {name for name in became if name not in before}
    return {name: value for name, value in current.items() if name not in brought or value != became[name]}


async def _is_taken(connection: AsyncConnection, place: Table, row: Row[Any], values: dict[str, Any]) -> bool:
    """Whether another row has a key that this one would have with ``values``."""
    after = {**row._mapping, **values}  # noqa: SLF001  public API of Row
    other = not_(and_(*(column == row._mapping[column.name] for column in key_columns(place))))  # noqa: SLF001
    for key in unique_keys(place):
        if not set(key.columns) & values.keys() and key.where is None:
            continue
        if any(after[name] is None for name in key.columns):
            continue
        same = [place.c[name] == after[name] for name in key.columns]
        where = () if key.where is None else (key.where,)
        if key.where is not None and not await _meets(connection, place, key.where, after):
            continue
        if await connection.scalar(select(exists(select(place).where(*same, other, *where)))):
            return True
    return False


async def _meets(connection: AsyncConnection, place: Table, where: TextClause, after: dict[str, Any]) -> bool:
    """Whether a row with these values would be one of those that ``where`` means."""
    named = [column for column in place.columns if re.search(rf"\b{column.name}\b", where.text)]
    one = select(*(literal(after[column.name], column.type).label(column.name) for column in named)).subquery()
    return await connection.scalar(select(literal(1)).select_from(one).where(where)) is not None


async def _follow_addresses(
    connection: AsyncConnection, moves: Sequence[Row[Any]], merge: Row[Any], done: PutBack
) -> None:
    """What came after the merge and is about an address that has gone back goes with it."""
    returned = [move.row[0] for move in moves if move.place == _IDENTITIES.name]
    back = select(_IDENTITIES.c.id).where(_IDENTITIES.c.id.in_(returned), _IDENTITIES.c.customer_id == merge.merged_id)
    of_messages = select(_MESSAGES.c.id).where(_MESSAGES.c.customer_id == merge.merged_id)
    # messages first: what is about a message follows it
    places = sorted(owned_tables(), key=lambda one: one is not _MESSAGES)
    for place in (one for one in places if one is not _IDENTITIES):
        for name, ids in (("identity_id", back), ("message_id", of_messages), ("inbound_message_id", of_messages)):
            if name in place.c and not _limits_owner(place):
                moved = await connection.execute(
                    update(place)
                    .where(place.c[OWNER] == merge.survivor_id, place.c[name].in_(ids))
                    .values(**{OWNER: merge.merged_id})
                )
                done.followed[place.name] += moved.rowcount
    done.followed = +done.followed


async def _rejoin_conversations(connection: AsyncConnection, merge: Row[Any], done: PutBack) -> None:
    """Messages whose conversation is now the other's stand in the last one of their own customer, or in none."""
    pair = [merge.merged_id, merge.survivor_id]
    astray = (
        await connection.execute(
            select(_MESSAGES.c.id, _MESSAGES.c.customer_id, _MESSAGES.c.client_token)
            .join(_CONVERSATIONS, _CONVERSATIONS.c.id == _MESSAGES.c.conversation_id)
            .where(_MESSAGES.c.customer_id.in_(pair), _CONVERSATIONS.c.customer_id != _MESSAGES.c.customer_id)
        )
    ).all()
    for row in astray:
        own = await connection.scalar(
            select(_CONVERSATIONS.c.id)
            .where(_CONVERSATIONS.c.customer_id == row.customer_id)
            .order_by(_CONVERSATIONS.c.last_at.desc(), _CONVERSATIONS.c.id.desc())
            .limit(1)
        )
        double = (
            own is not None
            and row.client_token is not None
            and await connection.scalar(
                select(_MESSAGES.c.id).where(
                    _MESSAGES.c.conversation_id == own, _MESSAGES.c.client_token == row.client_token
                )
            )
        )
        home = None if double else own
        await connection.execute(update(_MESSAGES).where(_MESSAGES.c.id == row.id).values(conversation_id=home))
        done.followed[_CONVERSATIONS.name] += 1
