"""What recipients do with a message outside of answering it: follow a link, open it, unsubscribe, put us off.

Every address carries a signed token. Machines open links too, hence: a HEAD records nothing, a GET never unsubscribes,
and a redirect goes only to a target that the message itself holds.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from channels.pages import (
    HEADERS,
    ask_page,
    ask_rest_page,
    busy_page,
    done_page,
    locale_of,
    lost_page,
    preferred_locale,
    rested_page,
)
from channels.webhooks import BodyTooLarge, read_body
from core.errors import StoreUnavailable
from core.ids import ID_LENGTH
from core.tokens import Signer

CLICK, OPEN, UNSUBSCRIBE, NOT_NOW = "click", "open", "unsubscribe", "not_now"
"""Purposes of the tokens. A click's payload is the message's id and then the link's."""
LINK_ID_LENGTH = 10
SCHEMES = ("https://", "http://", "tg://", "mailto:", "tel:")
MAX_FORM = 8192
SECONDS = 10.0
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


T = TypeVar("T")


class Recipient(Protocol):
    """Who a page speaks to: their locale and the brand that wrote to them."""

    @property
    def locale(self) -> str: ...

    @property
    def brand(self) -> str: ...


class Engagement(Protocol):
    """Records what recipients do. Each may raise StoreUnavailable, and then recorded nothing."""

    async def clicked(self, message_id: str, link_id: str) -> str | None:
        """Record the click and give the link's stored target; None where the message has no such link."""
        ...

    async def opened(self, message_id: str) -> None: ...

    async def recipient(self, message_id: str) -> Recipient | None:
        """Whom the message went to; None where there is no such message."""
        ...

    async def unsubscribed(self, message_id: str, *, one_click: bool) -> None:
        """Withdraw marketing on every channel; again changes nothing. ``one_click`` is RFC 8058's POST."""
        ...

    async def rested(self, message_id: str) -> None:
        """Keep marketing from the message's recipient for 30 days."""
        ...


class Health(Protocol):
    """Whether this process can do its work."""

    async def problems(self) -> list[str]:
        """What is wrong, one sentence each; nothing where all is well."""
        ...


class _Routes:
    """The endpoints, with what they need."""

    def __init__(self, engagement: Engagement, health: Health, secret: str) -> None:
        self._engagement = engagement
        self._health = health
        self._clicks, self._opens = Signer(secret, CLICK), Signer(secret, OPEN)
        self._leaving, self._resting = Signer(secret, UNSUBSCRIBE), Signer(secret, NOT_NOW)

    async def click(self, request: Request) -> Response:
        payload = self._clicks.verify(request.path_params["token"])
        if payload is None or len(payload) != ID_LENGTH + LINK_ID_LENGTH:
            return _lost(request)
        if request.method == "HEAD":
            return Response(headers=dict(HEADERS))
        target = await _bounded(self._engagement.clicked(payload[:ID_LENGTH], payload[ID_LENGTH:]))
        if target is None or not target.lower().startswith(SCHEMES):
            return _lost(request)
        return RedirectResponse(target, 302, headers=dict(HEADERS))

    async def pixel(self, request: Request) -> Response:
        message_id = self._opens.verify(request.path_params["token"])
        if message_id is not None and request.method != "HEAD":
            with contextlib.suppress(StoreUnavailable):  # an open decides nothing; a broken picture would be seen
                await _bounded(self._engagement.opened(message_id))
        return Response(PIXEL, media_type="image/gif", headers=dict(HEADERS))

    async def ask(self, request: Request) -> Response:
        _, recipient = await self._known(request, self._leaving)
        if recipient is None:
            return _lost(request)
        return _html(ask_page(_locale(request, recipient), recipient.brand))

    async def ask_rest(self, request: Request) -> Response:
        _, recipient = await self._known(request, self._resting)
        if recipient is None:
            return _lost(request)
        return _html(ask_rest_page(_locale(request, recipient), recipient.brand))

    async def rest(self, request: Request) -> Response:
        message_id, recipient = await self._known(request, self._resting)
        if recipient is None:
            return _lost(request)
        await _bounded(self._engagement.rested(message_id))
        return _html(rested_page(_locale(request, recipient), recipient.brand))

    async def unsubscribe(self, request: Request) -> Response:
        message_id, recipient = await self._known(request, self._leaving)
        if recipient is None:
            return _lost(request)
        try:
            body = await read_body(request, MAX_FORM)
        except BodyTooLarge:
            return PlainTextResponse("too large", 413, {"connection": "close"})
        except (TimeoutError, ClientDisconnect):
            body = b""  # whoever POSTs here with a true token wants out; the body only tells how
        await _bounded(self._engagement.unsubscribed(message_id, one_click=_is_one_click(body)))
        return _html(done_page(_locale(request, recipient), recipient.brand))

    async def healthz(self, _: Request) -> Response:
        try:
            problems = await _bounded(self._health.problems())
        except StoreUnavailable as error:
            problems = [str(error)]
        status = "unavailable" if problems else "ok"
        return JSONResponse({"status": status, "problems": problems}, 503 if problems else 200)

    async def _known(self, request: Request, signer: Signer) -> tuple[str, Recipient | None]:
        message_id = signer.verify(request.path_params["token"])
        if message_id is None:
            return "", None
        return message_id, await _bounded(self._engagement.recipient(message_id))


def tracking_router(engagement: Engagement, health: Health, *, secret: str) -> APIRouter:
    """Routes for clicks, opens, unsubscribing and health; ``secret`` is the workspace's, which signed the links."""
    routes, router = _Routes(engagement, health, secret), APIRouter()
    for path, method, endpoint in (
        ("/c/{token}", "GET", _kept(routes.click)),
        ("/o/{token}.gif", "GET", routes.pixel),
        ("/u/{token}", "GET", _kept(routes.ask)),
        ("/u/{token}", "POST", _kept(routes.unsubscribe)),
        ("/n/{token}", "GET", _kept(routes.ask_rest)),
        ("/n/{token}", "POST", _kept(routes.rest)),
        ("/healthz", "GET", routes.healthz),
    ):
        router.add_route(path, endpoint, methods=[method])  # HEAD comes with GET
    return router


Endpoint = Callable[[Request], Awaitable[Response]]


async def _bounded(work: Awaitable[T]) -> T:
    """``work`` within ten seconds; too slow is unavailable."""
    try:
        async with asyncio.timeout(SECONDS):
            return await work
    except TimeoutError:
        raise StoreUnavailable("the store did not answer in time") from None


def _kept(endpoint: Endpoint) -> Endpoint:
    """``endpoint`` with a page in the recipient's language where the store is away, and 503: machines try again."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except StoreUnavailable:
            return _html(busy_page(_locale(request, None)), 503, {"retry-after": "60"})

    return answered


def _lost(request: Request) -> Response:
    return _html(lost_page(_locale(request, None)), 404)


def _html(page: str, status: int = 200, more: Mapping[str, str] = MappingProxyType({})) -> Response:
    return HTMLResponse(page, status, {**HEADERS, **more})


def _locale(request: Request, recipient: Recipient | None) -> str:
    if recipient is not None and recipient.locale:
        return locale_of(recipient.locale)
    return preferred_locale(request.headers.get("accept-language", ""))


def _is_one_click(body: bytes) -> bool:
    """RFC 8058 §3.2: ``List-Unsubscribe=One-Click``, as a form or as multipart/form-data."""
    if b"List-Unsubscribe=One-Click" in body:
        return True
    return b'name="List-Unsubscribe"' in body and b"One-Click" in body
