"""Fake providers that take every message and keep nothing: for measuring whoever sends.

python benchmarks/providers.py telegram 8081
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, ClassVar

from sides import listening


class Api(asyncio.Protocol):
    """Answers each request whole, by HTTP/1.1 with a stated length."""

    status: ClassVar[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out: Any = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            stated = self._rest[:end].lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            whole = end + 4 + int(stated or 0)
            if len(self._rest) < whole:
                return
            body, self._rest = self._rest[end + 4 : whole], self._rest[whole:]
            answer = self.answer(body)
            head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self._out.write(head % (self.status, len(answer)) + answer)

    def answer(self, body: bytes) -> bytes:
        """What is said to a request."""
        raise NotImplementedError


class BotApi(Api):
    """Telegram's; the chat is read from a form or from JSON."""

    status = b"200 OK"
    numbers = count(1)
    chat = re.compile(rb'chat_id(?:=|":)(\d+)')
    taken = (
        b'{"ok":true,"result":{"message_id":%d,"from":{"id":100001,"is_bot":true,"first_name":"Shop",'
        b'"username":"a_bot"},"chat":{"id":%b,"first_name":"Reader","type":"private"},"date":1796126400,'
        b'"text":"taken"}}'
    )

    def answer(self, body: bytes) -> bytes:
        chat = self.chat.search(body)
        return self.taken % (next(self.numbers), chat[1]) if chat else b'{"ok":true,"result":true}'


class MessagesApi(Api):
    """Twilio's."""

    status = b"201 Created"
    numbers = count(1)
    taken = b'{"sid":"SM%032x","status":"queued","to":"","body":"","direction":"outbound-api","num_segments":"1"}'

    def answer(self, body: bytes) -> bytes:
        return self.taken % next(self.numbers)


APIS: dict[str, type[Api]] = {"telegram": BotApi, "twilio": MessagesApi}


async def serve(name: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(APIS[name], "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def running_api(name: str, port: int) -> Iterator[str]:
    """One of :data:`APIS` in a process of its own; what it is."""
    with listening([sys.executable, __file__, name, str(port)], port):
        yield f"a fake {APIS[name].__name__}"


def main() -> None:
    from otklik.running import run_async

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=APIS)
    parser.add_argument("port", type=int)
    told = parser.parse_args()
    with suppress(asyncio.CancelledError):
        run_async(serve(told.name, told.port))


if __name__ == "__main__":
    main()
