"""The Bot API by python-telegram-bot: no retries, no rate limiter, our time-outs and our proxy.

python-telegram-bot reads every refusal into an exception of its own, which loses the HTTP status; its request object is
therefore ours, on httpx as its own is, and an answer is read where it arrives.
"""

import asyncio
import logging
from typing import Any

import httpx
from telegram import Bot, InputFile, InputMedia, InputMediaDocument, InputMediaPhoto, MessageEntity
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from channels.telegram.answers import Answer, NotOk
from channels.telegram.calls import ATTACHED, Call
from channels.telegram.client import CONNECT_SECONDS, SPARE_CONNECTIONS, NeverLeft, NoAnswer, TooLarge, result_of
from channels.telegram.settings import TelegramSettings

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_MEDIA: dict[str, type[InputMediaPhoto] | type[InputMediaDocument]] = {
    "photo": InputMediaPhoto,
    "document": InputMediaDocument,
}


class _Told(TelegramError):
    """Carries what we know of a request past python-telegram-bot, which lets its own exceptions through."""

    def __init__(self, failure: NotOk | NeverLeft | NoAnswer) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Request(BaseRequest):
    """One pool of connections. Time-outs are in seconds; a redirect is not followed."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._timeout = settings.timeout
        self._http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=settings.sessions + SPARE_CONNECTIONS),
            proxy=settings.proxy or None,
            trust_env=False,  # the proxy is a setting of the account
        )

    async def initialize(self) -> None:
        """Nothing: connections are made as they are needed."""

    async def shutdown(self) -> None:
        await self._http.aclose()

    @property
    def read_timeout(self) -> float:
        return self._timeout

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """As :class:`BaseRequest` wants it, but an answer that is not "ok" is raised here."""
        total = read_timeout if isinstance(read_timeout, int | float) else self._timeout
        try:
            async with asyncio.timeout(total + CONNECT_SECONDS):
                answer = await self._http.request(
                    method,
                    url,
                    data=request_data.json_parameters if request_data else None,
                    files=(request_data.multipart_data if request_data else None) or None,
                    timeout=_timeout(total),
                )
            result_of(answer.status_code, answer.content)
        except NotOk as refusal:
            failure: NotOk | NeverLeft | NoAnswer = refusal
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # TimeoutError is an OSError
            failure = _said(error)
        else:
            return answer.status_code, answer.content
        raise _Told(failure)

    async def fetch(self, url: str, limit: int) -> bytes:
        """What is at ``url``, of at most ``limit`` bytes."""
        try:
            async with (
                asyncio.timeout(self._timeout + CONNECT_SECONDS),
                self._http.stream("GET", url, timeout=_timeout(self._timeout)) as answer,
            ):
                if answer.status_code != 200:
                    raise NotOk(Answer(answer.status_code, f"HTTP {answer.status_code} for a file"))
                found = bytearray()
                async for chunk in answer.aiter_bytes():
                    found += chunk
                    if len(found) > limit:
                        raise TooLarge
                return bytes(found)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            failure = _said(error)
        raise failure


class _Bot(Bot):
    """A bot whose every method goes by :meth:`Bot.do_api_request`, which gives the plain result."""

    @classmethod
    def _warn(cls, *_: Any, **__: Any) -> None:
        """Not that a method of its own would do the same: that one makes objects that nobody reads."""


class PtbClient:
    """One bot over one pool of connections."""

    def __init__(self, settings: TelegramSettings) -> None:
        for name in ("httpx", "telegram"):  # httpx tells of every URL, and that holds the token
            logging.getLogger(name).setLevel(logging.WARNING)
        self._request = _Request(settings)
        self._files = f"{settings.address}/file/bot{settings.token}"
        self._bot = _Bot(
            settings.token,
            base_url=f"{settings.address}/bot",
            request=self._request,
            get_updates_request=self._request,
        )

    async def open(self) -> None:
        await self._request.initialize()

    async def close(self) -> None:
        await self._request.shutdown()

    async def call(self, call: Call, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - per request, in seconds
        seconds = self._request.read_timeout if timeout is None else timeout
        try:
            return await self._bot.do_api_request(call.method, api_kwargs=_with_files(call), read_timeout=seconds)
        except _Told as told:
            failure: Exception = told.failure
        except TelegramError as error:
            failure = NoAnswer(type(error).__name__)
        raise failure

    async def download(self, path: str, limit: int) -> bytes:
        return await self._request.fetch(f"{self._files}/{path}", limit)


def _with_files(call: Call) -> dict[str, Any]:
    """The call's fields with its files in their places, as python-telegram-bot wants them."""
    if "media" in call.fields:
        return {**call.fields, "media": [_medium(item, call) for item in call.fields["media"]]}
    files = {
        name: InputFile(attachment.content, filename=attachment.name, attach=False)
        for name, attachment in call.files.items()
    }
    return {**call.fields, **files}


def _medium(item: dict[str, Any], call: Call) -> InputMedia:
    file = call.files[item["media"].removeprefix(ATTACHED)]
    entities = [MessageEntity(**entity) for entity in item.get("caption_entities", ())]
    return _MEDIA[item["type"]](
        file.content,
        filename=file.name,
        caption=item.get("caption"),
        parse_mode=item.get("parse_mode"),
        caption_entities=entities or None,
    )


def _said(error: Exception) -> NeverLeft | NoAnswer:
    """``error`` in words, without the URL."""
    if isinstance(error, httpx.ConnectError):
        return NeverLeft("no connection, or no address for it")
    if isinstance(error, _NEVER_LEFT):
        return NeverLeft("timed out" if isinstance(error, httpx.TimeoutException) else type(error).__name__)
    timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
    return NoAnswer("timed out" if timed_out else type(error).__name__)


def _timeout(total: float) -> httpx.Timeout:
    return httpx.Timeout(total, connect=min(total, CONNECT_SECONDS), pool=CONNECT_SECONDS)
