"""Who may use the API: keys, scopes, how often, how much, and what a failure looks like."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest

from campaigns.api import page
from campaigns.api.access import LARGEST_BODY
from campaigns.api.keys import Scope, list_keys, read_scopes, revoke_key
from core.actors import Actor
from core.clock import machine_now
from core.errors import Refused, StoreUnavailable
from storage.store import Store
from storage.tables import ApiKey
from tests.bot.scene import Scene
from tests.campaigns.api.conftest import TOKEN, Api

EVENT = {"external_id": "o-1", "customer": "c1", "at": "2026-12-01T10:00:00Z"}
NEEDED = {
    ("GET", "/v1/customers/c1"): Scope.CUSTOMERS_READ,
    ("PUT", "/v1/customers/c1"): Scope.CUSTOMERS_WRITE,
    ("POST", "/v1/customers"): Scope.CUSTOMERS_WRITE,
    ("POST", "/v1/events"): Scope.EVENTS_WRITE,
    ("POST", "/v1/events/bulk"): Scope.EVENTS_WRITE,
    ("GET", "/v1/campaigns"): Scope.CAMPAIGNS_READ,
    ("POST", "/v1/campaigns/winback/trigger"): Scope.CAMPAIGNS_TRIGGER,
    ("GET", "/v1/campaigns/winback/report"): Scope.REPORTS_READ,
}


async def test_every_address_wants_its_scope(api: Api) -> None:
    keys = {scope: await api.new_key(scope, name=scope.value) for scope in Scope}
    described = {(method.upper(), path) for path, methods in api.app.openapi()["paths"].items() for method in methods}
    assert {(method, path.replace("c1", "{external_id}").replace("winback", "{name}")) for method, path in NEEDED} == (
        described
    )
    for (method, path), needed in NEEDED.items():
        for scope, key in keys.items():
            status = (await api.call(method, path, b"{}", key=key)).status
            assert (status == 403) == (scope is not needed), (method, path, scope)
            assert status != 401


async def test_a_key_opens_until_it_is_revoked(api: Api, scene: Scene) -> None:
    key = await api.new_key(Scope.EVENTS_WRITE)
    (kept,) = await scene.all(ApiKey)
    assert kept.hash == hashlib.sha256(key.rpartition("_")[2].encode()).hexdigest()
    assert key.rpartition("_")[2] not in str(kept)
    assert (await api.call("POST", "/v1/events", EVENT, key=key)).status == 201
    (used,) = await scene.all(ApiKey)
    assert used.last_used_at is not None
    async with scene.store.write() as connection:
        await revoke_key(connection, "shop", Actor("operator"), machine_now())
        with pytest.raises(Refused, match="already"):
            await revoke_key(connection, "shop", Actor("operator"), machine_now())
        assert [line.state for line in await list_keys(connection, machine_now())] == ["revoked"]
    assert (await api.call("POST", "/v1/events", EVENT, key=key)).status == 401


async def test_a_key_expires(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    end = machine_now() + timedelta(days=1)
    key = await api.new_key(Scope.EVENTS_WRITE, expires_at=end)
    for now, status in ((end - timedelta(microseconds=1), 201), (end, 401)):
        monkeypatch.setattr("campaigns.api.access.machine_now", lambda now=now: now)
        assert (await api.call("POST", "/v1/events", EVENT, key=key)).status == status


async def test_the_door_is_closed_to_others(api: Api) -> None:
    key = await api.new_key(*Scope)
    for wrong in ("", "x", key[:-1], key[:-1] + ("0" if key[-1] != "0" else "1"), "otk__", "otk_" + "0" * 26 + "_",
                  key + "0", "é", TOKEN[:-1]):  # fmt: skip
        answer = await api.call("GET", "/v1/campaigns", key=wrong)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), wrong
    assert (await api.call("GET", "/v1/campaigns")).status == 200


def test_scopes_are_told_in_words() -> None:
    assert read_scopes("events:write, customers:read") == [Scope.CUSTOMERS_READ, Scope.EVENTS_WRITE]
    for wrong in ("", "events", "events:write,all"):
        with pytest.raises(Refused, match="customers:read"):
            read_scopes(wrong)


async def test_problems_are_of_the_standard(api: Api) -> None:
    for method, path, body, headers, status in (
        ("POST", "/v1/events", b"{", {}, 400),
        ("GET", "/v1/nothing", b"", {}, 404),
        ("GET", "/v1/customers/nobody", b"", {}, 404),
        ("GET", "/v1/campaigns/none/report", b"", {}, 404),
        ("DELETE", "/v1/events", b"", {}, 405),
        ("POST", "/v1/events", b" " * (LARGEST_BODY + 1), {}, 413),
        ("POST", "/v1/events", b"a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/v1/events", b"[]", {}, 422),
        ("GET", "/v1/customers/" + "x" * 201, b"", {}, 422),
        ("POST", "/v1/events", b'{"external_id": "1", "customer": "a\\u0000", "at": "2026-01-01"}', {}, 422),
        ("POST", "/v1/events/bulk", b'{"events": []}', {}, 422),
    ):
        answer = await api.call(method, path, body, **headers)
        told = orjson.loads(answer.body)
        assert (answer.status, told["status"]) == (status, status), (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert told["title"]
        assert told["detail"]


async def test_a_caller_who_asks_too_often_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.api.access.uptime", lambda: 1000.0)  # a slow machine earns no token meanwhile
    api = Api(store, rate=0.2)
    answers = [await api.call("GET", "/v1/campaigns") for _ in range(4)]
    assert [one.status for one in answers] == [200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
    other = await api.new_key(Scope.CAMPAIGNS_READ)
    assert (await api.call("GET", "/v1/campaigns", key=other)).status == 200


async def test_a_store_that_is_away_asks_to_come_again() -> None:
    class Away:
        @asynccontextmanager
        async def read(self) -> AsyncIterator[None]:
            raise StoreUnavailable("postgresql://user:secret@host is away")
            yield

        write = read

    api = Api(Away())
    for key in (TOKEN, "otk_" + "0" * 26 + "_x"):
        answer = await api.call("GET", "/v1/campaigns", key=key)
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")
        assert b"secret" not in answer.body


async def test_the_description_is_whole(api: Api) -> None:
    answer = await api.call("GET", "/openapi.json", key="")
    told = orjson.loads(answer.body)
    names = set(told["components"]["schemas"])

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
            return own.union(*(references(one) for one in value.values()))
        return set().union(*(references(one) for one in value)) if isinstance(value, list) else set()

    assert references(told) <= names
    for methods in told["paths"].values():
        for one in methods.values():
            assert one["summary"]
            assert "Scope: " in one["description"]
    shown = (await api.call("GET", "/docs", key="")).text
    assert all(f"/api{path}" in shown for path in (page.escape(path) for path in told["paths"]))
    assert not any(word in shown for word in ("<script", "src=", "//cdn"))
