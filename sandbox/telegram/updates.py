"""Updates on their way to the bot: kept 24 hours, fetched by long polling or posted to a webhook until taken."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.clock import BusinessClock
from sandbox.faults import Faults
from sandbox.outbound import Outbound
from sandbox.telegram.errors import refused

KEPT = 24 * 3600 * 1_000_000  # microseconds an update waits before it is dropped
DEFAULT_TYPES = frozenset({"message", "edited_message", "callback_query", "my_chat_member"})
_RETRY_FIRST, _RETRY_LIMIT = 1.0, 900.0  # seconds of business time between deliveries
_ABSENT_TRIES, _ABSENT_PAUSE = 40, 0.25  # a receiver that restarts is waited for by machine time, the clock standing

Reaction = Callable[[str, dict[str, Any]], Awaitable[object]]


@dataclass(slots=True)
class Webhook:
    """Where updates are posted."""

    url: str
    secret: str | None = None
    max_connections: int = 40
    last_error_at: int | None = None
    last_error: str | None = None


class Updates:
    """The queue of one bot."""

    def __init__(self, *, clock: BusinessClock, faults: Faults, outbound: Outbound, first_id: int) -> None:
        self._clock = clock
        self._faults = faults
        self._outbound = outbound
        self._next_id = first_id
        self._pending: dict[int, tuple[int, dict[str, Any], int]] = {}  # id: (made at, update, copies)
        self._arrived = asyncio.Event()
        self._poller: asyncio.Event | None = None
        self._posting: set[int] = set()
        self.allowed = DEFAULT_TYPES
        self.webhook: Webhook | None = None
        self.on_reaction: Reaction | None = None

    @property
    def undelivered(self) -> int:
        """Updates that nobody confirmed yet."""
        return len(self._pending)

    @property
    def polled(self) -> bool:
        """Whether somebody waits for updates now."""
        return self._poller is not None

    async def add(self, kind: str, content: dict[str, Any], user_id: int) -> bool:
        """Queue an update and, with a webhook, try to deliver it. True unless the bot does not want its kind."""
        if kind not in self.allowed:
            return False
        update_id, self._next_id = self._next_id, self._next_id + 1
        copies = self._faults.copies("telegram", "telegram", str(user_id))
        update = {"update_id": update_id, kind: content}
        self._pending[update_id] = (self._clock.micros(), update, copies)
        self._arrived.set()
        if self.webhook is not None:
            await self._post(update_id, _RETRY_FIRST)
        return True

    async def poll(self, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        """getUpdates: forget those before ``offset`` and wait for others. A later poller ends this one with 409."""
        if self.webhook is not None:
            words = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise refused(409, words)
        if self._poller is not None:
            self._poller.set()
        displaced = self._poller = asyncio.Event()
        try:
            self._confirm(offset)
            found = self._take(limit)
            if found or seconds <= 0:
                return found
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            while not found and loop.time() < end:
                self._arrived.clear()
                waits = [asyncio.ensure_future(self._arrived.wait()), asyncio.ensure_future(displaced.wait())]
                try:
                    timeout = end - loop.time()
                    await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for wait in waits:
                        wait.cancel()
                if displaced.is_set():
                    words = "terminated by other getUpdates request; make sure that only one bot instance is running"
                    raise refused(409, words)
                found = self._take(limit)
            return found
        finally:
            if self._poller is displaced:
                self._poller = None

    async def set_webhook(self, webhook: Webhook | None, *, drop_pending: bool) -> None:
        """Post updates to ``webhook`` from now on (None: keep them for polling), those that wait first."""
        if drop_pending:
            self._pending.clear()
        self.webhook = webhook
        if webhook is not None:
            if self._poller is not None:
                self._poller.set()
            for update_id in list(self._pending):
                self._clock.schedule(0, lambda number=update_id: self._post(number, _RETRY_FIRST))  # type: ignore[misc]

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            keep = set(list(self._pending)[offset:])
            self._pending = {number: kept for number, kept in self._pending.items() if number in keep}
            return
        for number in [number for number in self._pending if number < offset]:
            del self._pending[number]

    def _take(self, limit: int) -> list[dict[str, Any]]:
        oldest = self._clock.micros() - KEPT
        for number in [number for number, (at, _, _) in self._pending.items() if at < oldest]:
            del self._pending[number]
        found: list[dict[str, Any]] = []
        for _, update, copies in self._pending.values():
            found.extend([update] * copies)
            if len(found) >= limit:
                break
        return found[:limit]

    async def _post(self, update_id: int, delay: float) -> None:
        """One delivery; on failure the next is scheduled after ``delay``, which grows."""
        webhook, kept = self.webhook, self._pending.get(update_id)
        if webhook is None or kept is None or update_id in self._posting:
            return
        at, update, copies = kept
        if self._clock.micros() - at > KEPT:
            del self._pending[update_id]
            return
        self._posting.add(update_id)
        try:
            taken = False
            for _ in range(copies):
                taken = await self._deliver(webhook, orjson.dumps(update)) or taken
        finally:
            self._posting.discard(update_id)
        if taken:
            self._pending.pop(update_id, None)
        elif update_id in self._pending:
            self._clock.schedule(delay, lambda: self._post(update_id, min(delay * 2, _RETRY_LIMIT)))

    async def _deliver(self, webhook: Webhook, body: bytes) -> bool:
        headers = {"Content-Type": "application/json"}
        if webhook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret
        answer = await self._outbound.request("POST", webhook.url, data=body, headers=headers)
        tries = 1
        while answer.status == 0 and not answer.timed_out and not self._clock.flowing and tries < _ABSENT_TRIES:
            await asyncio.sleep(_ABSENT_PAUSE)
            answer = await self._outbound.request("POST", webhook.url, data=body, headers=headers)
            tries += 1
        if not answer.ok:
            webhook.last_error_at = self._clock.micros()
            words = f"Wrong response from the webhook: {answer.status}" if answer.status else answer.error
            webhook.last_error = words
            return False
        if answer.content_type == "application/json" and self.on_reaction is not None:
            await self._react(answer.body, self.on_reaction)
        return True

    @staticmethod
    async def _react(body: bytes, reaction: Reaction) -> None:
        """A webhook may answer with one method call; its result is not reported."""
        try:
            call = orjson.loads(body)
        except orjson.JSONDecodeError:
            return
        if isinstance(call, dict) and isinstance(call.get("method"), str):
            await reaction(call.pop("method"), call)
