"""The Bot API by aiogram. Importing this module costs seconds, so only the adapter's ``open`` does, in a thread.

aiogram's session is ours in four things: time-outs are told apart by phase and redirects not followed; an answer that
is not "ok" keeps its HTTP status; what has no files goes as one JSON body; and a result stays the JSON as it came. The
last two halve the work for a message: a form quotes every letter that is not English, and a model of the whole answer
is built to read two numbers of it.
"""

from typing import Any, cast

import aiogram.methods
import orjson
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import SendDocument, SendMediaGroup, SendPhoto, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import BufferedInputFile
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from channels.connection import never_left, reason
from channels.telegram.answers import Answer, NotOk
from channels.telegram.calls import ATTACHED, Call
from channels.telegram.client import CONNECT_SECONDS, SPARE_CONNECTIONS, NeverLeft, NoAnswer, TooLarge, result_of
from channels.telegram.settings import TelegramSettings

_CHUNK = 65536
_WITH_FILES = (SendPhoto, SendDocument, SendMediaGroup)
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
        """As aiogram's, but a redirect is not followed: it would post the message again."""
        session = await self.create_session()
        plain = not isinstance(method, _WITH_FILES)
        async with session.post(
            self.api.api_url(token=bot.token, method=method.__api_method__),
            data=_json(method) if plain else self.build_form_data(bot=bot, method=method),
            headers=_JSON if plain else None,
            timeout=_timeout(self.timeout if timeout is None else timeout),
            allow_redirects=False,
        ) as response:
            content = await response.read()
        return cast("TelegramType", result_of(response.status, content))


class AiogramClient:
    """One bot over one pool of connections."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._session = _Session(settings)
        self._bot = Bot(settings.token, session=self._session)

    async def open(self) -> None:
        await self._session.create_session()

    async def close(self) -> None:
        await self._session.close()

    async def call(self, call: Call, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - per request, in seconds
        kind: type[TelegramMethod[Any]] = getattr(aiogram.methods, call.method[0].upper() + call.method[1:])
        method = kind(**_with_files(call)) if call.files else kind.model_construct(**call.fields)
        try:
            return await self._bot(method, request_timeout=cast("int", timeout))
        except (ClientError, OSError, TimeoutError) as error:
            failure = _said(error)
        raise failure

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


def _json(method: TelegramMethod[Any]) -> bytes:
    """The fields that were given: they are plain JSON values, rendered by us and never validated twice."""
    return orjson.dumps({name: getattr(method, name) for name in method.model_fields_set})


def _with_files(call: Call) -> dict[str, Any]:
    """The call's fields with its files in their places, as aiogram wants them."""
    if not call.files:
        return dict(call.fields)
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
