"""A whole service with a web chat, served on loopback; and windows that speak its frames."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect

from bot.conversations import plan_message
from core.clock import VirtualClock
from core.messages import WEBCHAT
from core.purposes import Purpose
from otklik.service import Service, running_service
from otklik.settings import Configuration, Settings
from otklik.web import make_app, serving
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import ChatLine, Conversation, Identity, Message

SHOP = "https://shop.example.com"
SECRET = "a-secret-of-the-shop"
START = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
SECONDS = 60


@dataclass
class Stage:
    """The service, where it is served, and its store."""

    service: Service
    port: int
    store: Store
    clock: VirtualClock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def window(self, token: str = "", origin: str = SHOP, **hello: str) -> AsyncIterator["Window"]:
        """An open window that has been welcomed."""
        url = f"ws://127.0.0.1:{self.port}/chat/ws"
        async with connect(url, origin=origin, open_timeout=SECONDS) as socket:  # type: ignore[arg-type]
            window = Window(socket)
            await window.tell("hello", token=token, **hello)
            window.welcome = await window.hear("welcome")
            yield window

    async def rows(self, model: Any, *conditions: Any) -> list[Any]:
        rows = table(model)
        async with self.store.read() as connection:
            return list((await connection.execute(select(rows).where(*conditions))).all())

    async def customer(self) -> Any:
        """The identity of the only visitor, once what they said is processed."""
        return (await self.until(lambda: self.rows(Identity, table(Identity).c.channel == WEBCHAT)))[0]

    async def until(self, look: Any) -> Any:
        """What ``look`` gives once it is something."""
        async with asyncio.timeout(SECONDS):
            while not (found := await look()):  # noqa: ASYNC110  the store tells nobody
                await asyncio.sleep(0.02)
        return found

    async def answer(self, text: str, **content: Any) -> None:
        """Somebody of the shop answers in the visitor's conversation."""
        identity = await self.customer()
        found = await self.until(
            lambda: self.rows(Conversation, table(Conversation).c.customer_id == identity.customer_id)
        )
        async with self.store.write() as connection:
            await plan_message(
                connection,
                customer_id=identity.customer_id,
                identity_id=identity.id,
                channel=WEBCHAT,
                conversation_id=found[0].id,
                client_token=f"answer:{text}",
                purpose=Purpose.CONVERSATION,
                content={"text": text, **content},
                now=self.clock.now(),
            )
        self.service.wakeup.notify(f"outbox:{WEBCHAT}")

    async def message(self, direction: str = "in") -> Any:
        """The newest message of the web chat in that direction."""
        messages = table(Message)
        found = await self.until(
            lambda: self.rows(Message, messages.c.direction == direction, messages.c.channel == WEBCHAT)
        )
        return max(found, key=lambda row: row.id)

    async def lines(self) -> list[Any]:
        return sorted(await self.rows(ChatLine), key=lambda row: row.id)


class Window:
    """One end of a WebSocket, as a browser's script holds it."""

    welcome: dict[str, Any]

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._heard: list[dict[str, Any]] = []

    @property
    def token(self) -> str:
        return str(self.welcome["token"])

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def say(self, text: str, key: str) -> dict[str, Any]:
        await self.tell("say", key=key, text=text)
        return await self.hear("stored", "refused")

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """The next frame of one of these kinds; others wait for their turn."""
        for frame in self._heard:
            if frame["type"] in kinds:
                self._heard.remove(frame)
                return frame
        async with asyncio.timeout(SECONDS):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame["type"] in kinds:
                    return frame
                self._heard.append(frame)

    async def closed(self) -> int:
        """The code with which the server closes."""
        async with asyncio.timeout(SECONDS):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code


@asynccontextmanager
async def set_stage(
    store: Store, folder: Path, *, beside: Mapping[str, dict[str, str]] | None = None, **options: str
) -> AsyncIterator[Stage]:
    """A service that serves a web chat until the block ends, and what is ``beside`` it: settings by channel."""
    settings = Settings(
        data_dir=folder, secret="x" * 40, clock="virtual", now=START, host="127.0.0.1", port=0,
        public_url="http://127.0.0.1", backup_before_migration=False,
    )  # fmt: skip
    chat = {"origins": SHOP, "identity_secret": SECRET, **options}
    configuration = Configuration(settings, {"webchat": chat, **(beside or {})})
    async with running_service(configuration, store) as service:
        assert isinstance(service.clock, VirtualClock)
        async with serving(make_app(service), "127.0.0.1", 0) as port:
            running = asyncio.create_task(service.run())
            try:
                yield Stage(service, port, store, service.clock)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
