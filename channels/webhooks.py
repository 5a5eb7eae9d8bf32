"""Where providers call us: verify, store durably, acknowledge. Nothing is interpreted here.

A provider that gets no 2xx calls again, so an answer is given only once the delivery is safe, and a forged or oversized
request costs a bounded read and nothing else. A plain ASGI application: a framework's work for a request would cost
more than storing it.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from channels.adapter import NotADelivery, ReceivesLargeBodies, ReceivesWebhooks, WebhookRequest
from channels.deadlines import Deadlines, Within
from core.errors import StoreUnavailable
from core.messages import RawInbound

PREFIX = "/webhooks/"
MAX_BODY = 1024 * 1024
READ_SECONDS = 10.0
LARGE_AT_ONCE = 4
"""Bodies over ``MAX_BODY`` that are in memory at the same time; the next one is asked to call again."""
LARGE_READ_SECONDS = 60.0
ANSWER_SECONDS = 12.0
"""For reading and storing together: Twilio waits 15 s for an answer."""


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
        ClientDisconnect: the rest never came.
    """
    async with asyncio.timeout(READ_SECONDS if seconds is None else seconds):
        return await _read(request.receive, request.headers, limit)


async def _read(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    stated = headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        found: bytes = message.get("body", b"")
        size += len(found)
        if size > limit:
            raise BodyTooLarge
        if message.get("more_body", False):
            chunks.append(found)
        else:
            return b"".join([*chunks, found]) if chunks else found


class _Answer(NamedTuple):
    """A whole answer, ready to be given again and again."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def words(cls, status: int, words: str = "", headers: Iterable[tuple[bytes, bytes]] = ()) -> "_Answer":
        return cls.of(status, "text/plain; charset=utf-8", words.encode(), headers)

    @classmethod
    def of(cls, status: int, kind: str, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> "_Answer":
        stated = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        return cls(status, [*stated, *headers], body)


_CLOSE = (b"connection", b"close")
_LATER = (b"retry-after", b"5")
_STORED = _Answer(204, [], b"")
_NOT_STORED = _Answer.words(503, "not stored, call again", [_LATER])
_NOT_SIGNED = _Answer.words(403, "not signed by the provider")
_NOT_ADMITTED = _Answer.words(403, "not allowed to deliver here", [_CLOSE])
_UNKNOWN = _Answer.words(404, "no such account")
_OTHER_METHOD = _Answer.words(405, "not by this method")
_TOO_LARGE = _Answer.words(413, "too large", [_CLOSE])
_TOO_SLOW = _Answer.words(408, "too slow", [_CLOSE])
_BUSY = _Answer.words(503, "busy, call again", [_LATER, _CLOSE])
_GONE = _Answer.words(400)


class _Refused(Exception):
    """The body is not read; ``answer`` says why."""

    def __init__(self, answer: _Answer) -> None:
        self.answer = answer


class _Headers(Mapping[str, str]):
    """A request's headers by name, which is lower in ASGI; of several alike the first. Who looks at one decodes one."""

    __slots__ = ("_raw",)

    def __init__(self, scope: Scope) -> None:
        self._raw: dict[bytes, bytes] = dict(reversed(scope["headers"]))

    def __getitem__(self, name: str) -> str:
        return self._raw[name.encode("latin-1", "replace")].decode("latin-1")

    def get(self, name: str, default: Any = None) -> Any:
        """As of a mapping, in one call: this is asked at every request."""
        found = self._raw.get(name.encode("latin-1", "replace"))
        return default if found is None else found.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class _Hook(NamedTuple):
    """An account with what is asked of it at each call, asked once: a look at a Protocol takes microseconds."""

    account: ReceivesWebhooks
    large: ReceivesLargeBodies | None
    methods: Collection[str]
    stored: _Answer

    @classmethod
    def of(cls, account: ReceivesWebhooks) -> "_Hook":
        methods = account.webhook_methods if isinstance(account, CalledOtherwise) else ("POST",)
        return cls(
            account,
            account if isinstance(account, ReceivesLargeBodies) else None,
            methods,
            _Answer.of(200, *account.webhook_answer) if isinstance(account, AnswersWebhooks) else _STORED,
        )


class Webhooks:
    """``/webhooks/{account}`` for every account in ``accounts`` (looked up at each call); POST, or as its adapter says.

    ``public_url`` is the base under which the world reaches these routes: what a provider signs, whatever proxy stands
    between. Answers: 200 or 204 stored; 403 forged; 404 no such account; 405 another method; 408, 413 too slow, too
    large; 422 nothing to store; 503 not stored.
    """

    def __init__(self, accounts: Mapping[str, ReceivesWebhooks], spool: Spool, *, public_url: str) -> None:
        self._accounts = accounts
        self._spool = spool
        self._base = public_url.rstrip("/")
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._deadlines = Deadlines()
        self._hooks: dict[str, _Hook] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        hook = self._hook(scope["path"].removeprefix(PREFIX))
        if hook is None:
            return _UNKNOWN
        if scope["method"] not in hook.methods:
            return _OTHER_METHOD
        headers = _Headers(scope)
        body: bytes | None = None
        try:
            if hook.large is not None:
                body = await self._large_body(hook.large, self._request(scope, headers, b""), receive)
            with Within(self._deadlines, ANSWER_SECONDS):  # one for both
                if body is None:
                    body = await _read(receive, headers, MAX_BODY)
                inbound = hook.account.receive(self._request(scope, headers, body))
                if inbound is None:
                    return _NOT_SIGNED
                await self._spool.store(inbound)
        except TimeoutError:
            return _TOO_SLOW if body is None else _NOT_STORED
        except _Refused as refused:
            return refused.answer
        except BodyTooLarge:
            return _TOO_LARGE
        except ClientDisconnect:
            return _GONE
        except NotADelivery as error:
            return _Answer.words(422, str(error))
        except StoreUnavailable:
            return _NOT_STORED
        return hook.stored

    async def _large_body(self, account: ReceivesLargeBodies, head: WebhookRequest, receive: Receive) -> bytes:
        """The body that follows ``head``; only who is admitted by the head may send much."""
        if not account.admits(head):
            raise _Refused(_NOT_ADMITTED)
        if self._large.locked():
            raise _Refused(_BUSY)
        async with self._large, asyncio.timeout(LARGE_READ_SECONDS):
            return await _read(receive, head.headers, account.largest_delivery)

    def _request(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> WebhookRequest:
        return WebhookRequest(scope["method"], self._base + _target(scope), headers, body)

    def _hook(self, name: str) -> _Hook | None:
        account = self._accounts.get(name)
        if account is None:
            return None
        hook = self._hooks.get(name)
        if hook is None or hook.account is not account:
            hook = self._hooks[name] = _Hook.of(account)
        return hook


def webhook_router(accounts: Mapping[str, ReceivesWebhooks], spool: Spool, *, public_url: str) -> APIRouter:
    """:class:`Webhooks` as a route, for an application that does not put them in front of its routes."""
    return APIRouter(routes=[Route(PREFIX + "{account}", Webhooks(accounts, spool, public_url=public_url))])


def _target(scope: Scope) -> str:
    """Path and query as they came over the wire: a signature covers every byte of them."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
