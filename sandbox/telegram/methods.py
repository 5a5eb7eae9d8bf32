"""The Bot API's methods, by name: from parameters to the result that goes into ``{"ok": true, "result": …}``."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.ledger import Ledger
from sandbox.outbound import NotLoopbackError, require_loopback
from sandbox.people import Person
from sandbox.telegram.bot import Bot
from sandbox.telegram.dialects import BALE_METHODS, known_to_bale
from sandbox.telegram.errors import NOT_FOUND, TelegramError, refused
from sandbox.telegram.files import album, shown
from sandbox.telegram.group_methods import GroupMethods
from sandbox.telegram.groups import Groups
from sandbox.telegram.markup import boolean, integer, keyboard, structure
from sandbox.telegram.updates import DEFAULT_TYPES, Updates, Webhook

SENDING = frozenset({
    "sendmessage", "sendphoto", "senddocument", "sendmediagroup", "sendvoice", "sendvideo", "sendvideonote",
    "sendaudio", "sendsticker", "sendanimation", "sendlocation",
})  # fmt: skip
STRUCK = SENDING | {"createforumtopic", "closeforumtopic", "reopenforumtopic"}
"""What faults befall."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_KINDS = frozenset({
    "message", "edited_message", "channel_post", "edited_channel_post", "inline_query", "chosen_inline_result",
    "callback_query", "shipping_query", "pre_checkout_query", "poll", "poll_answer", "my_chat_member", "chat_member",
    "chat_join_request", "message_reaction",
})  # fmt: skip

_SCOPES = frozenset({
    "default", "all_private_chats", "all_group_chats", "all_chat_administrators", "chat", "chat_administrators",
    "chat_member",
})  # fmt: skip

Params = dict[str, Any]
Method = Callable[[Params], Awaitable[Any]]


class Methods:
    """The table of methods; names are compared without case, as Telegram does."""

    def __init__(self, *, bot: Bot, updates: Updates, ledger: Ledger, groups: Groups) -> None:
        self._bot = bot
        self._updates = updates
        self._ledger = ledger
        self._groups = groups
        self._group_methods = GroupMethods(bot=bot, groups=groups)
        named: list[Method] = [
            self.getMe, self.getUpdates, self.setWebhook, self.deleteWebhook, self.getWebhookInfo, self.sendMessage,
            self.sendPhoto, self.sendDocument, self.sendVoice, self.sendMediaGroup, self.editMessageText,
            self.editMessageReplyMarkup, self.deleteMessage, self.answerCallbackQuery, self.sendChatAction,
            self.getChat, self.getFile, self.setMyCommands, self.getMyCommands, self.deleteMyCommands,
        ]  # fmt: skip
        self.table: dict[str, Method] = {method.__name__.lower(): method for method in named}

    async def call(self, name: str, params: Params, fault: str | None = None) -> Any:
        """Run a method. A message is in the ledger before this returns; so is a refusal."""
        method = self._method(name, params)
        if self._bot.dialect == "bale":
            method, params = (method if name.lower() in BALE_METHODS else None), known_to_bale(params)
        if method is None:
            raise NOT_FOUND
        if name.lower() not in SENDING:
            return await method(params)
        text = str(params.get("text") or params.get("caption") or "")
        try:
            result = await method(params)
        except TelegramError as error:
            self.record(params, text, accepted=False, code=error.code, fault=fault)
            raise
        for sent in result if isinstance(result, list) else [result]:
            words = sent.get("text") or sent.get("caption") or ""
            self.record(params, words, accepted=True, provider_id=str(sent["message_id"]), fault=fault)
        return result

    def _method(self, name: str, params: Params) -> Method | None:
        """The method by that name, a group's where the parameters name one."""
        group = self._groups.among(params)
        if group is None:
            return self.table.get(name.lower())
        return lambda given: self._group_methods.call(group, name, given)

    def record(self, params: Params, text: str, *, accepted: bool, **more: Any) -> None:
        """Write a send into the ledger; what stands in a group is no message to a customer: a channel of its own."""
        account, to = str(self._bot.id), str(params.get("chat_id") or "")
        channel = "telegram" if self._groups.among(params) is None else "telegram_group"
        self._ledger.record("telegram", channel, account=account, to=to, text=text, accepted=accepted, **more)

    async def getMe(self, _params: Params) -> Any:  # noqa: N802 - the Bot API's name, as below
        """The bot."""
        abilities = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries",
                     "can_connect_to_business", "has_main_web_app")  # fmt: skip
        return {**self._bot.user(), **dict.fromkeys(abilities, False)}

    async def getUpdates(self, params: Params) -> Any:  # noqa: N802
        """Long polling."""
        self._allow(params)
        limit = min(max(integer(params, "limit", 100), 1), 100)
        return await self._updates.poll(integer(params, "offset", 0), limit, min(integer(params, "timeout", 0), 50))

    async def setWebhook(self, params: Params) -> Any:  # noqa: N802
        """Post updates to a URL on this machine; an empty one removes the webhook."""
        url, secret = str(params.get("url") or ""), params.get("secret_token")
        if secret and not _SECRET.fullmatch(str(secret)):
            raise refused(400, "secret token contains unallowed characters")
        if url:
            try:
                require_loopback(url)
            except NotLoopbackError as error:
                raise refused(400, f"bad webhook: {error}") from None
        self._allow(params)
        webhook = Webhook(url, secret, integer(params, "max_connections", 40)) if url else None
        await self._updates.set_webhook(webhook, drop_pending=boolean(params, "drop_pending_updates"))
        return True

    async def deleteWebhook(self, params: Params) -> Any:  # noqa: N802
        """Keep updates for polling."""
        await self._updates.set_webhook(None, drop_pending=boolean(params, "drop_pending_updates"))
        return True

    async def getWebhookInfo(self, _params: Params) -> Any:  # noqa: N802
        """How the webhook fares."""
        webhook = self._updates.webhook
        info: dict[str, Any] = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": self._updates.undelivered,
        }
        if webhook:
            info |= {"max_connections": webhook.max_connections, "ip_address": "127.0.0.1"}
            if webhook.last_error_at is not None:
                info["last_error_date"] = webhook.last_error_at // 1_000_000
                info["last_error_message"] = webhook.last_error
        if self._updates.allowed != DEFAULT_TYPES:
            info["allowed_updates"] = sorted(self._updates.allowed)
        return info

    async def sendMessage(self, params: Params) -> Any:  # noqa: N802
        """Text with an inline keyboard."""
        person = self._bot.chat_of(params)
        text, entities = self._bot.compose(params)
        markup, reply_to = keyboard(params), self._bot.answered(person, params)
        self._check_rate(person)
        return self._bot.message_json(person, self._bot.send(person, text, markup, reply_to), entities)

    async def sendPhoto(self, params: Params) -> Any:  # noqa: N802
        """A picture with a caption."""
        return self._send_file(params, "photo")

    async def sendDocument(self, params: Params) -> Any:  # noqa: N802
        """A file with a caption."""
        return self._send_file(params, "document")

    async def sendVoice(self, params: Params) -> Any:  # noqa: N802
        """A voice message."""
        return self._send_file(params, "voice")

    async def sendMediaGroup(self, params: Params) -> Any:  # noqa: N802
        """Pictures or files that are shown as one; each is a message. All are taken, or none."""
        person = self._bot.chat_of(params)
        items = album(params)
        for item in items:
            self._bot.files.given(params, str(item["type"]), item.get("media"))
            self._bot.compose(item, "caption")
        self._check_rate(person)
        return [self._put(person, params, str(item["type"]), item.get("media"), item, None) for item in items]

    async def editMessageText(self, params: Params) -> Any:  # noqa: N802
        """Change a text the bot has sent."""
        person = self._bot.chat_of(params)
        if "text" not in params:
            raise refused(400, "message text is empty")
        return self._bot.message_json(person, self._bot.edit(person, params))

    async def editMessageReplyMarkup(self, params: Params) -> Any:  # noqa: N802
        """Change or remove the keyboard under a message."""
        person = self._bot.chat_of(params)
        kept = {name: value for name, value in params.items() if name != "text"}
        return self._bot.message_json(person, self._bot.edit(person, kept))

    async def deleteMessage(self, params: Params) -> Any:  # noqa: N802
        """Take a message away."""
        self._bot.delete(self._bot.chat_of(params), params)
        return True

    async def answerCallbackQuery(self, params: Params) -> Any:  # noqa: N802
        """Answer a button press."""
        self._bot.answer_query(params)
        return True

    async def sendChatAction(self, params: Params) -> Any:  # noqa: N802
        """Show "typing…"."""
        self._bot.chat_of(params)
        if not params.get("action"):
            raise refused(400, "wrong parameter action in request")
        return True

    async def getChat(self, params: Params) -> Any:  # noqa: N802
        """A private chat in full."""
        person = self._bot.chat_of(params)
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        return {
            **self._bot.chat_json(person),
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, False),
        }

    async def getFile(self, params: Params) -> Any:  # noqa: N802
        """Where a file can be fetched: ``/file/bot<token>/<file_path>``."""
        return self._bot.files.get(str(params.get("file_id")))

    async def setMyCommands(self, params: Params) -> Any:  # noqa: N802
        """The bot's menu, by scope and language."""
        commands = structure(params.get("commands"), "commands")
        if not isinstance(commands, list):
            raise refused(400, "can't parse commands")
        for command in commands:
            if not isinstance(command, dict) or not re.fullmatch(r"[a-z0-9_]{1,32}", str(command.get("command", ""))):
                raise refused(400, "BOT_COMMAND_INVALID")
        self._bot.commands[_menu(params)] = commands
        return True

    async def getMyCommands(self, params: Params) -> Any:  # noqa: N802
        """The bot's menu."""
        return self._bot.commands.get(_menu(params), [])

    async def deleteMyCommands(self, params: Params) -> Any:  # noqa: N802
        """No menu."""
        self._bot.commands.pop(_menu(params), None)
        return True

    def _send_file(self, params: Params, field: str) -> dict[str, Any]:
        person = self._bot.chat_of(params)
        self._bot.files.given(params, field, params.get(field))
        self._bot.compose(params, "caption")
        markup = keyboard(params)
        self._check_rate(person)
        return self._put(person, params, field, params.get(field), params, markup)

    def _put(
        self, person: Person, params: Params, field: str, given: Any, words: Params, markup: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Put one file with its caption into the chat."""
        upload = self._bot.files.given(params, field, given)
        caption, entities = self._bot.compose(words, "caption")
        said = f"[{field}: {upload.name}]" + (f"\n{caption}" if caption else "")
        message = self._bot.send(person, said, markup, self._bot.answered(person, params))
        data = self._bot.message_json(person, message)
        del data["text"]
        return {
            **data,
            **shown(upload, field),
            **({"caption": caption} if caption else {}),
            **({"caption_entities": entities} if entities else {}),
        }

    def _check_rate(self, person: Person) -> None:
        if person.telegram is not None:
            self._bot.check_rate(person.telegram)

    def _allow(self, params: Params) -> None:
        """``allowed_updates`` is remembered; an empty list means the default kinds."""
        if params.get("allowed_updates") is None:
            return
        kinds = structure(params["allowed_updates"], "allowed_updates")
        if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
            raise refused(400, "can't parse allowed_updates: Expected an Array of String")
        self._updates.allowed = frozenset(kind for kind in kinds if kind in _KINDS) or DEFAULT_TYPES


def _menu(params: Params) -> tuple[str, int, str]:
    """Which menu is meant: (its scope, that scope's chat or 0, its language)."""
    scope = structure(params.get("scope"), "scope") if params.get("scope") else {"type": "default"}
    kind = scope.get("type") if isinstance(scope, dict) else None
    if kind not in _SCOPES:
        raise refused(400, "invalid command scope type")
    chat = 0
    if str(kind).startswith("chat"):
        try:
            chat = int(str(scope.get("chat_id")))
        except ValueError:
            raise refused(400, "chat not found") from None
    return str(kind), chat, str(params.get("language_code") or "")
