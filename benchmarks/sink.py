"""A mail server that takes everything and keeps nothing: for measuring whoever sends."""

import asyncio
from typing import Any


class Sink(asyncio.Protocol):
    """Takes every mail and forgets it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out: Any = transport
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


async def sink(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()
