"""The Bot API by aiogram. Importing this module costs seconds, so only the adapter's ``open`` does, in a thread.

aiogram's session is ours in five things: time-outs are told apart by phase and redirects not followed; an answer that
is not "ok" keeps its HTTP status; what has no files goes as one JSON body; a result stays the JSON as it came; and
where no proxy is between, such a body goes by :mod:`channels.http`. The last three spare most of the work for a
message: a method's model copies every default that it has, a form quotes every letter that is not English, a model of
the whole answer is built to read two numbers of it, and a general client takes longer than everything else here.
"""

import asyncio
from typing import Any, cast

import aiogram.methods
import orjson
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import BufferedInputFile
from aiohttp import ClientError, ClientSession, ClientTimeout, FormData, TCPConnector

from channels.connection import never_left, reason
from channels.http import HttpClient
from channels.telegram.answers import Answer, NotOk
from channels.telegram.calls import ATTACHED, Call
from channels.telegram.client import CONNECT_SECONDS, SPARE_CONNECTIONS, NeverLeft, NoAnswer, TooLarge, result_of
from channels.telegram.settings import TelegramSettings

_CHUNK = 65536
_JSON = {"Content-Type": "application/json"}


class _Session(AiohttpSession):
    """aiogram's session with our connections; its requests give the plain result."""

    def __init__(self, settings: TelegramSettings) -> None:
        connections = settings.sessions + SPARE_CONNECTIONS
        super().__init__(api=TelegramAPIServer.from_base(settings.address), limit=connections, timeout=settings.timeout)
        self._http_proxy = settings.proxy or None
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
        """As aiogram's, but the result is plain."""
        form = self.build_form_data(bot=bot, method=method)
        return cast("TelegramType", await self.post(bot, method.__api_method__, form, timeout))

    async def post(self, bot: Bot, method: str, body: FormData | bytes, seconds: float | None) -> Any:
        """One request, its answer's result; a redirect is not followed: it would post the message again."""
        session = await self.create_session()
        async with session.post(
            self.api.api_url(token=bot.token, method=method),
            data=body,
            headers=_JSON if isinstance(body, bytes) else None,
            timeout=_timeout(self.timeout if seconds is None else seconds),
            allow_redirects=False,
        ) as response:
            content = await response.read()
        return result_of(response.status, content)


class AiogramClient:
    """One bot over one pool of connections."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._settings = settings
        self._session = _Session(settings)
        self._bot = Bot(settings.token, session=self._session)
        self._direct: HttpClient | None = None
        self._heads: dict[str, bytes] = {}

    async def open(self) -> None:
        await self._session.create_session()
        settings = self._settings
        if not settings.proxy:
            connections = settings.sessions + SPARE_CONNECTIONS
            self._direct = await asyncio.to_thread(
                HttpClient, settings.address, connections=connections, timeout=settings.timeout
            )

    async def close(self) -> None:
        direct, self._direct = self._direct, None
        if direct is not None:
            await direct.close()
        await self._session.close()

    async def call(self, call: Call, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - per request, in seconds
        try:
            if not call.files and self._direct is not None:
                body = orjson.dumps(call.fields)
                answer = await self._direct.request(self._head(self._direct, call.method), body, timeout)
                return result_of(answer.status, answer.body)
            if not call.files:
                return await self._session.post(self._bot, call.method, orjson.dumps(call.fields), timeout)
            kind: type[TelegramMethod[Any]] = getattr(aiogram.methods, call.method[0].upper() + call.method[1:])
            return await self._bot(kind(**_with_files(call)), request_timeout=cast("int", timeout))
        except (ClientError, OSError, TimeoutError) as error:
            failure = _said(error)
        raise failure

    def _head(self, direct: HttpClient, method: str) -> bytes:
        head = self._heads.get(method)
        if head is None:
            url = self._session.api.api_url(token=self._bot.token, method=method)
            head = self._heads[method] = direct.head("POST", url, _JSON)
        return head

    async def download(self, path: str, limit: int) -> bytes:
        session = await self._session.create_session()
        url = self._session.api.file_url(self._bot.token, path)
        try:
            async with session.get(url, timeout=_timeout(self._session.timeout), allow_redirects=False) as response:
                if response.status != 200:
                    raise NotOk(Answer(response.status, f"HTTP {response.status} for a file"))
                found = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    found += chunk
                    if len(found) > limit:
                        raise TooLarge
                return bytes(found)
        except (ClientError, OSError, TimeoutError) as error:
            failure = _said(error)
        raise failure


def _said(error: Exception) -> NeverLeft | NoAnswer:
    return NeverLeft(reason(error)) if never_left(error) else NoAnswer(reason(error))


def _with_files(call: Call) -> dict[str, Any]:
    """The call's fields with its files in their places, as aiogram wants them."""
    files = {
        name: BufferedInputFile(attachment.content, filename=attachment.name) for name, attachment in call.files.items()
    }
    fields: dict[str, Any] = {**call.fields, **{name: file for name, file in files.items() if not _named(call, name)}}
    if "media" in fields:
        fields["media"] = [
            {**item, "media": files[item["media"].removeprefix(ATTACHED)]} for item in call.fields["media"]
        ]
    return fields


def _named(call: Call, name: str) -> bool:
    """Whether a file is named from within ``media`` instead of being a field itself."""
    return any(item["media"] == ATTACHED + name for item in call.fields.get("media", ()))


def _timeout(total: float) -> ClientTimeout:
    return ClientTimeout(total=total, connect=min(total, CONNECT_SECONDS * 1.5), sock_connect=CONNECT_SECONDS)
