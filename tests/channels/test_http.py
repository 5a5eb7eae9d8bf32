"""Small requests over kept connections: what an answer may look like, and what is known when none comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from channels import http
from channels.connection import AnswerLost, NotConnected, never_left, reason
from channels.http import HttpClient
from otklik.contract.servers import closed_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class Server:
    """Gives each request the next of its answers; an empty one ends the connection, ``hold`` leaves it unanswered."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.hold = asyncio.Event()
        self.both_wait = asyncio.Event()
        self.meeting: set[asyncio.Task[None]] = set()

    def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.meeting.add(asyncio.create_task(self.talk(reader, writer)))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            if not self.answers:
                if len(self.requests) == 2:
                    self.both_wait.set()
                await self.hold.wait()
                break
            answer = self.answers.pop(0)
            writer.write(answer)
            if not answer or b"close" in answer.lower():
                break
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[tuple[HttpClient, bytes]]:
    async with await asyncio.start_server(server.meet, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        client = HttpClient(url, connections=2, timeout=30.0)
        try:
            yield client, client.head("POST", f"{url}/send", {"Content-Type": "application/json"})
        finally:
            server.hold.set()
            await client.close()
            await asyncio.wait(server.meeting)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"ok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK + b"ok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",  # it ends with its connection
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    ],
)
async def test_a_whole_answer_is_read_however_it_is_framed(answer: bytes) -> None:
    server = Server(answer)
    async with serving(server) as (client, head):
        given = await client.request(head, b'{"a":1}')
    assert (given.status, given.body) == (200, b"ok")
    assert server.requests[0].startswith(b"POST /send HTTP/1.1\r\nHost: 127.0.0.1:")
    assert server.requests[0].endswith(b'\r\nContent-Length: 7\r\n\r\n{"a":1}')


async def test_connections_are_kept_and_no_more_are_opened_than_allowed() -> None:
    server = Server(*[OK + b"ok"] * 12)
    async with serving(server) as (client, head):
        await asyncio.gather(*(client.request(head, b"{}") for _ in range(10)))
        await client.request(head, b"{}")
        await client.request(head, b"{}")
    assert (server.connections, len(server.requests)) == (2, 12)


async def test_a_connection_that_was_long_unused_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.0)
    server = Server(OK + b"ok", OK + b"ok")
    async with serving(server) as (client, head):
        await client.request(head, b"{}")
        await client.request(head, b"{}")
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b""], "the connection broke off"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nok"], "the connection broke off"),
        ([b"220 mail.example.com ESMTP, close\r\n"], "an answer that is not HTTP"),
    ],
)
async def test_a_request_without_a_whole_answer_may_have_been_taken(answers: list[bytes], words: str) -> None:
    server = Server(*answers)
    async with serving(server) as (client, head):
        with pytest.raises(AnswerLost) as lost:
            await client.request(head, b"{}")
    assert (never_left(lost.value), reason(lost.value)) == (False, words)
    assert len(server.requests) == 1, "never twice"


async def test_a_request_without_any_answer_may_have_been_taken() -> None:
    server = Server(OK + b"ok")
    async with serving(server) as (client, head):
        await client.request(head, b"{}")  # the connection is there: no time goes to making one
        with pytest.raises(AnswerLost) as lost:
            await client.request(head, b"{}", 0.1)
    assert (never_left(lost.value), reason(lost.value)) == (False, "timed out")
    assert len(server.requests) == 2, "never twice"


async def test_what_cannot_connect_never_left() -> None:
    port = closed_port()
    url = f"http://127.0.0.1:{port}"
    client = HttpClient(url, connections=1, timeout=5)
    with pytest.raises(NotConnected) as refused:
        await client.request(client.head("POST", url, {}), b"{}")
    assert never_left(refused.value)
    assert f"127.0.0.1:{port}" in reason(refused.value)


async def test_who_gets_no_connection_in_time_never_left() -> None:
    server = Server()
    async with serving(server) as (client, head):
        waiting = [asyncio.create_task(client.request(head, b"{}")) for _ in range(2)]
        async with asyncio.timeout(30):
            await server.both_wait.wait()
        with pytest.raises(NotConnected):
            await client.request(head, b"{}", 0.05)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        server.answers = [OK + b"ok"]
        assert (await client.request(head, b"{}")).status == 200  # a cancelled one takes nothing with it


async def test_nothing_gets_into_the_head_that_is_no_header() -> None:
    client = HttpClient("http://127.0.0.1:1", connections=1, timeout=1)
    for url, headers in (
        ("http://127.0.0.1:1/a\r\nX: y", {}),
        ("http://127.0.0.1:1/a b", {}),
        ("http://127.0.0.2:1/a", {}),
        ("http://127.0.0.1:1/a", {"X": "y\r\nZ: 1"}),
        ("http://127.0.0.1:1/a", {"X": "é"}),
    ):
        with pytest.raises(ValueError, match=r"."):
            client.head("POST", url, headers)
