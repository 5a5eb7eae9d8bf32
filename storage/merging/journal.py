"""The journal of a merge: every row that it changes, with what it was, in the order in which it happened."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import new_ids
from storage.merging.keys import key_columns, plain
from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import MergeMove

_MOVES = table(MergeMove)


class Journal:
    """Changes rows and writes down how they were. The caller has locked the customers whose rows they are."""

    def __init__(self, connection: AsyncConnection, merge_id: str) -> None:
        self._connection = connection
        self._merge_id = merge_id
        self._rows: dict[str, set[str]] = defaultdict(set)

    @property
    def moved(self) -> dict[str, int]:
        """How many rows were changed, by table."""
        return {place: len(rows) for place, rows in sorted(self._rows.items())}

    async def change(self, place: Table, which: ColumnElement[bool], values: Mapping[str, Any]) -> int:
        """Set ``values`` in the rows of ``which``, chosen before the first of them is changed; gives how many."""
        keys = key_columns(place)
        rows = (await self._connection.execute(select(*keys, *(place.c[name] for name in values)).where(which))).all()
        became = {name: plain(value) for name, value in values.items()}
        written = [self._moved(place, row, list(values), became) for row in rows]
        await self._write(place, written)
        if len(keys) == 1:
            for part in chunks([row[0] for row in rows]):
                await self._connection.execute(update(place).where(keys[0].in_(part)).values(**values))
        elif rows:
            await self._connection.execute(update(place).where(which).values(**values))
        return len(rows)

    async def remove(self, place: Table, which: ColumnElement[bool]) -> int:
        """Take the rows of ``which`` out of the table; gives how many."""
        keys = [column.name for column in key_columns(place)]
        rows = (await self._connection.execute(select(place).where(which))).all()
        written = [
            {
                "row": [plain(getattr(row, name)) for name in keys],
                "was": {column.name: plain(row._mapping[column]) for column in place.columns},  # noqa: SLF001
                "became": None,
            }
            for row in rows
        ]
        await self._write(place, written)
        if rows:
            await self._connection.execute(delete(place).where(which))
        return len(rows)

    def _moved(self, place: Table, row: Row[Any], names: Sequence[str], became: Mapping[str, Any]) -> dict[str, Any]:
        keys = key_columns(place)
        was = row[len(keys) :]
        return {
            "row": [plain(value) for value in row[: len(keys)]],
            "was": {name: plain(value) for name, value in zip(names, was, strict=True)},
            "became": dict(became),
        }

    async def _write(self, place: Table, written: Sequence[dict[str, Any]]) -> None:
        if not written:
            return
        self._rows[place.name].update(repr(one["row"]) for one in written)
        ids = new_ids(len(written))
        rows = [
            {"id": id_, "merge_id": self._merge_id, "place": place.name, **one}
            for id_, one in zip(ids, written, strict=True)
        ]
        for part in chunks(rows):
            await self._connection.execute(_MOVES.insert(), part)
