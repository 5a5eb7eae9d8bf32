"""A bot's account at Telegram.

Bot API: https://core.telegram.org/bots/api (read 2026-11). Quirks: a message id is unique in its chat only, so ours is
``chat:message``; webhook and getUpdates exclude each other; a timed-out sendMessage may have been delivered; about one
message a second a chat and thirty a second in all.
"""

import asyncio
import hmac
import importlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

from channels.adapter import Capabilities, Rate, WebhookRequest
from channels.connection import never_left, reason
from channels.telegram.answers import NotOk, failure_of
from channels.telegram.rendering import TEXT_LIMIT, render
from channels.telegram.updates import ALLOWED_UPDATES, callback_query_id, parse, provider_id, raw_update
from core.errors import ChannelFault, ConfigurationError, SendFailure, TransientFailure, UnknownOutcome
from core.messages import TELEGRAM, ChannelEvent, OutboundMessage, RawInbound, Receipt

if TYPE_CHECKING:
    from channels.telegram.client import BotClient

_TOKEN = re.compile(r"(\d{1,20}):[A-Za-z0-9_-]{3,}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
Polled = tuple[list[RawInbound], dict[str, object]]
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
MAX_RETRY_AFTER = 3600.0


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """One bot. ``rate`` and ``chat_rate`` are messages a second; ``timeout`` and ``poll_seconds`` are seconds."""

    account: str
    token: str = field(repr=False, metadata={"help": "the bot's token from @BotFather, like 123456:ABC…"})
    base_url: str = "https://api.telegram.org"
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: str = field(default="", repr=False)
    sessions: int = 8
    rate: float = 30.0
    chat_rate: float = 1.0
    timeout: float = 60.0
    poll_seconds: float = 25.0
    proxy: str = field(default="", repr=False)
    countries: frozenset[str] = frozenset()
    unserved: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ConfigurationError("token: is not a bot token; it looks like 123456:ABC… and comes from @BotFather")
        if self.mode == "webhook" and not _SECRET.fullmatch(self.webhook_secret):
            raise ConfigurationError("webhook_secret: write 1 to 256 characters of A-Z a-z 0-9 _ - for mode webhook")

    @property
    def bot_id(self) -> str:
        """The number before the colon: the scope of every identity of this bot."""
        return self.token.partition(":")[0]


class TelegramAdapter:
    """Sends by sendMessage and its kin, receives by long polling or webhook."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._settings = settings
        self._client: BotClient | None = None
        self.capabilities = Capabilities(
            channel=TELEGRAM,
            text_limit=TEXT_LIMIT,
            html=True,
            buttons=100,
            attachments=True,
            sessions=settings.sessions,
            rate=_rate(settings.rate),
            rate_per_recipient=_rate(settings.chat_rate),
            countries=settings.countries,
            unserved=settings.unserved,
        )

    def __repr__(self) -> str:
        return f"TelegramAdapter({self.account!r}, bot {self.scope})"

    @property
    def account(self) -> str:
        return self._settings.account

    @property
    def scope(self) -> str:
        return self._settings.bot_id

    async def open(self) -> None:
        if self._client is not None:
            return
        client = await asyncio.to_thread(importlib.import_module, "channels.telegram.client")
        settings = self._settings
        self._client = client.BotClient(
            settings.token,
            base_url=settings.base_url.rstrip("/"),
            connections=settings.sessions + 2,  # a long poll and a button's answer never wait for a send
            timeout=settings.timeout,
            proxy=settings.proxy,
        )
        await self._client.open()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def send(self, message: OutboundMessage) -> Receipt:
        call = render(message)
        client = self._opened()
        try:
            sent = await client.send(call)
        except Exception as error:  # noqa: BLE001 - interpreted as a value, raised below without its chain
            failure = interpret(error)
        else:
            return Receipt(provider_id(str(sent.chat.id), sent.message_id))
        raise failure  # outside the handler: the client's exceptions hold the URL, and that holds the token

    async def check(self) -> str:
        try:
            return f"Telegram bot @{await self._opened().username()} answers ({self._settings.mode})"
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        if isinstance(failure, ChannelFault):
            raise failure
        raise ConfigurationError(f"Telegram at {self._settings.base_url} does not answer: {failure}")

    async def poll(self, cursor: dict[str, object]) -> tuple[list[RawInbound], dict[str, object]]:
        """Updates after ``cursor``; they are confirmed to Telegram by the next call, which carries the new one.

        Raises:
            TransientFailure: no answer; nothing is lost, try again.
            ChannelFault: a wrong token, or another program polls this bot: try again slowly, a person must act.
        """
        offset = cursor.get("offset", 0)
        client, wait = self._opened(), self._settings.poll_seconds
        try:
            updates = await client.updates(offset if isinstance(offset, int) else 0, wait, ALLOWED_UPDATES)
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        else:
            return self._cut(updates, cursor)
        if isinstance(failure, ChannelFault) and "webhook" in failure.detail.lower():
            await self._leave_webhook()  # the account says polling; a webhook is left from before
            return [], cursor
        if isinstance(failure, ChannelFault | TransientFailure):
            raise failure
        raise TransientFailure(failure.detail, code=failure.code)  # asking again for updates harms nobody

    def receive(self, request: WebhookRequest) -> list[RawInbound] | None:
        secret = self._settings.webhook_secret
        given = request.headers.get(SECRET_HEADER, "")
        if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
            return None
        return [raw_update(self.account, request.body)]

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        return parse(raw, self.scope)

    async def register_webhook(self, url: str) -> None:
        """Tell Telegram to call ``url`` (https), for mode ``webhook``.

        Raises:
            ConfigurationError: Telegram refuses the address or does not answer.
        """
        try:
            await self._opened().set_webhook(url, self._settings.webhook_secret, ALLOWED_UPDATES)
            return
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        raise ConfigurationError(f"{self.account}: Telegram does not take the webhook {url}: {failure}")

    async def answer_callback(self, raw: RawInbound, text: str = "") -> None:
        """Stop the spinner on a pressed button; a late or failed answer is nobody's loss, so it raises nothing."""
        query_id = callback_query_id(raw)
        if not query_id:
            return
        try:
            await self._opened().answer_callback(query_id, text[:200])
        except Exception as error:  # noqa: BLE001 - "query is too old" and the like
            _ = interpret(error)

    async def _leave_webhook(self) -> None:
        try:
            await self._opened().delete_webhook()
            return
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        raise failure

    def _cut(
        self, updates: list[dict[str, Any]], cursor: dict[str, object]
    ) -> tuple[list[RawInbound], dict[str, object]]:
        raws = [raw_update(self.account, orjson.dumps(update)) for update in updates]
        numbers = [update["update_id"] for update in updates if isinstance(update.get("update_id"), int)]
        return raws, ({**cursor, "offset": max(numbers) + 1} if numbers else cursor)

    def _opened(self) -> "BotClient":
        if self._client is None:
            raise RuntimeError(f"{self!r} is not open")
        return self._client


def interpret(error: Exception) -> SendFailure | ChannelFault:
    """What an exception of the client means for the message at hand."""
    if isinstance(error, NotOk):
        failure = failure_of(error.answer)
        if isinstance(failure, TransientFailure) and failure.retry_after is not None:
            failure.retry_after = min(float(failure.retry_after), MAX_RETRY_AFTER)
        return failure
    if never_left(error):
        return TransientFailure(f"cannot reach Telegram: {reason(error)}")
    return UnknownOutcome(f"no answer from Telegram: {reason(error)}")


def _rate(per_second: float) -> Rate | None:
    """``per_second`` as a rate; nothing for 0 (no limit); below one a second the seconds grow instead."""
    if per_second <= 0:
        return None
    return Rate(round(per_second)) if per_second >= 1 else Rate(1, 1 / per_second)
