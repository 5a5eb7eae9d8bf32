"""Who may do what on the desk: every route is in a table of its own here, and answers nobody else.

A route that is new fails until somebody has written down for whom it is.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from core.actors import SYSTEM
from core.agents import Role
from core.clock import SystemClock, machine_now
from core.ids import new_id
from core.wakeup import LocalWakeup
from desk.access import sessions
from desk.access.agents import add_agent, set_password
from desk.application import desk_application
from desk.guard import COOKIE
from desk.live.feed import Feed
from desk.live.socket import FOREIGN, SIGNED_OUT
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import AgentSession, Audit
from tests.channels.asgi import call

HOST = "http://desk.example.com"
OURS = {"sec-fetch-site": "same-origin"}
PASSWORD = "seven warm shelves"
OPEN = {"/sign-in"}
"""For everybody, signed in or not."""
FOR_MARKETERS = {
    "GET /answers", "GET /answers/{name}/edit", "GET /campaigns/{name}/edit", "GET /campaigns/{name}/edit/words",
    "GET /campaigns/{name}/test",
    "GET /campaigns/{name}/{lever}", "GET /canned", "GET /customer-names", "GET /customers/likely",
    "GET /customers/{id}/merge", "GET /flows", "GET /flows/{name}/edit", "GET /flows/{name}/edit/words",
    "GET /new-answers", "GET /new-campaign", "GET /new-flow", "POST /answers/{name}/edit",
    "POST /campaigns/{name}/edit",
    "POST /campaigns/{name}/edit/preview", "POST /campaigns/{name}/settle", "POST /campaigns/{name}/test",
    "POST /campaigns/{name}/{lever}", "POST /canned", "POST /canned/{id}/remove", "POST /customers/{id}/consent",
    "POST /customers/{id}/distinct", "POST /customers/{id}/export", "POST /customers/{id}/merge",
    "POST /customers/{id}/unmerge", "POST /flows/{name}/edit",
}  # fmt: skip
FOR_ADMINS = {
    "GET /customers/{id}/erase", "GET /health", "GET /team", "GET /team/{id}", "POST /customers/{id}/erase",
    "POST /team", "POST /team/{id}", "POST /team/{id}/back", "POST /team/{id}/disable", "POST /team/{id}/password",
    "POST /team/{id}/second-factor",
}  # fmt: skip
FOR_ALL = {
    "GET /", "GET /calendar", "GET /campaigns", "GET /campaigns/{name}", "GET /customers", "GET /customers/{id}",
    "GET /customers/{id}/why", "GET /customers/{id}/why/{campaign}", "GET /inbox", "GET /inbox/list",
    "GET /inbox/{id}", "GET /inbox/{id}/canned", "GET /inbox/{id}/colleagues",
    "GET /inbox/{id}/files/{message}/{place:int}",
    "GET /inbox/{id}/mail/{message}", "GET /inbox/{id}/news", "GET /inbox/{id}/thread", "GET /me", "GET /mentions",
    "GET /mentions/new", "GET /search",
    "POST /customers/{id}/fields", "POST /customers/{id}/proof", "POST /customers/{id}/tag",
    "POST /customers/{id}/untag", "POST /inbox/{id}/answer", "POST /inbox/{id}/block", "POST /inbox/{id}/leave",
    "POST /inbox/{id}/measure", "POST /inbox/{id}/note", "POST /inbox/{id}/resolve", "POST /inbox/{id}/return",
    "POST /inbox/{id}/settle", "POST /inbox/{id}/snooze", "POST /inbox/{id}/take", "POST /inbox/{id}/tongue",
    "POST /inbox/{id}/transfer",
    "POST /inbox/{id}/unblock", "POST /me/browsers", "POST /me/password", "POST /me/presence", "POST /me/profile",
    "POST /me/second-factor", "POST /me/second-factor/codes", "POST /me/second-factor/off",
    "POST /me/second-factor/on", "POST /presence", "POST /sign-out",
}  # fmt: skip


class Desk:
    """The application over a store, and its visitors."""

    def __init__(self, store: Store) -> None:
        wakeup = LocalWakeup()
        self.store = store
        self.pages = desk_application(
            store, SystemClock(), wakeup, Feed(store, wakeup), secret="s" * 40, public_url=HOST
        )
        self.mounted = Starlette(routes=[Mount("/desk", self.pages)])
        self.doors = {
            f"{method} {route.path}"
            for route in self.pages.routes
            if isinstance(route, Route) and route.path not in OPEN
            for method in sorted((route.methods or set()) - {"HEAD"})
        }

    async def token(self, role: Role) -> str:
        """A new agent's session."""
        async with self.store.write() as connection:
            id_ = await add_agent(
                connection, f"{role}-{new_id()}@example.com", "Ann", actor=SYSTEM, now=machine_now(), role=role
            )
            return await sessions.open_session(connection, id_, "a test", machine_now())

    async def ask(self, door: str, token: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
        """Knock at a door that leads to nobody."""
        method, _, path = door.partition(" ")
        nobody = {"place:int": "0", "name": "nothing", "campaign": "nothing", "lever": "pause"}
        for part in path.split("/"):
            if part.startswith("{"):
                path = path.replace(part, nobody.get(part.strip("{}"), "0" * 26))
        cookies = {COOKIE: token} if token else {}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.mounted, raise_app_exceptions=False), base_url=HOST, cookies=cookies
        ) as client:
            return await client.request(method, f"/desk{path}", headers=OURS if headers is None else headers)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        yield Desk(store)


async def test_every_door_is_for_somebody(desk: Desk) -> None:
    assert sorted(desk.doors) == sorted(FOR_ALL | FOR_MARKETERS | FOR_ADMINS)
    assert not FOR_ALL & FOR_MARKETERS
    assert not (FOR_ALL | FOR_MARKETERS) & FOR_ADMINS


@pytest.mark.parametrize("role", Role)
async def test_doors_open_to_their_roles_alone(desk: Desk, role: Role) -> None:
    may = {Role.AGENT: FOR_ALL, Role.MARKETER: FOR_ALL | FOR_MARKETERS}.get(role, desk.doors)
    for door in sorted(desk.doors):
        answer = await desk.ask(door, await desk.token(role))
        assert answer.status_code < 500, door
        refused = answer.status_code == 403 and "role" in answer.text
        assert refused == (door not in may), f"{role} at {door}: {answer.status_code}"


async def test_nobody_gets_in_without_a_session(desk: Desk) -> None:
    for door in sorted(desk.doors):
        for token in ("", "made up"):
            answer = await desk.ask(door, token)
            assert answer.status_code == 303, door
            assert answer.headers["location"] == "/desk/sign-in"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example.net"},
        {"origin": "null"},
        {},
    ],
)
async def test_what_another_site_makes_a_browser_ask_changes_nothing(desk: Desk, headers: dict[str, str]) -> None:
    token = await desk.token(Role.ADMIN)
    before = await audits(desk.store)
    for door in sorted(one for one in desk.doors if one.startswith("POST")):
        assert (await desk.ask(door, token, headers)).status_code == 403, door
    assert (await desk.ask("GET /inbox", token)).status_code == 200, "and the session is still there"
    assert await audits(desk.store) == before


async def test_a_session_is_new_at_each_sign_in_and_gone_with_the_password(desk: Desk) -> None:
    async with desk.store.write() as connection:
        await add_agent(connection, "ann@example.com", "Ann", actor=SYSTEM, now=machine_now())
        await set_password(connection, "ann@example.com", PASSWORD, actor=SYSTEM, now=machine_now())
    given = {"email": "ann@example.com", "password": PASSWORD, "code": ""}
    tokens = []
    for planted in ("", "planted-by-somebody-else"):
        cookies = {COOKIE: planted} if planted else {}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(desk.mounted), base_url=HOST, cookies=cookies
        ) as client:
            answer = await client.post("/desk/sign-in", data=given, headers=OURS)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        tokens.append(answer.cookies[COOKIE])
    assert len({*tokens, "planted-by-somebody-else"}) == 3
    assert (await desk.ask("GET /inbox", "planted-by-somebody-else")).status_code == 303
    async with desk.store.write() as connection:
        await set_password(connection, "ann@example.com", "eight warm shelves", actor=SYSTEM, now=machine_now())
    for token in tokens:
        assert (await desk.ask("GET /inbox", token)).status_code == 303
    async with desk.store.read() as connection:
        kept = set(await connection.scalars(select(table(AgentSession).c.hash)))
    assert not kept & set(tokens), "only hashes are kept"


async def audits(store: Store) -> int:
    async with store.read() as connection:
        return len(list(await connection.scalars(select(table(Audit).c.id))))


@pytest.mark.parametrize(
    ("headers", "token", "code"),
    [
        ({"origin": "https://evil.example.net", "host": "desk.example.com"}, True, FOREIGN),
        ({"sec-fetch-site": "cross-site"}, True, FOREIGN),
        (OURS, False, SIGNED_OUT),
    ],
)
async def test_the_live_line_is_for_our_pages_alone(
    desk: Desk, headers: dict[str, str], token: bool, code: int
) -> None:
    cookie = f"{COOKIE}={await desk.token(Role.ADMIN)}" if token else ""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = [(name.encode(), value.encode()) for name, value in {**headers, "cookie": cookie}.items()]
    scope = {
        "type": "websocket", "path": "/desk/live", "query_string": b"", "headers": given, "root_path": "",
        "scheme": "ws", "subprotocols": [],
    }  # fmt: skip
    await desk.mounted(scope, receive, send)
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == code


@pytest.mark.parametrize("field", [b"x" * 65_536, b"a=1&" * 16_384])
async def test_endless_forms_are_read_to_their_bound(desk: Desk, field: bytes) -> None:
    """A field of a gigabyte, and fields without number, from somebody who has not even signed in."""
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b"email="
        for _ in range(16_384):
            read += len(field)
            yield field

    headers = {**OURS, "content-type": "application/x-www-form-urlencoded", "host": "desk.example.com"}
    answer = await call(desk.mounted, "POST", "/desk/sign-in", endless(), headers)
    assert answer.status == 400
    assert read < 2_000_000
