"""The windows' WebSocket: one visitor's line in both directions.

What a visitor says is stored before it is acknowledged, and said again by the window until it is; what is new for them
is read from the lines, on a nudge or every few seconds. So a window that lost its connection, or is served by another
process than the one that sends, misses nothing and shows nothing twice.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from channels.webchat import frames
from channels.webchat.adapter import WebchatAdapter, delivery, reached
from channels.webchat.frames import Hello, Older, Reached, Said, Unreadable
from channels.webchat.hub import TooManyWindows
from channels.webchat.lines import Lines
from channels.webchat.visitors import network_of
from channels.webhooks import Spool
from core.addresses import email_address
from core.clock import machine_now, uptime
from core.errors import StoreUnavailable
from core.ids import id_floor, new_id
from core.tokens import Signer

log = structlog.get_logger(__name__)

VISITOR = "visitor"
"""Purpose of the tokens by which a browser comes back as the same visitor."""
PATH = "/chat/ws"
FIRST_LINES = 50
HELLO_SECONDS = 10.0
LOOK_SECONDS = 5.0
STORE_SECONDS = 10.0
SEND_SECONDS = 20.0
OVERLAP = timedelta(seconds=60)
"""Lines of other processes may become visible a little after younger ones."""
UNREADABLE, NOT_HERE, TOO_SLOW, TOO_MANY, BUSY = 4400, 4403, 4408, 4429, 4503
"""Why we close a window's connection; after the last two it may try again later."""

Words = Callable[[str], Mapping[str, str]]
"""From a locale to the window's texts."""


class ChatSocket:
    """Serves the windows of one chat."""

    def __init__(self, adapter: WebchatAdapter, spool: Spool, words: Words, *, secret: str) -> None:
        self._adapter = adapter
        self._spool = spool
        self._words = words
        self._tokens = Signer(secret, VISITOR)

    async def serve(self, socket: WebSocket, own_origin: str) -> None:
        """One connection, from its handshake to its end. ``own_origin`` is where our own page with the chat stands."""
        origin = socket.headers.get("origin", "")
        if origin != own_origin and not self._adapter.settings.allows(origin):
            await socket.close(NOT_HERE)
            return
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            try:
                code = await self._talk(socket)
            except TimeoutError:
                code = TOO_SLOW  # the window takes nothing more; it comes back and reads what it missed
            await socket.close(code)

    async def _talk(self, socket: WebSocket) -> int:
        """Until the window leaves; else the code to close with."""
        lines = self._adapter.lines
        if lines is None:
            return BUSY
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = frames.read(await _received(socket), self._adapter.settings.identity_secret)
        except TimeoutError:
            return TOO_SLOW
        except Unreadable:
            return UNREADABLE
        if not isinstance(hello, Hello):
            return UNREADABLE
        visitor = self._tokens.verify(hello.token) or new_id()
        try:
            with self._adapter.hub.window(visitor) as news:
                window = _Window(socket, self._adapter, lines, self._spool, visitor, hello)
                await window.welcome(self._tokens.sign(visitor), self._words(hello.locale))
                return await _first_of(window.listen(), window.watch(news))
        except TooManyWindows:
            return TOO_MANY
        except StoreUnavailable:
            return BUSY


async def _first_of(listen: Coroutine[None, None, int], watch: Coroutine[None, None, int]) -> int:
    tasks = [asyncio.create_task(listen), asyncio.create_task(watch)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Window:
    """One open window."""

    def __init__(
        self, socket: WebSocket, adapter: WebchatAdapter, lines: Lines, spool: Spool, visitor: str, hello: Hello
    ) -> None:
        self._socket = socket
        self._adapter = adapter
        self._lines = lines
        self._spool = spool
        self._visitor = visitor
        self._hello = hello
        self._shown: set[str] = set()
        self._is_new = False
        self._looked_at = machine_now()
        self._said: deque[float] = deque(maxlen=adapter.settings.per_minute)

    async def welcome(self, token: str, words: Mapping[str, str]) -> None:
        """The first answer, with the latest lines."""
        self._looked_at = machine_now()
        latest = await self._lines.latest(self._visitor, FIRST_LINES + 1)
        self._shown.update(line.id for line in latest)
        # who has a line is known; for whom the shop's own server vouches, too
        self._is_new = not latest and not self._hello.customer
        shown = latest[-FIRST_LINES:]
        await self._send(
            frames.welcome(
                token, shown, more=len(latest) > FIRST_LINES, words=words, ask_email=self._adapter.settings.ask_email
            )
        )

    async def watch(self, news: asyncio.Event) -> int:
        """Show what is new, until the store is away for good or the window is gone."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await news.wait()
            news.clear()
            since, looked_at = id_floor(self._looked_at - OVERLAP), machine_now()
            try:
                found = await self._lines.latest(self._visitor, FIRST_LINES, since=since)
            except StoreUnavailable:
                continue  # the next look catches up
            self._looked_at = looked_at
            for line in found:
                if line.id not in self._shown:
                    self._shown.add(line.id)
                    await self._send(frames.new_line(line))

    async def listen(self) -> int:
        """Take what the window says; gives the code to close with."""
        while True:
            try:
                frame = frames.read(await _received(self._socket))
            except Unreadable:
                return UNREADABLE
            match frame:
                case Said():
                    await self._say(frame)
                case Reached():
                    with contextlib.suppress(StoreUnavailable, TimeoutError):  # the window will tell again
                        await self._reached(frame)
                case Older():
                    with contextlib.suppress(StoreUnavailable):
                        found = await self._lines.latest(self._visitor, FIRST_LINES + 1, before=frame.before)
                        await self._send(frames.older(found[-FIRST_LINES:], more=len(found) > FIRST_LINES))
                case Hello():
                    return UNREADABLE

    async def _say(self, said: Said) -> None:
        if self._too_fast():
            await self._send(frames.refused(said.key, "too_fast"))
            return
        if self._is_new and not self._adapter.new_visitors.admit(self._network()):
            await self._send(frames.refused(said.key, "crowded"))
            return
        self._is_new = False
        if said.email:
            try:
                said = Said(said.key, email=email_address(said.email))
            except ValueError:
                await self._send(frames.refused(said.key, "bad_email"))
                return
        hello = self._hello
        raw = delivery(
            self._adapter.account, self._visitor, said, name=hello.name, locale=hello.locale, customer=hello.customer,
            zone=hello.zone,
        )  # fmt: skip
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._spool.store([raw])
                line = None
                if said.text:
                    line = await self._lines.add(self._visitor, "in", said.key, said.text, {})
        except (StoreUnavailable, TimeoutError):
            await self._send(frames.refused(said.key, "unavailable"))
            return
        if line is not None:
            self._shown.add(line.id)
            self._adapter.hub.nudge(self._visitor)  # the same visitor's other windows
        await self._send(frames.stored(said.key, line))

    async def _reached(self, frame: Reached) -> None:
        news = await self._lines.reached(self._visitor, frame.up_to, seen=frame.seen)
        if news:
            async with asyncio.timeout(STORE_SECONDS):
                await self._spool.store([reached(self._adapter.account, self._visitor, news, seen=frame.seen)])

    def _network(self) -> str:
        client = self._socket.client
        return network_of(client.host) if client is not None else ""

    def _too_fast(self) -> bool:
        """Whether this would be one message too many in a minute."""
        now = uptime()
        if len(self._said) == self._said.maxlen and now - self._said[0] < 60:
            return True
        self._said.append(now)
        return False

    async def _send(self, frame: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_text(frame.decode())


async def _received(socket: WebSocket) -> str:
    """The next text frame.

    Raises:
        Unreadable: a binary one.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if text is None:
        raise Unreadable("a frame is binary")
    return str(text)
