"""Files come from named hosts at public addresses only, whatever a callback, a redirect or a name server say."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web

from channels.media.fetching import OncePinned, fetch
from channels.media.hosts import Host, allowed, is_public
from channels.twilio.media import HOSTS, hosts
from core.errors import PermanentFailure, TransientFailure

API = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


@dataclass
class Store:
    """A server on this machine that says where to look next, or gives bytes."""

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, web.Response] = field(default_factory=dict)


@asynccontextmanager
async def store(**answers: dict[str, Any]) -> AsyncIterator[Store]:
    running = Store()

    async def handle(request: web.Request) -> web.StreamResponse:
        running.asked.append((request.path, request.headers.get("Authorization", "")))
        return web.Response(**answers[request.path.strip("/")])

    application = web.Application()
    application.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield running
    finally:
        await runner.cleanup()


async def got(url: str, where: tuple[Host, ...] = HOSTS, limit: int = 1000) -> bytes:
    return await fetch(url, where, credentials=("sid", "secret"), limit=limit, timeout=60)


HERE = (Host("127.0.0.1", "/trusted", trusted=True, local=True), Host("127.0.0.1", "/", local=True))


async def test_bytes_come_with_credentials_where_they_belong() -> None:
    async with store(**{"trusted/a": {"status": 307, "headers": {"Location": "/b"}}, "b": {"body": b"file"}}) as server:
        assert await got(server.url + "/trusted/a", HERE) == b"file"
    assert server.asked == [("/trusted/a", encode_basic_auth("sid", "secret")), ("/b", "")]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.twilio.com/2010-04-01/Accounts/a",  # not encrypted
        "https://api.twilio.com:8443/2010-04-01/Accounts/a",
        "https://api.twilio.com/elsewhere",
        "https://api.twilio.com/2010-04-01/Accounts/../../x",
        "https://api.twilio.com/2010-04-01/Accounts/%2e%2e/x",
        "https://api.twilio.com.evil.example/2010-04-01/Accounts/a",
        "https://evil.example/api.twilio.com/2010-04-01/Accounts/a",
        "https://user:pass@api.twilio.com/2010-04-01/Accounts/a",
        "https://api.twilio.com@evil.example/2010-04-01/Accounts/a",
        "https://evil.example\\@api.twilio.com/2010-04-01/Accounts/a",
        "https://s3-external-1.amazonaws.com/other-bucket/a",
        "https://127.0.0.1/",
        "https://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://[64:ff9b::7f00:1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "file:///etc/passwd",
        "ftp://media.twiliocdn.com/a",
        "//media.twiliocdn.com/a",
        "https://[broken",
        "https://media.twiliocdn.com:port/",
        "",
    ],
)
async def test_other_addresses_are_not_even_looked_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def looked_up(*_: object, **__: object) -> list[object]:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
    with pytest.raises(PermanentFailure, match="not fetched from"):
        await got(url)


@pytest.mark.parametrize("url", [API, "https://media.twiliocdn.com/AC1/x", "https://mms.twiliocdn.com/AC1/x"])
def test_the_providers_own_hosts_are_allowed(url: str) -> None:
    assert allowed(url, HOSTS) is not None


def test_the_stand_in_is_one_of_the_hosts_only_on_this_machine() -> None:
    url = "http://127.0.0.1:8000/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
    assert allowed(url, hosts("http://127.0.0.1:8000")) is not None
    assert hosts("https://api.twilio.com") == hosts("https://proxy.example.com") == HOSTS
    assert allowed(url, HOSTS) is None


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:db8::1",
    "not an address",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("private", PRIVATE[:18])
async def test_a_name_that_leads_inside_is_refused_before_a_connection(
    private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only one of several addresses is inside: which one is dialled is not ours to choose."""
    loop, dialled = asyncio.get_running_loop(), []

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("8.8.8.8", private.partition("%")[0])
        ]

    async def dial(*args: object, **_: object) -> None:
        dialled.append(args)

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    monkeypatch.setattr(loop, "sock_connect", dial)
    with pytest.raises(PermanentFailure, match="private network"):
        await got(API)
    assert not dialled


async def test_a_name_is_looked_up_once_and_its_address_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the second answer, which leads inside, is never asked for."""
    loop, looked, dialled = asyncio.get_running_loop(), [], []

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        looked.append(host)
        address = "8.8.8.8" if len(looked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def dial(_: object, address: tuple[str, int]) -> None:
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    monkeypatch.setattr(loop, "sock_connect", dial)
    with pytest.raises(TransientFailure):
        await got(API)
    assert looked == ["api.twilio.com"]
    assert {address[0] for address in dialled} == {"8.8.8.8"}


async def test_a_redirect_to_the_same_name_does_not_look_it_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, answers = asyncio.get_running_loop(), ["8.8.8.8", "127.0.0.1"]

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    resolver = OncePinned(())
    for _ in range(2):
        (found,) = await resolver.resolve("media.twiliocdn.com", 443)
        assert found["host"] == "8.8.8.8"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest",
        "https://evil.example/a",
        "file:///etc/passwd",
        "//evil.example/a",
        "http://[::1]/",
    ],
)
async def test_a_redirect_elsewhere_is_not_followed(location: str) -> None:
    async with store(**{"trusted/a": {"status": 302, "headers": {"Location": location}}}) as server:
        with pytest.raises(PermanentFailure, match="not fetched from"):
            await got(server.url + "/trusted/a", HERE)
    assert len(server.asked) == 1


async def test_redirects_end() -> None:
    async with store(a={"status": 302, "headers": {"Location": "/a"}}) as server:
        with pytest.raises(PermanentFailure, match="redirects too often"):
            await got(server.url + "/a", HERE)
    assert len(server.asked) == 4


async def test_size_is_bounded_whether_told_or_not() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(b"x" * 1000)
        except ConnectionError:
            pass
        return response

    async with store(a={"body": b"x" * 1001}, b={"body": b"x" * 1000}) as server:
        with pytest.raises(PermanentFailure, match="1001 bytes; 1000 are taken"):
            await got(server.url + "/a", HERE)
        assert len(await got(server.url + "/b", HERE)) == 1000
    application = web.Application()
    application.router.add_get("/", endless)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(PermanentFailure, match="more than 1000 bytes"):
            await got(f"http://127.0.0.1:{runner.addresses[0][1]}/", HERE)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "kind"), [(404, PermanentFailure), (401, PermanentFailure), (429, TransientFailure)]
)
async def test_what_is_gone_stays_gone_and_what_is_busy_is_asked_again(status: int, kind: type[Exception]) -> None:
    async with store(a={"status": status}) as server:
        with pytest.raises(kind) as caught:
            await got(server.url + "/a", HERE)
    assert "secret" not in str(caught.value)
    with pytest.raises(TransientFailure):
        await got(server.url + "/a", HERE)
