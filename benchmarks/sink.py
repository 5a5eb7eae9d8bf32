"""A mail server that takes everything and keeps nothing, as near or as far as is asked for: for measuring who sends.

python benchmarks/sink.py 2525                       # a sink
python benchmarks/sink.py 2526 --to 2525 --away 20   # a way to it that takes 20 ms there and back
"""

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from sides import free_port, listening


class Sink(asyncio.Protocol):
    """Takes every mail and forgets it."""

    _out: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = transport
        self._in_data, self._rest = False, b""
        self._out.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while self._rest:
            if self._in_data:
                end = self._rest.find(b"\r\n.\r\n")
                if end < 0:
                    return
                self._rest, self._in_data = self._rest[end + 5 :], False
                self._out.write(b"250 2.0.0 Ok\r\n")
                continue
            line, found, rest = self._rest.partition(b"\r\n")
            if not found:
                return
            self._rest = rest
            match line[:4].upper():
                case b"EHLO":
                    self._out.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                case b"DATA":
                    self._in_data = True
                    self._out.write(b"354 End data with <CR><LF>.<CR><LF>\r\n")
                case b"QUIT":
                    self._out.write(b"221 Bye\r\n")
                    self._out.close()
                case _:
                    self._out.write(b"250 2.1.0 Ok\r\n")


class Way(asyncio.Protocol):
    """One end of a connection that is carried on to another server; everything is ``seconds`` on its way."""

    def __init__(self, seconds: float, to: int = 0, other: "Way | None" = None) -> None:
        self._seconds, self._to, self._other = seconds, to, other
        self._early: list[bytes | None] = []
        self._out: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = transport
        if self._other is None:
            self._reaching = asyncio.ensure_future(self._reach())

    async def _reach(self) -> None:
        make = partial(Way, self._seconds, other=self)
        _, self._other = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", self._to)
        for data in self._early:
            self._carry(data)

    def data_received(self, data: bytes) -> None:
        self._carry(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._carry(None)

    def _carry(self, data: bytes | None) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            asyncio.get_running_loop().call_later(self._seconds, self._other.take, data)

    def take(self, data: bytes | None) -> None:
        if data is None:
            self._out.close()
        elif not self._out.is_closing():
            self._out.write(data)


@contextmanager
def running_sink(given: str, port: int, away: float) -> Iterator[str]:
    """A mail server that takes everything, in its own process, ``away`` milliseconds there and back; its name."""
    found = given or shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    at = free_port() if away else port
    command = [sys.executable, __file__, str(at)]
    if found:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [found, *user, "-c", f"127.0.0.1:{at}", "100"]
    with ExitStack() as started:
        started.enter_context(listening(command, at))
        if away:
            started.enter_context(
                listening([sys.executable, __file__, str(port), "--to", str(at), "--away", str(away)], port)
            )
        yield ("smtp-sink" if found else "a sink on asyncio") + (f" {away:g} ms away" if away else "")


async def serve(told: argparse.Namespace) -> None:
    """What a process of its own does."""
    make = partial(Way, told.away / 2000, told.to) if told.to else Sink
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", told.port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--to", type=int, default=0, help="carry connections on to this port")
    parser.add_argument("--away", type=float, default=0.0, help="milliseconds there and back")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
