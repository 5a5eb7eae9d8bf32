"""What the adapter needs of a library that speaks the Bot API, and what the answers are to both of them.

A client makes one request a call: no retries, no limits of its own. It tells three things apart by exceptions: an
answer that is not "ok" (:class:`~channels.telegram.answers.NotOk`), a request that never left, and no answer.
"""

from collections.abc import Callable
from typing import Any, Protocol

import orjson

from channels.telegram.answers import Answer, NotOk
from channels.telegram.calls import Call
from channels.telegram.settings import TelegramSettings

CONNECT_SECONDS = 10.0
SPARE_CONNECTIONS = 2
"""Beside those of the sessions: a long poll and a button's answer never wait for a send."""


class NeverLeft(Exception):
    """No byte of the request was written; the text says why, without the address (it holds the token)."""


class NoAnswer(Exception):
    """The request may have been taken: no answer came, or it broke off. The text says why, without the address."""


class TooLarge(Exception):
    """A file has more bytes than are fetched."""


class BotClient(Protocol):
    """One bot's connections."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, call: Call, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - per request, in seconds
        """Make ``call``: the answer's ``result`` as plain JSON values.

        Raises:
            NotOk, NeverLeft, NoAnswer: as the module says.
        """
        ...

    async def download(self, path: str, limit: int) -> bytes:
        """The file that getFile said is at ``path``, of at most ``limit`` bytes.

        Raises:
            TooLarge: it is longer; the rest was not read.
            NotOk, NeverLeft, NoAnswer: as the module says.
        """
        ...


ClientFactory = Callable[[TelegramSettings], BotClient]


def result_of(status: int, content: bytes | str) -> Any:
    """The ``result`` of an answer that is "ok".

    Raises:
        NotOk: any other answer, also one that is not JSON (a proxy's page).
    """
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        # A 200 that is not the API's cannot be believed either way: it reads as a server's fault.
        raise NotOk(Answer(status if status >= 300 else 502, f"HTTP {status} with a body that is not the Bot API's"))
    if data.get("ok") is True and 200 <= status < 300:
        return data.get("result")
    parameters = data.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    stated = data.get("error_code")
    raise NotOk(
        Answer(
            status if status >= 300 else stated if isinstance(stated, int) else 502,
            str(data.get("description") or ""),
            _number(parameters.get("retry_after")),
            _whole(parameters.get("migrate_to_chat_id")),
        )
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
