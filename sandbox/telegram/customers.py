"""What customers do in Telegram: write, press buttons, start the bot, block it. Each becomes an update."""

import hashlib
from typing import Any

from sandbox.clock import BusinessClock
from sandbox.people import Message, People, Person, TelegramUser
from sandbox.telegram.bot import Bot
from sandbox.telegram.dialects import BALE_UPDATES
from sandbox.telegram.files import PICTURE, shown
from sandbox.telegram.updates import Updates


class NoTelegramError(ValueError):
    """The person has no Telegram."""


class Customers:
    """The users' side of the chats."""

    def __init__(self, *, clock: BusinessClock, bot: Bot, people: People, updates: Updates) -> None:
        self._clock = clock
        self._bot = bot
        self._people = people
        self._updates = updates

    async def write(self, person: Person, text: str, answered: Message | None = None) -> bool:
        """Send the bot a message; writing to a bot one has not started starts it, and lifts a block."""
        user = _user(person)
        message = await self._post(person, text)
        content = self._bot.message_json(person, message)
        if answered is not None and answered.by == "company":
            content["reply_to_message"] = self._bot.message_json(person, answered)
        return await self._add("message", content, user)

    async def edit(self, person: Person, text: str) -> bool:
        """Change the last message that the person wrote themselves."""
        own = [message for message in person.thread("telegram") if message.by == "customer"]
        if not own:
            return False
        own[-1].text, own[-1].edited = text, True
        self._people.changed(person, "telegram", own[-1])
        return await self._add("edited_message", self._bot.message_json(person, own[-1]), _user(person))

    async def share_contact(self, person: Person) -> bool:
        """Press a key that asks for the own number, and agree."""
        user, number = _user(person), (person.phone or "").removeprefix("+")
        message = await self._post(person, f"[contact: {person.phone or 'none'}]")
        content = self._bot.message_json(person, message)
        del content["text"]
        contact = {"phone_number": number, "first_name": person.name, "user_id": user.user_id}
        return await self._add("message", {**content, "contact": contact}, user)

    async def send_photo(self, person: Person, caption: str | None) -> bool:
        """Send the bot a picture."""
        upload = self._bot.files.keep("photo.png", PICTURE)
        message = await self._post(person, f"[photo: {upload.name}]" + (f"\n{caption}" if caption else ""))
        content = self._bot.message_json(person, message)
        del content["text"]
        content |= shown(upload, "photo") | ({"caption": caption} if caption else {})
        return await self._add("message", content, _user(person))

    async def migrate(self, person: Person, chat: int) -> bool:
        """The chat goes on under the id ``chat``, as a group that became a supergroup; the old one says so."""
        user = _user(person)
        content = {
            "message_id": user.last_message_id + 1,
            "from": self._bot.user_json(person),
            "chat": {"id": user.user_id, "type": "group", "title": person.name},
            "date": self._clock.micros() // 1_000_000,
            "migrate_to_chat_id": chat,
        }
        self._bot.moved[user.user_id] = chat
        return await self._add("message", content, user)

    async def start(self, person: Person, payload: str | None) -> bool:
        """Press Start, perhaps from a deep link with a payload."""
        return await self.write(person, f"/start {payload}" if payload else "/start")

    async def press(self, person: Person, message: Message, button: dict[str, Any]) -> bool:
        """Press a callback button under ``message``."""
        query = {
            "id": self._bot.new_query(person, message),
            "from": self._bot.user_json(person),
            "message": self._bot.message_json(person, message),
            "chat_instance": str(int(hashlib.blake2b(person.key.encode(), digest_size=7).hexdigest(), 16)),
            "data": button["callback_data"],
        }
        message.clicks = [*(message.clicks or []), button.get("text", "")]
        self._people.changed(person, "telegram", message)
        return await self._add("callback_query", query, _user(person))

    async def block(self, person: Person) -> bool:
        """Block the bot: it hears of it by my_chat_member."""
        return await self._membership(person, blocked=True)

    async def unblock(self, person: Person) -> bool:
        """Unblock the bot."""
        return await self._membership(person, blocked=False)

    async def _membership(self, person: Person, *, blocked: bool) -> bool:
        user = _user(person)
        if user.blocked == blocked:
            return False
        user.blocked = blocked
        self._people.changed(person)
        member, kicked = {"status": "member", "user": self._bot.user()}, self._kicked()
        content = {
            "chat": self._bot.chat_json(person),
            "from": self._bot.user_json(person),
            "date": self._clock.micros() // 1_000_000,
            "old_chat_member": member if blocked else kicked,
            "new_chat_member": kicked if blocked else member,
        }
        return await self._add("my_chat_member", content, user)

    async def _post(self, person: Person, text: str) -> Message:
        """Put the person's own message into the chat; writing to a bot starts it and lifts a block."""
        user = _user(person)
        if user.blocked:
            await self.unblock(person)
        user.started = True
        user.last_message_id += 1
        return self._people.post(person, "telegram", "customer", text, provider_id=str(user.last_message_id))

    async def _add(self, kind: str, content: dict[str, Any], user: TelegramUser) -> bool:
        if self._bot.dialect == "bale" and kind not in BALE_UPDATES:
            return False
        return await self._updates.add(kind, content, user.user_id)

    def _kicked(self) -> dict[str, Any]:
        return {"status": "kicked", "user": self._bot.user(), "until_date": 0}


def _user(person: Person) -> TelegramUser:
    if person.telegram is None:
        raise NoTelegramError(f"{person.name} has no Telegram")
    return person.telegram
