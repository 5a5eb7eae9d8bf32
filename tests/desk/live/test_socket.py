"""The line of an open page: who is let in, and who else looks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from starlette.datastructures import Headers
from starlette.websockets import WebSocketDisconnect

from core.actors import SYSTEM
from core.clock import machine_now
from core.ids import new_id
from core.wakeup import LocalWakeup
from desk.access.agents import add_agent, lend_password, set_password
from desk.access.sessions import open_session
from desk.guard import COOKIE, Guard
from desk.live import socket as sockets
from desk.live.feed import Feed
from desk.live.socket import SIGNED_OUT, LivePages
from storage.store import Store

CHAT = new_id()
SECONDS = 60.0


class Browser:
    """A page as the server sees it."""

    def __init__(self, token: str) -> None:
        self.headers = Headers({"sec-fetch-site": "same-origin"})
        self.cookies = {COOKIE: token}
        self.query_params: dict[str, str] = {}
        self.closed: int | None = None
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._says: asyncio.Queue[str | None] = asyncio.Queue()

    async def accept(self) -> None: ...

    async def close(self, code: int) -> None:
        self.closed = code

    async def receive_text(self) -> str:
        said = await self._says.get()
        if said is None:
            raise WebSocketDisconnect
        return said

    async def send_text(self, text: str) -> None:
        self.heard.put_nowait(orjson.loads(text))

    def say(self, **said: Any) -> None:
        self._says.put_nowait(orjson.dumps(said).decode())

    def leave(self) -> None:
        self._says.put_nowait(None)

    async def here(self) -> list[str]:
        """Who else is said to look, the next time that it is said."""
        people: list[str] = (await self.told("here"))["people"]
        return people

    async def told(self, what: str) -> dict[str, Any]:
        """The next thing of that kind that it is told."""
        async with asyncio.timeout(SECONDS):
            while (said := await self.heard.get())["type"] != what:
                pass
        return said


class Desk:
    """The live pages of one process, with agents who are signed in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pages = LivePages(store, Guard(store, secure=False), Feed(store, LocalWakeup()))

    async def token(self, name: str, *, lent: bool = False) -> str:
        email, now = f"{name}@example.com", machine_now()
        async with self.store.write() as connection:
            id_ = await add_agent(connection, email, name.title(), actor=SYSTEM, now=now)
            if lent:
                await lend_password(connection, email, actor=SYSTEM, now=now)
            else:
                await set_password(connection, email, "seven warm shelves", actor=SYSTEM, now=now)
            return await open_session(connection, id_, "Firefox", now)

    @asynccontextmanager
    async def page(self, token: str) -> AsyncIterator[Browser]:
        browser = Browser(token)
        served = asyncio.create_task(self.pages.serve(browser))  # type: ignore[arg-type]
        try:
            yield browser
        finally:
            browser.leave()
            async with asyncio.timeout(SECONDS):
                await served


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


async def test_a_lent_password_opens_no_line(desk: Desk) -> None:
    browser = Browser(await desk.token("ann", lent=True))
    async with asyncio.timeout(SECONDS):
        await desk.pages.serve(browser)  # type: ignore[arg-type]
    assert browser.closed == SIGNED_OUT


async def test_a_stuck_page_looks_at_nothing_until_it_is_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(sockets, "uptime", lambda: now[0])
    monkeypatch.setattr(sockets, "LOOK_SECONDS", 0.01)
    async with desk.page(await desk.token("ann")) as ann, desk.page(await desk.token("bob")) as bob:
        ann.say(type="open", conversation=CHAT)
        assert await ann.here() == []
        bob.say(type="open", conversation=CHAT)
        assert (await bob.here(), await ann.here()) == (["Ann"], ["Bob"])
        now[0] += sockets.STUCK_SECONDS - 1
        ann.say(type="open", conversation=CHAT)
        ann.say(type="typing")
        assert (await bob.told("typing"))["who"] == "Ann", "what she said before was heard"
        now[0] += 2
        assert await ann.here() == [], "bob has said nothing for too long"
        assert sockets.STUCK_SECONDS + 1 <= 10
        bob.say(type="open", conversation=CHAT)
        assert await ann.here() == ["Bob"]
