"""One WebSocket a page: news of the list, who else looks at the open chat, who is typing.

Nothing that must not be lost goes only this way: a page that was asleep reads list and thread again when it is back.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.clock import machine_now, uptime
from core.errors import StoreUnavailable
from core.ids import is_id
from desk.access.sessions import SignedIn
from desk.guard import Guard, own_page, reader_of
from desk.inbox.listing import Filters
from desk.live.feed import Feed
from desk.live.news import News
from desk.presence import sign_of_life
from desk.rendering import Reader
from storage.store import Store

BEHIND = 64
SEND_SECONDS = 20.0
LIFE_SECONDS = 45.0
STUCK_SECONDS, LOOK_SECONDS = 8.0, 1.0
FOREIGN, SIGNED_OUT, UNREADABLE, FULL, BUSY = 4403, 4401, 4400, 4429, 4503
MAX_PAGES = 2000


@dataclass(slots=True, eq=False)
class _Page:
    """An open page: whose, for which eyes, which list and which conversation it shows."""

    me: SignedIn
    reader: Reader
    socket: WebSocket
    filters: Filters
    news: "asyncio.Queue[News | None]" = field(default_factory=lambda: asyncio.Queue(BEHIND))
    open: str = ""
    seen: float = field(default_factory=uptime)
    """When it last said anything: a page says that it is there every few seconds while somebody can see it."""


class LivePages:
    """The open pages of this process."""

    def __init__(self, store: Store, guard: Guard, feed: Feed) -> None:
        self._store = store
        self._guard = guard
        self._feed = feed
        self._looking: defaultdict[str, set[_Page]] = defaultdict(set)

    async def serve(self, socket: WebSocket) -> None:
        """One page, from its opening to its end."""
        if not own_page(socket.headers):
            await socket.close(FOREIGN)
            return
        try:
            me = await self._guard.who(socket)
            zone = (await self._guard.workspace()).zone
        except StoreUnavailable:
            await socket.close(BUSY)
            return
        if me is None or me.lent or self._feed.listeners >= MAX_PAGES:
            await socket.accept()  # who came in by a password of somebody else chooses their own before anything
            await socket.close(SIGNED_OUT if me is None or me.lent else FULL)
            return
        await socket.accept()
        reader = reader_of(me, zone)
        page = _Page(me, reader, socket, Filters.of(socket.query_params))
        self._feed.listen(page.news)
        try:
            with contextlib.suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
                await _until_one_ends(self._listen(page), self._tell(page), self._live(page), self._miss(page))
        finally:
            self._feed.leave(page.news)
            await self._look_at(page, "")

    async def _listen(self, page: _Page) -> None:
        while True:
            said = _read(await page.socket.receive_text())
            page.seen = uptime()
            if said is None:
                await page.socket.close(UNREADABLE)
                return
            match said:
                case {"type": "open", "conversation": str(id_)} if id_ == "" or is_id(id_):
                    await self._look_at(page, id_)
                case {"type": "typing"} if page.open:
                    await self._among(page.open, {"type": "typing", "who": page.me.name}, but=page)
                case _:
                    pass

    async def _tell(self, page: _Page) -> None:
        while True:
            news = await page.news.get()
            if news is None:
                await _send(page, {"type": "reload"})
                continue
            await _send_text(page, news.frame(page.reader, page.me.id, page.filters).decode())

    async def _live(self, page: _Page) -> None:
        """Tell the store that this browser is there."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                async with self._store.write() as connection:
                    await sign_of_life(connection, page.me.id, machine_now())
            await asyncio.sleep(LIFE_SECONDS)

    async def _miss(self, page: _Page) -> None:
        """Whose page says nothing any more looks at nothing: it is stuck, asleep, or behind another window."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if page.open and uptime() - page.seen > STUCK_SECONDS:
                await self._look_at(page, "")

    async def _look_at(self, page: _Page, conversation_id: str) -> None:
        left, page.open = page.open, conversation_id
        if left == conversation_id:
            return
        if left:
            self._looking[left].discard(page)
            await self._say_who(left)
            if not self._looking[left]:
                del self._looking[left]
        if conversation_id:
            self._looking[conversation_id].add(page)
            await self._say_who(conversation_id)

    async def _say_who(self, conversation_id: str) -> None:
        pages = self._looking.get(conversation_id, set())
        people = {page.me.id: page.me.name for page in pages}
        for page in list(pages):
            others = sorted(name for id_, name in people.items() if id_ != page.me.id)
            await _send(page, {"type": "here", "conversation": conversation_id, "people": others})

    async def _among(self, conversation_id: str, said: dict[str, Any], *, but: _Page) -> None:
        for page in list(self._looking.get(conversation_id, ())):
            if page is not but and page.me.id != but.me.id:
                await _send(page, {"conversation": conversation_id, **said})


async def _send(page: _Page, said: dict[str, Any]) -> None:
    await _send_text(page, orjson.dumps(said).decode())


async def _send_text(page: _Page, said: str) -> None:
    """A page that takes nothing more ends by itself: its own task notices."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(SEND_SECONDS):
            await page.socket.send_text(said)


def _read(text: str) -> dict[str, Any] | None:
    try:
        said = orjson.loads(text[:2000])
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


async def _until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    tasks: Sequence[asyncio.Task[None]] = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
