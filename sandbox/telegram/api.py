"""The HTTP side of the Bot API: ``/bot<token>/<method>`` in every encoding it takes, and file downloads."""

import hmac
from typing import Any

import orjson
from aiohttp import web

from sandbox.faults import Fault, Faults
from sandbox.telegram.bot import Bot
from sandbox.telegram.errors import NOT_FOUND, UNAUTHORIZED, TelegramError
from sandbox.telegram.files import SentFile
from sandbox.telegram.methods import SENDING, STRUCK, Methods
from sandbox.wire import json_response, read_form, suffer


class TelegramApi:
    """Routes of one bot."""

    def __init__(self, *, bot: Bot, methods: Methods, faults: Faults) -> None:
        self._bot = bot
        self._methods = methods
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.route("*", "/bot{token:[^/]+}/{method}", self.call),
            web.get("/file/bot{token:[^/]+}/{path:.+}", self.download),
        ]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One method. A message that is accepted is in the ledger before anything is answered."""
        try:
            self._authenticate(request)
            name = request.match_info["method"]
            params = await _read(request)
            fault = None
            if name.lower() in STRUCK:
                fault = self._faults.strike("telegram", "telegram", str(params.get("chat_id") or ""))
            if fault is None:
                return json_response({"ok": True, "result": await self._methods.call(name, params)})
            return await self._misbehave(request, fault, name, params)
        except TelegramError as error:
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
            return json_response(error.as_json(), error.code, headers)

    async def download(self, request: web.Request) -> web.Response:
        """A file's bytes."""
        try:
            self._authenticate(request)
        except TelegramError as error:
            return json_response(error.as_json(), error.code)
        upload = self._bot.files.find(request.match_info["path"])
        if upload is None or upload.data is None:
            return json_response(NOT_FOUND.as_json(), 404)
        return web.Response(body=upload.data, content_type="application/octet-stream")

    def _authenticate(self, request: web.Request) -> None:
        given = request.match_info["token"]
        if ":" not in given:
            raise NOT_FOUND
        if not hmac.compare_digest(given.encode(), self._bot.token.encode()):
            raise UNAUTHORIZED

    async def _misbehave(
        self, request: web.Request, fault: Fault, name: str, params: dict[str, Any]
    ) -> web.StreamResponse:
        refusal = _refusal(fault)
        if fault.kind == "drop_before" or (fault.kind == "status" and not fault.accepted):
            if name.lower() in SENDING:
                text = str(params.get("text") or "")
                self._methods.record(params, text, accepted=False, code=fault.code, fault=fault.label)
            if fault.kind == "status":
                raise refusal
            await suffer(request, fault)
            return web.Response()
        result = await self._methods.call(name, params, fault.label)
        if fault.kind == "status":
            raise refusal
        await suffer(request, fault)
        return json_response({"ok": True, "result": result})


_WORDS = {
    400: "Bad Request: chat not found",
    403: "Forbidden: bot was blocked by the user",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def _refusal(fault: Fault) -> TelegramError:
    if fault.code == 429:
        wait = fault.retry_after or 1
        return TelegramError(429, fault.body or f"Too Many Requests: retry after {wait}", wait)
    return TelegramError(fault.code, fault.body or _WORDS.get(fault.code, "Error"), fault.retry_after)


async def _read(request: web.Request) -> dict[str, Any]:
    """Parameters from the query string and from a JSON, url-encoded or multipart body (files as SentFile)."""
    params: dict[str, Any] = dict(request.query)
    kind = request.content_type
    if kind == "application/json":
        try:
            body = orjson.loads(await request.read() or b"{}")
        except orjson.JSONDecodeError:
            raise TelegramError(400, "Bad Request: can't parse JSON object") from None
        if isinstance(body, dict):
            params |= body
    elif kind == "multipart/form-data":
        try:
            form = await request.post()
        except web.HTTPRequestEntityTooLarge:
            raise TelegramError(413, "Request Entity Too Large") from None
        for name, value in form.items():
            if isinstance(value, web.FileField):
                params[name] = SentFile(value.filename, value.file.read())
            else:
                params[name] = value
    elif request.can_read_body:
        params |= {name: values[-1] for name, values in (await read_form(request)).items()}
    return params
