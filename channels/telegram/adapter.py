"""A bot's account at Telegram, or at a server that speaks its Bot API.

Bot API: https://core.telegram.org/bots/api (read 2026-11). Quirks: a message id is unique in its chat only, so ours is
``chat:message``; webhook and getUpdates exclude each other; a timed-out sendMessage may have been delivered; about one
message a second a chat and thirty a second in all. What a server cannot do stands in :mod:`channels.telegram.dialects`.
"""

import asyncio
import hmac
import importlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from channels.adapter import Capabilities, Rate, WebhookRequest
from channels.telegram.calls import Call
from channels.telegram.client import BotClient, ClientFactory, TooLarge
from channels.telegram.delivering import deliver, interpret
from channels.telegram.dialects import TELEGRAM as TELEGRAM_SERVER
from channels.telegram.dialects import Dialect
from channels.telegram.forum import Forum
from channels.telegram.menus import Menus
from channels.telegram.plain import mapping, number, text
from channels.telegram.rendering import TEXT_LIMIT, render
from channels.telegram.settings import TelegramSettings
from channels.telegram.staff import StaffChats
from channels.telegram.updates import callback_query_id, parse, raw_update
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    SendFailure,
    TransientFailure,
)
from core.messages import TELEGRAM, Attachment, ChannelEvent, OutboundMessage, RawInbound, Receipt

__all__ = ["TelegramAdapter", "TelegramSettings"]

CLIENTS = {
    "aiogram": ("channels.telegram.aiogram_client", "AiogramClient"),
    "ptb": ("channels.telegram.ptb_client", "PtbClient"),
}
"""Imported when an account is opened: aiogram takes seconds."""
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
SECRET_QUERY = "secret"  # noqa: S105 - a parameter's name
UPDATES_AT_ONCE = 100
GROUP_PREFIX = "-"
"""Groups and channels have negative ids."""
_SURELY_ONE = TELEGRAM_SERVER.text_limit // 2
"""Code points that are one message however they are counted."""
MOST_ANSWERING = 200
"""Presses that wait for their answer; beyond it spinners run out by themselves."""
_PRESS = b'"callback_query"'
_POLL_MARGIN = 15.0


class TelegramAdapter:
    """Sends by sendMessage and its kin, receives by long polling or webhook."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._settings = settings
        self._dialect: Dialect = settings.server
        self._client: BotClient | None = None
        self._fetched: list[RawInbound] = []
        self._answering: set[asyncio.Task[None]] = set()
        self.capabilities = Capabilities(
            channel=TELEGRAM,
            text_limit=TEXT_LIMIT,
            html=True,
            buttons=self._dialect.buttons,
            attachments=True,
            sessions=settings.sessions,
            rate=Rate.of(settings.rate),
            rate_per_recipient=Rate.of(settings.chat_rate),
            rate_per_group=Rate.of(settings.group_rate / 60),
            group_prefix=GROUP_PREFIX,
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
        module, name = CLIENTS[self._settings.client]
        try:
            loaded = await asyncio.to_thread(importlib.import_module, module)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{self.account}.client: {error.name} is not installed; install otklik[{self._settings.client}], "
                "or leave the setting out"
            ) from None
        factory: ClientFactory = getattr(loaded, name)
        client = factory(self._settings)
        await client.open()
        self._client = client

    async def close(self) -> None:
        client, self._client = self._client, None
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        if client is not None:
            await client.close()

    async def send(self, message: OutboundMessage) -> Receipt:
        return await deliver(self._opened(), render(message, self._dialect, paid=self._settings.paid_broadcast))

    def weight(self, message: OutboundMessage) -> int:
        """How many messages of the chat it becomes: its parts, and every item of an album."""
        if not message.attachments and max(len(message.text), len(message.html)) <= _SURELY_ONE:
            return 1
        try:
            return sum(max(1, len(call.files)) for call in render(message, self._dialect))
        except PermanentFailure:
            return 1

    async def check(self) -> str:
        found, failure = await self._ask("getMe")
        if failure is None:
            mode = self._settings.mode
            desks = await self._check_desks()
            return f"{self._dialect.title} bot @{text(mapping(found).get('username'))} answers ({mode}){desks}"
        if isinstance(failure, ChannelFault):
            raise failure
        raise ConfigurationError(f"{self._dialect.title} at {self._settings.address} does not answer: {failure}")

    async def _check_desks(self) -> str:
        """The desk's groups in words.

        Raises:
            ConfigurationError: there is one whose topics the bot cannot keep.
        """
        forum, titles, problems = self.forum(), [], []
        for chat in sorted(self.desk_groups):
            try:
                title, problem = await forum.examine(chat, self.scope)
            except SendFailure as failure:
                title, problem = chat, f"the group {chat} cannot be looked at: {failure}"
            titles.append(title)
            problems += [problem] if problem else []
        if problems:
            raise ConfigurationError("desk_groups: " + "; ".join(problems))
        return f"; keeps topics in {', '.join(titles)}" if titles else ""

    async def poll(self, cursor: dict[str, object]) -> tuple[list[RawInbound], dict[str, object]]:
        """Updates after ``cursor``; they are confirmed to Telegram by the next call, which carries the new one.

        Raises:
            TransientFailure: no answer; nothing is lost, try again.
            ChannelFault: a wrong token, or another program polls this bot: try again slowly, a person must act.
        """
        self._stop_spinners(self._fetched)  # they are stored by now: this call confirms them
        self._fetched = []
        offset, wait = cursor.get("offset", 0), self._settings.poll_seconds
        asked = {"offset": offset if isinstance(offset, int) else 0, "timeout": int(wait), "limit": UPDATES_AT_ONCE}
        updates, failure = await self._ask("getUpdates", asked | self._wanted(), timeout=wait + _POLL_MARGIN)
        if failure is None:
            self._fetched, following = self._cut(updates, cursor)
            return self._fetched, following
        if isinstance(failure, ChannelFault) and "webhook" in failure.detail.lower():
            await self._leave_webhook()  # the account says polling; a webhook is left from before
            return [], cursor
        if isinstance(failure, ChannelFault | TransientFailure):
            raise failure
        raise TransientFailure(failure.detail, code=failure.code)  # asking again for updates harms nobody

    def receive(self, request: WebhookRequest) -> list[RawInbound] | None:
        secret = self._settings.webhook_secret
        if self._dialect.secret_header:
            given = request.headers.get(SECRET_HEADER, "")
        else:
            given = parse_qs(urlsplit(request.url).query).get(SECRET_QUERY, [""])[0]
        if not secret or not hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()):
            return None
        raws = [raw_update(self.account, request.body)]
        if _PRESS in request.body:
            self._stop_spinners(raws)
        return raws

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        return parse(raw, self.scope, self._settings.desk_groups)

    @property
    def desk_groups(self) -> frozenset[str]:
        """Chat ids of the groups in which staff answer."""
        return self._settings.desk_groups

    def forum(self) -> Forum:
        """The topics of those groups."""
        return Forum(self._make)

    @property
    def has_menus(self) -> bool:
        """Whether the server has menus of commands."""
        return self._dialect.menus

    def menus(self) -> Menus:
        """The bot's menus of commands."""
        return Menus(self._ask)

    def staff(self) -> StaffChats:
        """Each of our people's own chat with this bot."""
        return StaffChats(self._ask)

    async def register_webhook(self, url: str) -> None:
        """Tell Telegram to call ``url`` (https), for mode ``webhook``.

        Raises:
            ConfigurationError: Telegram refuses the address or does not answer.
        """
        secret = self._settings.webhook_secret
        if self._dialect.secret_header:
            asked = {"url": url, "secret_token": secret}
        else:
            asked = {"url": f"{url}?{urlencode({SECRET_QUERY: secret})}"}
        _, failure = await self._ask("setWebhook", asked | self._wanted())
        if failure is not None:
            title = self._dialect.title
            raise ConfigurationError(f"{self.account}: {title} does not take the webhook {url}: {failure}")

    async def answer_callback(self, raw: RawInbound, words: str = "") -> None:
        """Stop the spinner on a pressed button; a late or failed answer is nobody's loss, so it raises nothing."""
        query_id = callback_query_id(raw)
        if query_id:
            said = {"text": words[:200]} if words else {}
            await self._ask("answerCallbackQuery", {"callback_query_id": query_id, **said})

    async def fetch(self, attachment: Attachment) -> bytes:
        """The bytes of a file that came in, by its ``remote``; at most what the server hands out (20 MB).

        Raises:
            PermanentFailure: it is too large, or not kept there any more.
            TransientFailure: no answer; try again.
            ChannelFault: the account is refused.
        """
        most = self._dialect.download_bytes
        too_large = PermanentFailure(
            PermanentKind.UNSUPPORTED,
            f"{attachment.name!r} is larger than {most // 1024**2} MB; it stays at the sender's",
        )
        if attachment.size > most:
            raise too_large
        found, failure = await self._ask("getFile", {"file_id": attachment.remote})
        path = text(mapping(found).get("file_path")).lstrip("/")
        if failure is None and (not path or ".." in path.split("/")):
            raise PermanentFailure(PermanentKind.REJECTED, f"{attachment.name!r} is not kept at the provider any more")
        if failure is None and number(mapping(found).get("file_size")) > most:
            raise too_large
        if failure is None:
            try:
                return await self._opened().download(path, most)
            except TooLarge:
                failure = too_large
            except Exception as error:  # noqa: BLE001 - as in _ask
                failure = interpret(error)
        if isinstance(failure, PermanentFailure | TransientFailure | ChannelFault):
            raise failure
        raise TransientFailure(failure.detail, code=failure.code)  # a file may be asked for as often as one likes

    def _stop_spinners(self, raws: list[RawInbound]) -> None:
        """Answer the presses among ``raws`` without waiting for it: until then the button looks as if it hung."""
        pressed = [raw for raw in raws if _PRESS in raw.payload]
        if self._client is None or len(self._answering) > MOST_ANSWERING:
            return
        for raw in pressed:
            task = asyncio.create_task(self.answer_callback(raw))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _leave_webhook(self) -> None:
        _, failure = await self._ask("deleteWebhook", {"drop_pending_updates": False})
        if failure is not None:
            raise failure

    async def _ask(
        self,
        method: str,
        fields: dict[str, Any] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of the request, in seconds
    ) -> tuple[Any, SendFailure | ChannelFault | None]:
        """As :meth:`_make`, of a call without files."""
        return await self._make(Call(method, fields or {}), timeout)

    async def _make(
        self,
        call: Call,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> tuple[Any, SendFailure | ChannelFault | None]:
        """One call's result, or its failure as a value: the client's exceptions may know the URL, and so the token."""
        client = self._opened()
        try:
            return await client.call(call, timeout), None
        except Exception as error:  # noqa: BLE001 - told as a value, raised by the caller without its chain
            return None, interpret(error)

    def _wanted(self) -> dict[str, list[str]]:
        """Which updates are asked for, where the server can be asked."""
        return {"allowed_updates": list(self._dialect.allowed_updates)} if self._dialect.allowed_updates else {}

    def _cut(self, updates: Any, cursor: dict[str, object]) -> tuple[list[RawInbound], dict[str, object]]:
        found = [update for update in updates if isinstance(update, dict)] if isinstance(updates, list) else []
        raws = [raw_update(self.account, orjson.dumps(update)) for update in found]
        numbers = [update["update_id"] for update in found if isinstance(update.get("update_id"), int)]
        return raws, ({**cursor, "offset": max(numbers) + 1} if numbers else cursor)

    def _opened(self) -> BotClient:
        if self._client is None:
            raise RuntimeError(f"{self!r} is not open")
        return self._client
