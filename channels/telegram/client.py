"""The Bot API by aiogram. Importing this module costs seconds, so only :meth:`TelegramAdapter.open` does, in a thread.

aiogram's session is ours in three things: time-outs are told apart by phase and redirects not followed, an answer that
is not "ok" keeps its HTTP status, and getUpdates gives the JSON as it came.
"""

from collections.abc import Sequence
from typing import Any, cast

import orjson
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import Response, SendDocument, SendMessage, SendPhoto, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import BufferedInputFile, Message
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from channels.telegram.answers import Answer, NotOk
from channels.telegram.rendering import Call

_METHODS: dict[str, type[SendMessage] | type[SendPhoto] | type[SendDocument]] = {
    "sendMessage": SendMessage,
    "sendPhoto": SendPhoto,
    "sendDocument": SendDocument,
}
CONNECT_SECONDS = 10.0


class _Session(AiohttpSession):
    """aiogram's session with our connections, and with the status of what it refuses."""

    def __init__(self, base_url: str, connections: int, timeout: float, proxy: str) -> None:
        super().__init__(
            api=TelegramAPIServer.from_base(base_url), limit=connections, json_loads=orjson.loads, timeout=timeout
        )
        self._http_proxy = proxy or None
        self._limit = connections

    async def create_session(self) -> ClientSession:
        if self._session is None or self._session.closed:
            self._session = ClientSession(connector=TCPConnector(limit=self._limit), proxy=self._http_proxy)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()  # aiogram's own also sleeps a quarter of a second

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> TelegramType:
        """As aiogram's, but a redirect is not followed: it would post the message again."""
        session = await self.create_session()
        async with session.post(
            self.api.api_url(token=bot.token, method=method.__api_method__),
            data=self.build_form_data(bot=bot, method=method),
            timeout=_timeout(self.timeout if timeout is None else timeout),
            allow_redirects=False,
        ) as response:
            content = await response.text(errors="replace")
        return cast("TelegramType", self.check_response(bot, method, response.status, content).result)

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        _result(status_code, content)
        return super().check_response(bot, method, status_code, content)


class BotClient:
    """The few calls that the adapter makes, all over one pool of connections."""

    def __init__(self, token: str, *, base_url: str, connections: int, timeout: float, proxy: str) -> None:
        self._session = _Session(base_url, connections, timeout, proxy)
        self._bot = Bot(token, session=self._session)

    async def open(self) -> None:
        await self._session.create_session()

    async def close(self) -> None:
        await self._session.close()

    async def send(self, call: Call) -> Message:
        """Make ``call`` and give the message as Telegram keeps it."""
        fields: dict[str, Any] = dict(call.fields)
        if call.file is not None:
            name, attachment = call.file
            fields[name] = BufferedInputFile(attachment.content, filename=attachment.name)
        return await self._bot(_METHODS[call.method](**fields))

    async def updates(self, offset: int, wait: float, allowed: Sequence[str]) -> list[dict[str, Any]]:
        """Updates from ``offset`` on, plain JSON; waits up to ``wait`` seconds for the first."""
        session = await self._session.create_session()
        url = self._session.api.api_url(token=self._bot.token, method="getUpdates")
        fields = {"offset": offset, "timeout": int(wait), "limit": 100, "allowed_updates": list(allowed)}
        timeout = _timeout(wait + 15)
        async with session.post(url, json=fields, timeout=timeout, allow_redirects=False) as response:
            result = _result(response.status, await response.text(errors="replace"))
        return [update for update in result if isinstance(update, dict)] if isinstance(result, list) else []

    async def username(self) -> str:
        return (await self._bot.me()).username or ""

    async def set_webhook(self, url: str, secret: str, allowed: Sequence[str]) -> None:
        await self._bot.set_webhook(url, secret_token=secret, allowed_updates=list(allowed))

    async def delete_webhook(self) -> None:
        await self._bot.delete_webhook(drop_pending_updates=False)

    async def answer_callback(self, query_id: str, text: str) -> None:
        await self._bot.answer_callback_query(query_id, text=text or None)


def _timeout(total: float) -> ClientTimeout:
    return ClientTimeout(total=total, connect=min(total, CONNECT_SECONDS * 1.5), sock_connect=CONNECT_SECONDS)


def _result(status: int, content: str) -> Any:
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
            parameters.get("retry_after"),
            parameters.get("migrate_to_chat_id"),
        )
    )
