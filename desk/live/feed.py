"""The feed: which conversations changed, read from the store once for all open desks of this process.

The store is the truth: new messages and new events carry ids that rise with time, so a look reads what came since the
last one. Rows of another process may become visible a little after younger ones: looks overlap, and what was told is
remembered. A nudge makes the next look come at once; without one it comes by itself.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import machine_now
from core.errors import StoreUnavailable
from core.ids import id_floor
from core.wakeup import DESK, Wakeup
from desk.inbox.counting import tallies
from desk.inbox.listing import lines
from desk.live.news import News
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import ConversationEvent, Message

log = structlog.get_logger(__name__)

_MESSAGES, _EVENTS = table(Message), table(ConversationEvent)
LOOK_SECONDS = 1.0
PAUSE_SECONDS, PAUSE_A_PAGE = 0.2, 0.001
"""Between two looks, however many nudges come: many changes are one look, and one frame a page."""
OVERLAP = timedelta(seconds=10)
AT_ONCE = 5000
"""News that one look takes; after more than that, as after an hour without the store, pages read everything anew."""
REMEMBERED = 4 * AT_ONCE


class Feed:
    """Looks and tells. Listeners' queues are bounded: one that falls behind is told to read everything anew."""

    def __init__(self, store: Store, wakeup: Wakeup) -> None:
        self._store = store
        self._wakeup = wakeup
        self._since = machine_now()
        self._told: deque[str] = deque(maxlen=REMEMBERED)
        self._known: set[str] = set()
        self._listeners: set[asyncio.Queue[News | None]] = set()

    def listen(self, queue: "asyncio.Queue[News | None]") -> None:
        """From now on every piece of news goes there; None means that some were missed."""
        self._listeners.add(queue)

    def leave(self, queue: "asyncio.Queue[News | None]") -> None:
        self._listeners.discard(queue)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def run(self) -> None:
        """Look until cancelled. With nobody listening nothing is read."""
        away = False
        while True:
            await self._wakeup.wait(DESK, LOOK_SECONDS)
            if not self._listeners:
                self._since = machine_now()
                continue
            try:
                news, away = await self.look(), False
            except StoreUnavailable as error:
                if not away:
                    log.warning("store is away", part="desk", error=str(error))
                away = True
                continue
            if news is not None:
                self._tell(news if news.whole else None)
            await asyncio.sleep(PAUSE_SECONDS + PAUSE_A_PAGE * len(self._listeners))

    async def look(self) -> News | None:
        """What changed since the last look; None where nothing did.

        Raises:
            StoreUnavailable: nothing counts as told; the next look finds it again.
        """
        floor, looked_at = id_floor(self._since - OVERLAP), machine_now()
        async with self._store.read() as connection:
            news = await self._news(connection, floor)
            if news:
                found = await lines(connection, sorted(set(news.values())))
                counted = await tallies(connection)
        self._since = looked_at
        if not news:
            return None
        self._remember(news)
        return News(found, counted, whole=len(news) < AT_ONCE)

    async def _news(self, connection: AsyncConnection, floor: str) -> dict[str, str]:
        """Messages and events that were not told yet, each with its conversation."""
        found: dict[str, str] = {}
        for rows in (_MESSAGES, _EVENTS):
            newer = select(rows.c.id, rows.c.conversation_id).where(
                rows.c.id > floor, rows.c.conversation_id.is_not(None)
            )
            for row in await connection.execute(newer.order_by(rows.c.id.desc()).limit(AT_ONCE)):
                if row.id not in self._known:
                    found[row.id] = row.conversation_id
        return found

    def _remember(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            if len(self._told) == REMEMBERED:
                self._known.discard(self._told[0])
            self._told.append(id_)
            self._known.add(id_)

    def _tell(self, news: News | None) -> None:
        for queue in self._listeners:
            try:
                queue.put_nowait(news)
            except asyncio.QueueFull:
                while not queue.empty():
                    queue.get_nowait()
                with suppress(asyncio.QueueFull):
                    queue.put_nowait(None)
