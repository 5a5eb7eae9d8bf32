"""What people do in a group: write in topics, send files, edit, delete, close. What a bot hears of becomes an update.

A bot hears nothing of what is deleted, be it a message or a topic. One that is no administrator hears commands and
answers to itself only (its privacy mode).
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from sandbox.people import Person
from sandbox.telegram.bot import Bot
from sandbox.telegram.errors import TelegramError
from sandbox.telegram.files import PICTURE
from sandbox.telegram.groups import AS_GROUP, BOT, GENERAL, Group, Groups, Post, Topic
from sandbox.telegram.updates import Updates

_SAMPLES: dict[str, tuple[str, bytes]] = {
    "photo": ("photo.png", PICTURE),
    "document": ("price list.pdf", b"%PDF-1.4\n%%EOF\n"),
    "voice": ("voice.ogg", b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead sandbox"),
    "audio": ("song.mp3", b"ID3\x04sandbox"),
    "video": ("video.mp4", b"\x00\x00\x00\x18ftypmp42sandbox"),
    "video_note": ("note.mp4", b"\x00\x00\x00\x18ftypmp42note"),
    "sticker": ("sticker.webp", b"RIFF\x00\x00\x00\x00WEBPsandbox"),
}
FILE_LIMIT = 20 * 1024 * 1024
TEXT_LIMIT = 4096
DEEDS = {
    "write": "write a message (text)",
    "send": "send a file (kind: photo, document, voice, audio, video, video_note, sticker; text: its caption)",
    "send_location": "send a place (latitude, longitude)",
    "edit": "change one's own message (message, text)",
    "delete": "delete a message (message)",
    "open_topic": "make a topic (text: its name)",
    "close_topic": "close the topic",
    "reopen_topic": "open the topic again",
    "rename_topic": "give the topic another name (text)",
    "delete_topic": "delete the topic with all that stands in it",
}


class CannotDoError(ValueError):
    """It is impossible here; the text says why."""


@dataclass(frozen=True, slots=True)
class GroupDeed:
    """One act of ``person`` in topic ``topic``; ``reply_to`` and ``message`` are message ids."""

    do: str
    person: str
    topic: int = GENERAL
    text: str = ""
    kind: str = "photo"
    reply_to: int | None = None
    message: int | None = None
    name: str = ""
    data: bytes | None = None
    latitude: float = 55.75
    longitude: float = 37.62
    as_group: bool = False


def parse_group_deed(data: dict[str, Any]) -> GroupDeed:
    """A deed from its JSON object, a file as ``{"name", "base64"}``; ValueError names the field."""
    if data.get("do") not in DEEDS:
        raise CannotDoError(f"'do' is {data.get('do')!r}; known are {', '.join(DEEDS)}")
    if not isinstance(data.get("person"), str):
        raise CannotDoError("'person' is the key of a member")
    fields = dict(data)
    file = fields.pop("file", None)
    if file is not None:
        try:
            fields |= {"name": str(file["name"]), "data": base64.b64decode(file["base64"], validate=True)}
        except (TypeError, KeyError, binascii.Error, ValueError):
            raise CannotDoError('\'file\' is {"name": …, "base64": …}') from None
    try:
        deed = GroupDeed(**fields)
    except TypeError as error:
        raise CannotDoError(str(error).partition(") ")[2] or str(error)) from None
    if not all(isinstance(one, int) for one in (deed.topic, deed.reply_to or 0, deed.message or 0)):
        raise CannotDoError("'topic', 'reply_to' and 'message' are numbers")
    if not isinstance(deed.text, str):
        raise CannotDoError("'text' is a string")
    return deed


class Staff:
    """The members' side of the groups."""

    def __init__(self, *, bot: Bot, groups: Groups, updates: Updates) -> None:
        self._bot = bot
        self._groups = groups
        self._updates = updates

    async def perform(self, group: Group, deed: GroupDeed) -> dict[str, Any]:
        """Do it now: ``{"message": id, "topic": number, "heard": whether the bot is told}``.

        Raises:
            CannotDoError: Telegram does not let this person do it.
        """
        person = self._groups.person(deed.person)
        role = group.members.get(person.key)
        if role not in ("administrator", "member"):
            raise CannotDoError(f"{person.name} is not in the group")
        if deed.as_group and role != "administrator":
            raise CannotDoError("only administrators write as the group")
        by = AS_GROUP if deed.as_group else person.key
        try:
            return await self._do(group, deed, by, role)
        except TelegramError as error:
            raise CannotDoError(error.description) from None

    async def _do(self, group: Group, deed: GroupDeed, by: str, role: str) -> dict[str, Any]:
        if deed.do == "open_topic":
            if not group.forum:
                raise CannotDoError("the group has no topics")
            return await self._told(group, self._groups.create(group, deed.text or "Topic", by))
        if deed.do == "edit":
            return await self._edit(group, deed, by)
        if deed.do == "delete":
            post = self._named(group, deed.message)
            if post.by != by and role != "administrator":
                raise CannotDoError("only administrators delete the messages of others")
            self._groups.remove(group, post)
            return {"message": post.message_id, "topic": post.thread, "heard": False}
        topic = group.topic(deed.topic, sending=True) if deed.topic != GENERAL else None
        if deed.do.endswith("_topic"):
            if topic is None:
                raise CannotDoError("the general topic stays as it is")
            return await self._keep(group, topic, deed, by, role)
        if topic is not None and topic.closed and role != "administrator":
            raise CannotDoError("the topic is closed")
        return await self._write(group, deed, by)

    async def _write(self, group: Group, deed: GroupDeed, by: str) -> dict[str, Any]:
        if deed.reply_to is not None:
            self._named(group, deed.reply_to)
        if deed.do == "write":
            if not deed.text.strip() or len(deed.text) > TEXT_LIMIT:
                raise CannotDoError(f"write 1 to {TEXT_LIMIT} characters")
            post = self._groups.post(group, deed.topic, by, "text", deed.text, reply_to=deed.reply_to)
        elif deed.do == "send_location":
            place = {"latitude": deed.latitude, "longitude": deed.longitude}
            post = self._groups.post(group, deed.topic, by, "location", detail=place, reply_to=deed.reply_to)
        else:
            if deed.kind not in _SAMPLES:
                raise CannotDoError(f"'kind' is one of {', '.join(_SAMPLES)}")
            name, sample = _SAMPLES[deed.kind]
            upload = self._bot.files.keep(deed.name or name, sample if deed.data is None else deed.data)
            post = self._groups.post(
                group, deed.topic, by, deed.kind, deed.text, upload=upload, reply_to=deed.reply_to
            )  # fmt: skip
        return await self._told(group, post)

    async def _edit(self, group: Group, deed: GroupDeed, by: str) -> dict[str, Any]:
        post = self._named(group, deed.message)
        if post.by != by or (post.kind != "text" and post.upload is None):
            raise CannotDoError("one edits one's own words only")
        post.text, post.entities, post.edited = deed.text, None, True
        self._groups.changed(group, post)
        return await self._told(group, post, "edited_message")

    async def _keep(self, group: Group, topic: Topic, deed: GroupDeed, by: str, role: str) -> dict[str, Any]:
        if role != "administrator" and topic.by != by:
            raise CannotDoError("only administrators keep the topics of others")
        if deed.do == "delete_topic":
            self._groups.drop(group, topic)
            return {"message": None, "topic": topic.thread, "heard": False}
        if deed.do == "rename_topic":
            return await self._told(group, self._groups.rename(group, topic, deed.text or topic.name, by))
        return await self._told(group, self._groups.turn(group, topic, by, closed=deed.do == "close_topic"))

    async def _told(self, group: Group, post: Post, kind: str = "message") -> dict[str, Any]:
        person: Person | None = None if post.by == AS_GROUP else self._groups.person(post.by)
        user = person.telegram.user_id if person is not None and person.telegram is not None else group.id
        heard = False
        if self._hears(group, post):
            heard = await self._updates.add(kind, self._groups.message_json(group, post), user)
        return {"message": post.message_id, "topic": post.thread, "heard": heard}

    @staticmethod
    def _hears(group: Group, post: Post) -> bool:
        if group.bot in ("left", "kicked"):
            return False
        answered = group.find(post.reply_to)
        to_the_bot = answered is not None and answered.by == BOT
        return group.bot == "administrator" or post.text.startswith("/") or to_the_bot

    @staticmethod
    def _named(group: Group, message: int | None) -> Post:
        post = group.find(message)
        if post is None:
            raise CannotDoError(f"there is no message {message} in the group")
        return post
