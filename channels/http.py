"""HTTP/1.1 for many small requests to one host, over kept connections; the parser is llhttp's.

A general client spends a quarter of a millisecond on every request: cookies, redirects, encodings, hooks. Sending a
message has none of them, so here a request is its bytes and an answer is its status, its headers and its body. Nothing
is sent twice and no redirect is followed. Proxies are left to aiohttp.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import SplitResult, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from channels.connection import AnswerLost, NotConnected
from core.clock import uptime

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 15.0
"""A connection that was unused for longer is not used again: the server may be about to close it."""
NEXT_ADDRESS_SECONDS = 0.25
LARGEST_ANSWER = 32 * 1024 * 1024


class Answer(NamedTuple):
    """``headers`` by their lower-case names, the last of each."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Connections to the host of one address, at most ``connections`` at a time; ``timeout`` is seconds a request."""

    def __init__(self, base_url: str, *, connections: int, timeout: float) -> None:
        self._base = urlsplit(base_url)
        self._tls = _context() if self._base.scheme == "https" else None
        self._timeout = timeout
        self._room = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def close(self) -> None:
        """Break every connection; whoever waits for an answer is told that it is lost."""
        for connection in tuple(self._open):
            connection.abort("the client was closed")
        await asyncio.sleep(0)  # a transport ends at the loop's next turn

    def head(self, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        """The beginning of requests for ``url``, ready for :meth:`request`.

        Raises:
            ValueError: a header or the address holds what HTTP cannot carry, or the host is another one.
        """
        there = urlsplit(url)
        if (there.scheme, there.netloc) != (self._base.scheme, self._base.netloc):
            raise ValueError("an address at another host")
        target = (there.path or "/") + (f"?{there.query}" if there.query else "")
        said = {"Host": _host(there), "User-Agent": "Otklik", "Accept-Encoding": "identity", **headers}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
        if any(not line.isprintable() for line in lines) or " " in target:
            raise ValueError("a header or an address that HTTP cannot carry")
        return "\r\n".join([*lines, "Content-Length: "]).encode("ascii")

    async def request(self, head: bytes, body: bytes, timeout: float | None = None) -> Answer:  # noqa: ASYNC109
        """One request and its answer, within ``timeout`` seconds, those of connecting included.

        Raises:
            NotConnected: no byte of it was written.
            AnswerLost: it may have been taken; no whole answer came.
        """
        seconds = self._timeout if timeout is None else timeout
        began = uptime()
        await self._enter(min(seconds, 1.5 * CONNECT_SECONDS))
        connection: _Connection | None = None
        try:
            connection = self._kept() or await self._connected(seconds)
            waiter = connection.ask(b"%b%d\r\n\r\n%b" % (head, len(body), body))
            left = max(0.0, seconds - (uptime() - began))
            timer = asyncio.get_running_loop().call_later(left, connection.abort, "timed out")
            try:
                return await waiter
            finally:
                timer.cancel()
        finally:
            self._room.release()
            if connection is not None:
                self._keep(connection)

    async def _enter(self, seconds: float) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._room.acquire()
        except TimeoutError:
            raise NotConnected("timed out") from None

    def _kept(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and uptime() - connection.used_at < IDLE_SECONDS:
                return connection
            connection.abort("unused")
        return None

    def _keep(self, connection: "_Connection") -> None:
        if connection.is_usable:
            connection.used_at = uptime()
            self._idle.append(connection)
        else:
            connection.abort("given up")

    async def _connected(self, seconds: float) -> "_Connection":
        host, port = self._base.hostname or "", self._base.port or (443 if self._tls else 80)
        where = f"{host}:{port}"
        try:
            async with asyncio.timeout(min(seconds, CONNECT_SECONDS)):
                return await self._connect(host, port)
        except socket.gaierror:
            raise NotConnected(f"no address for {host}") from None
        except ssl.SSLCertVerificationError as error:
            raise NotConnected(f"no connection to {where} (its certificate: {error.verify_message})") from None
        except TimeoutError:
            raise NotConnected("timed out") from None
        except OSError as error:
            raise NotConnected(f"no connection to {where} ({error.strerror or type(error).__name__})") from None

    async def _connect(self, host: str, port: int) -> "_Connection":
        """Whichever of the host's addresses answers first (RFC 8305), encrypted where the address says so."""
        from aiohappyeyeballs import start_connection

        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        plain = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1, loop=loop)
        try:
            _, connection = await loop.create_connection(
                lambda: _Connection(self._open), sock=plain, ssl=self._tls, server_hostname=host if self._tls else None
            )
        except BaseException:
            plain.close()
            raise
        return connection


class _Connection(asyncio.Protocol):
    """One connection: one request at a time. It is in ``open_ones`` as long as it is open."""

    def __init__(self, open_ones: "set[_Connection]") -> None:
        self.used_at = 0.0
        self._open_ones = open_ones
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._answering = False

    @property
    def is_usable(self) -> bool:
        """Whether it is open with nothing under way."""
        return self._transport is not None and self._waiter is None and not self._transport.is_closing()

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        """Write a request; the future is its answer.

        Raises:
            NotConnected: it is broken already.
        """
        if self._transport is None or self._transport.is_closing():
            raise NotConnected("the connection broke off")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiter

    def abort(self, why: str) -> None:
        """Break it; whoever waits for an answer is told ``why``."""
        if self._transport is not None:
            self._transport.abort()
        self._lose(why)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._open_ones.add(self)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:  # what nobody asked for: a server's farewell
            self.abort("unasked")
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.abort("an answer that is not HTTP")

    def connection_lost(self, _: Exception | None) -> None:
        self._open_ones.discard(self)
        if self._answering and not {"content-length", "transfer-encoding"} & self._headers.keys():
            self.on_message_complete()  # its end was to be the connection's
        self._transport = None
        self._lose("the connection broke off")

    def _lose(self, why: str) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(AnswerLost(why))

    # ── what the parser finds ────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        self._headers, self._body, self._size, self._answering = {}, [], 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._answering = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > LARGEST_ANSWER:
            self.abort("an answer without an end")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._answering:
            return  # "100 Continue" and its kin: the answer follows
        self._answering = False
        waiter, self._waiter = self._waiter, None
        if self._transport is not None and not self._parser.should_keep_alive():
            self._transport.close()
        if waiter is not None and not waiter.done():
            waiter.set_result(Answer(self._parser.get_status_code(), self._headers, b"".join(self._body)))


def _context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    return made


def _host(there: SplitResult) -> str:
    return there.netloc.rpartition("@")[2]
