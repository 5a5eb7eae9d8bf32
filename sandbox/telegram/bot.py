"""One bot: who it is, what it may send to whom, and how it keeps what it sent."""

import hashlib
from collections import OrderedDict
from typing import Any

from sandbox.clock import BusinessClock
from sandbox.people import Message, People, Person, TelegramUser
from sandbox.telegram.dialects import parse_markdown
from sandbox.telegram.entities import command_entity, parse_html, trim, utf16_length
from sandbox.telegram.errors import migrated, refused, too_many
from sandbox.telegram.files import Files
from sandbox.telegram.limits import Limits
from sandbox.telegram.markup import boolean, is_inline, keyboard, rows_of, structure

DEFAULT_TOKEN = "100001:sandbox-token"  # noqa: S105 - the sandbox's published token
DEFAULT_USERNAME = "otklik_demo_bot"
TEXT_LIMIT, CAPTION_LIMIT = 4096, 1024  # characters after parsing
CALLBACK_ANSWER_LIMIT = 200

_QUERIES_KEPT = 10_000


class Bot:
    """The bot's private chats. Message ids count up in each chat, so that they are the same in every run."""

    def __init__(self, *, clock: BusinessClock, people: People, limits: Limits) -> None:
        self._clock = clock
        self._people = people
        self._queries: OrderedDict[str, int] = OrderedDict()
        self.limits = limits
        self.token = DEFAULT_TOKEN
        self.username = DEFAULT_USERNAME
        self.commands: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
        self.dialect = "telegram"
        self.moved: dict[int, int] = {}  # chats that go on under another id
        self.files = Files()

    @property
    def id(self) -> int:
        """The number before the token's colon."""
        return int(self.token.partition(":")[0])

    def user(self) -> dict[str, Any]:
        """The bot as a User."""
        return {"id": self.id, "is_bot": True, "first_name": "Otklik", "username": self.username}

    def chat_of(self, params: dict[str, Any]) -> Person:
        """Whom ``chat_id`` means; refused as Telegram refuses strangers, the blocked and the deactivated."""
        value = params.get("chat_id")
        if value in (None, ""):
            raise refused(400, "chat_id is empty")
        try:
            chat = int(str(value))
        except ValueError:
            chat = 0
        if chat in self.moved:
            raise migrated(self.moved[chat])
        person = self._people.by_user.get(next((old for old, new in self.moved.items() if new == chat), chat))
        if person is None or person.telegram is None:
            raise refused(400, "chat not found")
        if person.telegram.deactivated:
            raise refused(403, "user is deactivated")
        if person.telegram.blocked:
            raise refused(403, "bot was blocked by the user")
        if not person.telegram.started:
            raise refused(400, "chat not found")
        return person

    def compose(self, params: dict[str, Any], field: str = "text") -> tuple[str, list[dict[str, Any]]]:
        """The text after parsing, and its entities; 400 when it cannot be parsed, is empty or too long."""
        source, mode = str(params.get(field) or ""), str(params.get("parse_mode") or "").lower()
        entities: list[dict[str, Any]] = []
        if self.dialect == "bale":
            source, entities = parse_markdown(source)
        elif mode == "html":
            source, entities = parse_html(source)
        elif mode:
            raise refused(400, "unsupported parse_mode")
        elif params.get("entities" if field == "text" else "caption_entities"):
            entities = _entities(params["entities" if field == "text" else "caption_entities"])
        text, entities = trim(source, entities)
        if field == "caption":
            if utf16_length(text) > CAPTION_LIMIT:
                raise refused(400, "message caption is too long")
            return text, entities
        if not text:
            raise refused(400, "message text is empty")
        if utf16_length(text) > TEXT_LIMIT:
            raise refused(400, "message is too long")
        return text, entities

    def check_rate(self, user: TelegramUser) -> None:
        """Count a message against the rates; 429 when there are too many."""
        wait = self.limits.take(user.user_id)
        if wait is not None:
            raise too_many(wait)

    def answered(self, person: Person, params: dict[str, Any]) -> str | None:
        """The message that ``reply_parameters`` name; 400 where it is gone and nothing says that this is fine."""
        if not params.get("reply_parameters"):
            return None
        given = structure(params["reply_parameters"], "reply parameters")
        given = given if isinstance(given, dict) else {}
        wanted = str(given.get("message_id"))
        if any(message.provider_id == wanted for message in person.thread("telegram")):
            return wanted
        if not boolean(given, "allow_sending_without_reply"):
            raise refused(400, "message to be replied not found")
        return None

    def send(self, person: Person, text: str, markup: dict[str, Any] | None, reply_to: str | None = None) -> Message:
        """Put a message into the chat."""
        user = person.telegram
        if user is None:
            raise refused(400, "chat not found")
        user.last_message_id += 1
        return self._people.post(
            person, "telegram", "company", text,
            provider_id=str(user.last_message_id), status="delivered", buttons=rows_of(markup),
            reply_to=reply_to,
        )  # fmt: skip

    def find(self, person: Person, params: dict[str, Any], words: str) -> Message:
        """The bot's own message ``message_id``; 400 with ``words`` when it is not there."""
        wanted = str(params.get("message_id"))
        for message in reversed(person.thread("telegram")):
            if message.provider_id == wanted and message.by == "company":
                return message
        raise refused(400, words)

    def edit(self, person: Person, params: dict[str, Any]) -> Message:
        """editMessageText and editMessageReplyMarkup."""
        message = self.find(person, params, "message to edit not found")
        markup = keyboard(params)
        buttons = (markup or {}).get("inline_keyboard")
        text = self.compose(params)[0] if "text" in params else message.text
        if (text, buttons or None) == (message.text, message.buttons or None):
            words = "specified new message content and reply markup are exactly the same as a current content"
            raise refused(400, f"message is not modified: {words} and reply markup of the message")
        message.text, message.buttons, message.edited = text, buttons, True
        self._people.changed(person, "telegram", message)
        return message

    def delete(self, person: Person, params: dict[str, Any]) -> None:
        """deleteMessage."""
        message = self.find(person, params, "message to delete not found")
        person.thread("telegram").remove(message)
        self._people.changed(person)

    def new_query(self, person: Person, message: Message) -> str:
        """The id of a button press, which the bot should answer."""
        person.written += 1
        digest = hashlib.blake2b(f"{person.key}:{message.provider_id}:{person.written}".encode(), digest_size=8)
        query = str(int.from_bytes(digest.digest()) >> 1)
        self._queries[query] = self._clock.micros()
        if len(self._queries) > _QUERIES_KEPT:
            self._queries.popitem(last=False)
        return query

    @property
    def unanswered(self) -> list[str]:
        """Presses that the bot has not answered yet."""
        return list(self._queries)

    def answer_query(self, params: dict[str, Any]) -> None:
        """answerCallbackQuery: once for each press."""
        if len(str(params.get("text") or "")) > CALLBACK_ANSWER_LIMIT:
            raise refused(400, "MESSAGE_TOO_LONG")
        if self._queries.pop(str(params.get("callback_query_id")), None) is None:
            raise refused(400, "query is too old and response timeout expired or query ID is invalid")

    def chat_json(self, person: Person) -> dict[str, Any]:
        """The private chat with ``person``, as a Chat."""
        user_id = person.telegram.user_id if person.telegram else 0
        return {"id": self.moved.get(user_id, user_id), "type": "private", **_names(person)}

    def user_json(self, person: Person) -> dict[str, Any]:
        """``person`` as a User."""
        user_id = person.telegram.user_id if person.telegram else 0
        return {"id": user_id, "is_bot": False, **_names(person), "language_code": person.lang}

    def message_json(
        self, person: Person, message: Message, entities: list[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """A text message of the chat, as a Message."""
        data: dict[str, Any] = {
            "message_id": int(message.provider_id or 0),
            "from": self.user() if message.by == "company" else self.user_json(person),
            "chat": self.chat_json(person),
            "date": message.at // 1_000_000,
            "text": message.text,
        }
        entities = entities or (command_entity(message.text) if message.by == "customer" else None)
        if entities:
            data["entities"] = entities
        if message.edited:
            data["edit_date"] = self._clock.micros() // 1_000_000
        if message.buttons and is_inline(message.buttons):
            data["reply_markup"] = {"inline_keyboard": message.buttons}
        return data


def _entities(given: Any) -> list[dict[str, Any]]:
    entities = structure(given, "entities")
    if not isinstance(entities, list) or not all(
        isinstance(entity, dict) and isinstance(entity.get("offset"), int) and isinstance(entity.get("length"), int)
        for entity in entities
    ):
        raise refused(400, "can't parse entities: expected an Array of MessageEntity")
    return entities


def _names(person: Person) -> dict[str, str]:
    first, _, last = person.name.partition(" ")
    return {"first_name": first, "last_name": last} if last else {"first_name": first}
