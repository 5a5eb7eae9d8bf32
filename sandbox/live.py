"""What open pages are told as it happens, over bounded queues: a slow page is dropped and told to read again."""

import asyncio
from collections import deque
from typing import Any

import orjson

QUEUE_LIMIT = 500  # frames a page may lag behind
NOTICES_KEPT = 50


class Live:
    """Broadcasts JSON frames ``{"type": "message"|"status"|"person"|"clock"|"notice"|"wish", …}``."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self.notices: deque[dict[str, Any]] = deque(maxlen=NOTICES_KEPT)

    @property
    def watched(self) -> bool:
        """Whether any page listens; when none does, frames need not be made."""
        return bool(self._queues)

    def join(self) -> asyncio.Queue[bytes | None]:
        """A queue of frames for a new page. None in it means: you lagged, read everything again."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_LIMIT + 1)
        self._queues.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[bytes | None]) -> None:
        """The page is gone."""
        self._queues.discard(queue)

    def publish(self, kind: str, **fields: Any) -> None:
        """Tell every page."""
        if not self._queues:
            return
        frame = orjson.dumps({"type": kind, **fields})
        for queue in list(self._queues):
            if queue.qsize() >= QUEUE_LIMIT:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(frame)

    def notice(self, notice: dict[str, Any]) -> None:
        """Keep and broadcast a notice of whoever directs the scene."""
        self.notices.append(notice)
        self.publish("notice", notice=notice)
