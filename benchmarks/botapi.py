"""A Bot API that takes every message and keeps nothing: for measuring whoever sends."""

import asyncio
import re
from itertools import count
from typing import Any

_ANSWER = (
    b'{"ok":true,"result":{"message_id":%d,"from":{"id":100001,"is_bot":true,"first_name":"Shop","username":"a_bot"},'
    b'"chat":{"id":%s,"first_name":"Reader","type":"private"},"date":1796126400,"text":"taken"}}'
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_CHAT = re.compile(rb'chat_id(?:=|":)(\d+)')
_numbers = count(1)


class BotApi(asyncio.Protocol):
    """Answers each request whole, by HTTP/1.1 with a stated length; the chat is read from a form or from JSON."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out: Any = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            stated = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            whole = end + 4 + int(stated or 0)
            if len(self._rest) < whole:
                return
            body, self._rest = self._rest[end + 4 : whole], self._rest[whole:]
            chat = _CHAT.search(body)
            answer = _ANSWER % (next(_numbers), chat[1]) if chat else b'{"ok":true,"result":true}'
            self._out.write(_HEAD % len(answer) + answer)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(BotApi, "127.0.0.1", port)
    await server.serve_forever()
