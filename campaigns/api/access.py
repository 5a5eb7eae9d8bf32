"""Who is asking, whether they may, how often, and how much they may say at once."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from fastapi import Request

from campaigns.api.keys import ENVIRONMENT, Caller, Scope, note_use, recognise
from campaigns.api.problems import Problem
from core.clock import Clock, machine_now, uptime
from core.errors import StoreUnavailable
from storage.store import Store

log = structlog.get_logger(__name__)
LARGEST_BODY = 4 * 1024 * 1024
BODY_SECONDS = 20.0
STORE_SECONDS = 20.0
BURST_SECONDS = 10.0
_MOST_BUCKETS = 10_000


@dataclass(slots=True)
class Rates:
    """A bucket of tokens a caller: ``rate`` requests a second, ten seconds of them at once. In this process only."""

    rate: float
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, caller: str) -> float:
        """Take a token: 0, or how many seconds to wait for one."""
        now = uptime()
        full = max(1.0, self.rate * BURST_SECONDS)
        tokens, at = self._buckets.get(caller, (full, now))
        tokens = min(full, tokens + (now - at) * self.rate)
        if tokens < 1:
            self._buckets[caller] = (tokens, now)
            return (1 - tokens) / self.rate
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.clear()
        self._buckets[caller] = (tokens - 1, now)
        return 0.0


@dataclass(slots=True)
class Door:
    """What every route asks first."""

    store: Store
    clock: Clock
    token: str
    rates: Rates
    on_event: Callable[[], Awaitable[None]]

    async def admit(self, request: Request, scope: Scope) -> Caller:
        """The caller of a request.

        Raises:
            Problem: 401 without a valid key, 403 without the scope, 429 too often, 503 if nobody can be asked.
        """
        caller = await self._caller(request)
        if caller is None:
            raise Problem(
                401, "send the header Authorization: Bearer KEY; `otklik key create` makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        wait = self.rates.take(caller.id)
        if wait:
            seconds = max(1, int(wait + 0.999))
            raise Problem(
                429, f"this key may send {self.rates.rate:g} requests a second; wait {seconds} s",
                headers={"Retry-After": str(seconds)},
            )  # fmt: skip
        if scope not in caller.scopes:
            raise Problem(403, f"key {caller.name!r} has no scope {scope.value}", scope=scope.value)
        return caller

    async def _caller(self, request: Request) -> Caller | None:
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        presented = presented.strip()
        if scheme.lower() != "bearer" or not presented or len(presented) > 500:
            return None
        if self.token and hmac.compare_digest(presented.encode(), self.token.encode()):
            return Caller(ENVIRONMENT, "OTKLIK_API_TOKEN", frozenset(Scope))
        now = machine_now()
        async with asyncio.timeout(STORE_SECONDS), self.store.read() as connection:
            found = await recognise(connection, presented, now)
        if found is None:
            return None
        caller, stale = found
        if stale:
            try:
                async with asyncio.timeout(STORE_SECONDS), self.store.write() as connection:
                    await note_use(connection, caller, now)
            except (StoreUnavailable, TimeoutError) as error:
                log.warning("the use of a key was not noted", key=caller.name, error=str(error))
        return caller


async def read_json(request: Request, limit: int = LARGEST_BODY) -> tuple[bytes, Any]:
    """The body as it came, and what it says.

    Raises:
        Problem: 413, 415, 400.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"send application/json, not {kind[:80]!r}")
    stated = request.headers.get("content-length", "")
    too_large = Problem(413, f"send at most {limit:,} bytes at once", headers={"Connection": "close"})
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise Problem(400, f"the body did not arrive within {BODY_SECONDS:.0f} seconds") from None
    content = b"".join(parts)
    try:
        return content, orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
