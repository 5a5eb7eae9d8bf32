"""Where our links lead: targets kept in the store."""

from datetime import datetime

from sqlalchemy import select

from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.store import Store
from storage.tables import Link


class LinkTargets:
    """Keeps targets in the store before a message that leads to them leaves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: set[str] = set()

    async def keep(self, targets: dict[str, str], now: datetime) -> None:
        """Write the targets that are new."""
        new = [id_ for id_ in targets if id_ not in self._kept]
        if new:
            async with self._store.write() as connection:
                await insert_missing(
                    connection, table(Link), [{"id": id_, "url": targets[id_], "created_at": now} for id_ in new]
                )
            self._kept.update(new)
            if len(self._kept) > 100_000:
                self._kept.clear()

    async def find(self, id_: str) -> str | None:
        """The target of a link, None if there is no such link."""
        links = table(Link)
        async with self._store.read() as connection:
            url: str | None = await connection.scalar(select(links.c.url).where(links.c.id == id_))
        return url
