"""The API without a socket, on each database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import pytest

from campaigns.api import Door, Rates, api_application
from campaigns.api.keys import Scope, create_key
from core.actors import Actor
from core.clock import VirtualClock, machine_now
from storage.store import Store
from tests.bot.scene import Scene
from tests.channels.asgi import Answer, call
from tests.conftest import NOW

TOKEN = "the token of the environment"


@dataclass
class Api:
    """Calls the application with a key."""

    store: Any
    rate: float = 1000.0
    woken: list[int] = field(default_factory=list)
    key: str = TOKEN

    def __post_init__(self) -> None:
        async def wake() -> None:
            self.woken.append(1)

        door = Door(self.store, VirtualClock(NOW), TOKEN, Rates(self.rate), wake)
        self.app = api_application(door, release="1.2.3", telegram_scope="42")

    async def new_key(self, *scopes: Scope, name: str = "shop", expires_at: datetime | None = None) -> str:
        async with self.store.write() as connection:
            return await create_key(connection, name, scopes, expires_at, Actor("operator", "vera"), machine_now())

    async def call(
        self, method: str, path: str, body: object = b"", *, key: str | None = None, **headers: str
    ) -> Answer:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {"Authorization": f"Bearer {self.key if key is None else key}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, method, path, content, given)

    async def json(self, method: str, path: str, body: object = b"", **headers: str) -> tuple[int, Any]:
        answer = await self.call(method, path, body, **headers)
        return answer.status, orjson.loads(answer.body)


def results(told: Any) -> Sequence[str]:
    """What became of each item."""
    return [one["result"] for one in told["results"]]


@pytest.fixture
def api(store: Store) -> Api:
    """Called with the token that may do everything."""
    return Api(store)


@pytest.fixture
def scene(store: Store) -> Scene:
    """Customers on journeys."""
    return Scene(store)
