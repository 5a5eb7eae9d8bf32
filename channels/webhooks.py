"""Where providers call us: verify, store durably, acknowledge. Nothing is interpreted here.

A provider that gets no 2xx calls again, so an answer is given only once the delivery is safe, and a forged or oversized
request costs a bounded read and nothing else.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from channels.adapter import NotADelivery, ReceivesLargeBodies, ReceivesWebhooks, WebhookRequest
from core.errors import StoreUnavailable
from core.messages import RawInbound

MAX_BODY = 1024 * 1024
READ_SECONDS = 10.0
LARGE_AT_ONCE = 4
"""Bodies over ``MAX_BODY`` that are in memory at the same time; the next one is asked to call again."""
LARGE_READ_SECONDS = 60.0
STORE_SECONDS = 10.0  # Twilio waits 15 s for an answer


class Spool(Protocol):
    """Where deliveries are safe."""

    async def store(self, inbound: list[RawInbound]) -> None:
        """Keep ``inbound`` durably before returning; repeats of a key are dropped.

        Raises:
            StoreUnavailable: nothing of it was kept.
        """
        ...


@runtime_checkable
class AnswersWebhooks(Protocol):
    """An adapter whose provider wants a body in the acknowledgement: (media type, body)."""

    @property
    def webhook_answer(self) -> tuple[str, bytes]: ...


@runtime_checkable
class CalledOtherwise(Protocol):
    """An adapter whose provider calls by other methods than POST."""

    @property
    def webhook_methods(self) -> Collection[str]: ...


class BodyTooLarge(Exception):
    """The request has more bytes than are read."""


async def read_body(request: Request, limit: int, seconds: float | None = None) -> bytes:
    """The request's body of at most ``limit`` bytes, within ten ``seconds`` unless said otherwise.

    Raises:
        BodyTooLarge: it is longer; the rest was not read.
        TimeoutError: it came too slowly.
    """
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise BodyTooLarge
    chunks, size = [], 0
    async with asyncio.timeout(READ_SECONDS if seconds is None else seconds):
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            chunks.append(chunk)
    return b"".join(chunks)


def webhook_router(accounts: Mapping[str, ReceivesWebhooks], spool: Spool, *, public_url: str) -> APIRouter:
    """``/webhooks/{account}`` for every account in ``accounts`` (looked up at each call); POST, or as its adapter says.

    ``public_url`` is the base under which the world reaches these routes: what a provider signs, whatever proxy stands
    between. Answers: 200 or 204 stored; 403 forged; 404 no such account; 405 another method; 408, 413 too slow, too
    large; 503 not stored.
    """
    base = public_url.rstrip("/")
    large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def deliver(request: Request) -> Response:
        account = accounts.get(request.path_params["account"])
        if account is None:
            return PlainTextResponse("no such account", 404)
        if request.method not in (account.webhook_methods if isinstance(account, CalledOtherwise) else ("POST",)):
            return PlainTextResponse("not by this method", 405)
        head = WebhookRequest(request.method, base + _target(request), request.headers, b"")
        body = await _body_or_refusal(request, account, head, large)
        if isinstance(body, Response):
            return body
        try:
            inbound = account.receive(replace(head, body=body))
        except NotADelivery as error:
            return PlainTextResponse(str(error), 422)
        if inbound is None:
            return PlainTextResponse("not signed by the provider", 403)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await spool.store(inbound)
        except (StoreUnavailable, TimeoutError):
            return PlainTextResponse("not stored, call again", 503, {"retry-after": "5"})
        if isinstance(account, AnswersWebhooks):
            media_type, answer = account.webhook_answer
            return Response(answer, 200, media_type=media_type)
        return Response(status_code=204)

    router = APIRouter()
    router.add_route("/webhooks/{account}", deliver, methods=["POST", "GET"])
    return router


async def _body_or_refusal(
    request: Request, account: ReceivesWebhooks, head: WebhookRequest, large: asyncio.Semaphore
) -> bytes | Response:
    """The body, or why it is not read to its end. Only who is admitted by the head may send much."""
    try:
        if not isinstance(account, ReceivesLargeBodies):
            return await read_body(request, MAX_BODY)
        if not account.admits(head):
            return PlainTextResponse("not allowed to deliver here", 403, {"connection": "close"})
        if large.locked():
            return PlainTextResponse("busy, call again", 503, {"retry-after": "5", "connection": "close"})
        async with large:
            return await read_body(request, account.largest_delivery, LARGE_READ_SECONDS)
    except BodyTooLarge:
        return PlainTextResponse("too large", 413, {"connection": "close"})
    except TimeoutError:
        return PlainTextResponse("too slow", 408, {"connection": "close"})
    except ClientDisconnect:
        return Response(status_code=400)


def _target(request: Request) -> str:
    """Path and query as they came over the wire: a signature covers every byte of them."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    return (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
