"""The web chat, whose provider is whoever keeps the lines of its windows."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal

from channels.adapter import Adapter
from channels.registry import make
from channels.webchat.adapter import WebchatAdapter, delivery, reached
from channels.webchat.frames import Said
from core.chat import ChatLine
from core.errors import StoreUnavailable
from core.machines.message import MessageState
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract import ACCOUNT, CHECK, DROPPED, MESSAGE_ID, SILENT, Driver, Fact, Running, accepted, transient

VISITOR = "v" * 26
AWAY = "away"
"""A script: the store does not answer."""


class Lines:
    """Lines in memory, each kept once, and a ledger of what was asked to be kept."""

    def __init__(self, script: str, contents: list[bytes]) -> None:
        self._script, self._contents = script, contents
        self._kept: dict[str, ChatLine] = {}

    async def add(
        self, visitor: str, direction: Literal["in", "out"], key: str, text: str, content: Mapping[str, Any]
    ) -> ChatLine:
        if self._script == AWAY:
            raise StoreUnavailable("the database does not answer")
        self._contents.append(json.dumps({"to": visitor, "text": text, **content}, ensure_ascii=False).encode())
        at = datetime(2026, 12, 1, 12, tzinfo=UTC)
        return self._kept.setdefault(key, ChatLine(key, direction, key, text, at, dict(content)))

    async def latest(self, visitor: str, limit: int, *, before: str = "", since: str = "") -> list[ChatLine]:
        return list(self._kept.values())

    async def reached(self, visitor: str, up_to: str, *, seen: bool) -> list[str]:
        return []


class WebchatDriver(Driver):
    kind = "webchat"
    secrets = ("the-secret-that-the-shop-signs-with",)
    message = OutboundMessage(MESSAGE_ID, Address("webchat", VISITOR), Purpose.CONVERSATION, "Still interested?")
    statuses = {"got": MessageState.DELIVERED, "seen": MessageState.READ}
    lacks = {
        "throttled": "a line is kept as soon as it is there; our own store limits nobody",
        SILENT: "the store has time-outs of its own, after which it is away, and adding a line again adds nothing",
        DROPPED: "adding a line again adds nothing, so no answer is ever lost",
        "wrong credentials": "there are none",
        "content refused": "nobody refuses but the adapter, before anything is kept",
        CHECK: "there is nobody to ask: the check tells where the window may stand",
    }
    facts = (
        Fact("accepted", "", accepted(MESSAGE_ID)),
        Fact("the store is away", AWAY, transient()),
    )

    def __init__(self) -> None:
        self._numbers = count()
        self._lines: dict[object, Lines] = {}

    def _options(self, origin: str) -> dict[str, object]:
        return {"origins": origin, "identity_secret": self.secrets[0]}

    def unreachable(self) -> dict[str, object]:
        return self._options("https://away.example.com")

    def adapter(self, options: Mapping[str, object]) -> Adapter:
        made = make(self.kind, ACCOUNT, options)
        assert isinstance(made, WebchatAdapter)
        made.lines = self._lines.get(options.get("origins"), Lines(AWAY, []))
        return made

    @asynccontextmanager
    async def provider(self, script: str) -> AsyncIterator[Running]:
        origin, contents = f"https://shop-{next(self._numbers)}.example.com", list[bytes]()
        self._lines[origin] = Lines(script, contents)
        try:
            yield Running(self._options(origin), contents)
        finally:
            del self._lines[origin]

    def inbound(self) -> Mapping[str, bytes]:
        said = {
            "line": Said("k-1", text="Да"),
            "press": Said("k-2", text="Yes", button="yes"),
            "email": Said("k-3", email="anna@example.com"),
        }
        about = {"name": "Anna", "locale": "ru-RU", "customer": "c-17"}
        deliveries = {name: delivery(ACCOUNT, VISITOR, one, **about) for name, one in said.items()}
        deliveries |= {
            name: reached(ACCOUNT, VISITOR, ["a" * 26, "b" * 26], seen=name == "seen") for name in self.statuses
        }
        return {name: raw.payload for name, raw in deliveries.items()}
