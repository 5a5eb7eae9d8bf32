"""The lines of web chats, kept. Satisfies ``channels.webchat.lines.Lines``."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Row, select, update

from core.chat import ChatLine as Line
from core.clock import Clock
from core.ids import new_id
from storage.intake import storable
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.store import Store
from storage.tables import ChatLine

_LINES = table(ChatLine)


class ChatLines:
    """What stands in the windows of all visitors."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(
        self, visitor: str, direction: Literal["in", "out"], key: str, text: str, content: Mapping[str, Any]
    ) -> Line:
        """Keep a line; the one that is there already if ``key`` was kept before.

        Raises:
            StoreUnavailable: nothing is promised; adding it again is safe.
        """
        row = {
            "id": new_id(), "visitor": visitor, "direction": direction, "key": key, "text": storable(text),
            "content": storable(dict(content)), "at": self._clock.now(),
        }  # fmt: skip
        async with self._store.write() as connection:
            await connection.execute(insert_into(connection, _LINES).values(**row).on_conflict_do_nothing())
            found = await connection.execute(select(_LINES).where(_LINES.c.visitor == visitor, _LINES.c.key == key))
            return _line(found.one())

    async def latest(self, visitor: str, limit: int, *, before: str = "", since: str = "") -> list[Line]:
        """The newest lines of a window, oldest first: those older than line ``before``, not older than ``since``."""
        wanted = select(_LINES).where(_LINES.c.visitor == visitor).order_by(_LINES.c.id.desc()).limit(limit)
        if before:
            wanted = wanted.where(_LINES.c.id < before)
        if since:
            wanted = wanted.where(_LINES.c.id >= since)
        async with self._store.read() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(wanted)).all()
        return [_line(row) for row in reversed(rows)]

    async def reached(self, visitor: str, up_to: str, *, seen: bool) -> list[str]:
        """Note that our lines up to ``up_to`` came to the window, or were seen in it; those for which it is news."""
        column = _LINES.c.seen_at if seen else _LINES.c.got_at
        now = self._clock.now()
        async with self._store.write() as connection:
            ids = await connection.scalars(
                update(_LINES)
                .where(
                    _LINES.c.visitor == visitor,
                    _LINES.c.direction == "out",
                    _LINES.c.id <= up_to,
                    column.is_(None),
                )
                .values({column: now})
                .returning(_LINES.c.id)
            )
            return sorted(ids)


def _line(row: Row[Any]) -> Line:
    return Line(
        id=row.id,
        direction=row.direction,
        key=row.key,
        text=row.text,
        content=row.content or {},
        at=row.at,
        seen=row.seen_at is not None,
    )
