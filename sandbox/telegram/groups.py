"""Groups with topics (forum supergroups): who is in them, their topics, and what stands in each.

A topic's number is the id of the service message that began it; 0 is the general one, whose messages have no number.
What Telegram says of a topic that is gone comes in two wordings: its own ``TOPIC_DELETED`` while the bot's server still
remembers the topic, "message thread not found" from then on.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import BusinessClock, iso
from sandbox.live import Live
from sandbox.people import People, Person
from sandbox.telegram.bot import Bot
from sandbox.telegram.entities import command_entity
from sandbox.telegram.errors import refused
from sandbox.telegram.files import Upload, shown
from sandbox.telegram.markup import is_inline

POSTS_KEPT = 2000
GENERAL = 0
BOT = "company"
AS_GROUP = "group"
ROLES = ("administrator", "member", "left", "kicked")
SERVICE = frozenset({"forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"})
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
"""The user in whose name Telegram shows what an administrator writes as the group."""


@dataclass(slots=True)
class Post:
    """One message. ``by`` is ``company``, ``group`` or a person's key; ``kind`` text, a file's, or a service's."""

    message_id: int
    at: int
    thread: int
    by: str
    kind: str
    text: str = ""
    entities: list[dict[str, Any]] | None = None
    upload: Upload | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    buttons: list[list[dict[str, Any]]] | None = None
    reply_to: int | None = None
    edited: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the page: ``by`` is a person's key, ``company`` (the bot) or ``group``."""
        return {
            "id": self.message_id, "at": iso(self.at), "topic": self.thread, "by": self.by, "kind": self.kind,
            "text": self.text, "entities": self.entities or [], "file": self.upload and self.upload.name,
            "detail": self.detail, "buttons": self.buttons, "reply_to": self.reply_to, "edited": self.edited,
        }  # fmt: skip


@dataclass(slots=True)
class Topic:
    """One topic."""

    thread: int
    name: str
    by: str
    closed: bool = False


@dataclass(slots=True)
class Group:
    """One group. ``bot`` is the bot's role; ``closed_to_all``: a closed topic takes nothing from its keepers either.

    ``members`` are people by key, with their roles.
    """

    id: int
    title: str
    forum: bool = True
    bot: str = "administrator"
    can_manage_topics: bool = True
    closed_to_all: bool = False
    members: dict[str, str] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    posts: deque[Post] = field(default_factory=lambda: deque(maxlen=POSTS_KEPT))
    last_id: int = 0
    forgotten: set[int] = field(default_factory=set)

    @property
    def keeps(self) -> bool:
        """Whether the bot may make, close and delete topics."""
        return self.bot == "administrator" and self.can_manage_topics

    def topic(self, thread: int, *, sending: bool) -> Topic:
        """The topic with this number; 400 in Telegram's words where there is none."""
        found = self.topics.get(thread)
        if found is not None:
            return found
        if sending and thread in self.forgotten:
            self.forgotten.discard(thread)
            raise refused(400, "TOPIC_DELETED")
        raise refused(400, "message thread not found" if sending else "TOPIC_ID_INVALID")

    def find(self, message_id: int | None) -> Post | None:
        """The message with this id."""
        return next((post for post in reversed(self.posts) if post.message_id == message_id), None)

    def settings(self) -> dict[str, Any]:
        """How it is set up."""
        names = ("id", "title", "forum", "bot", "can_manage_topics", "closed_to_all", "members")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, Any]:
        """All of it, for the page: topics in the order in which they were made, the general one first."""
        first = [Topic(GENERAL, "General", BOT)]
        topics = [
            {"id": one.thread, "name": one.name, "closed": one.closed, "by": one.by,
             "posts": [post.as_json() for post in self.posts if post.thread == one.thread]}
            for one in (*first, *self.topics.values())
        ]  # fmt: skip
        return {**self.settings(), "topics": topics}


class Groups:
    """The groups that the bot may be in, by id."""

    def __init__(self, *, clock: BusinessClock, people: People, live: Live, bot: Bot) -> None:
        self._clock = clock
        self._people = people
        self._live = live
        self._bot = bot
        self._groups: dict[int, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def get(self, id_: int) -> Group:
        """The group; ValueError where there is none."""
        if id_ not in self._groups:
            raise ValueError(f"there is no group {id_}")
        return self._groups[id_]

    def among(self, params: dict[str, Any]) -> Group | None:
        """The group that ``chat_id`` names."""
        try:
            return self._groups.get(int(str(params.get("chat_id"))))
        except ValueError:
            return None

    def set_up(self, settings: dict[str, Any]) -> Group:
        """Make a group, or change one; ValueError says what is wrong."""
        id_ = settings.get("id")
        if not isinstance(id_, int) or id_ >= 0:
            raise ValueError("'id' is a group's chat id, such as -1001234567890")
        known = Group(0, "").settings()
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"unknown field {name!r}; a group has {', '.join(known)}")
            if name != "members" and type(value) is not type(known[name]):
                raise ValueError(f"{name!r} is of type {type(known[name]).__name__}")
        given = dict(settings)
        if "members" in given:
            given["members"] = self._members(given["members"])
        if given.get("bot", ROLES[0]) not in ROLES:
            raise ValueError(f"'bot' is one of {', '.join(ROLES)}")
        group = self._groups.setdefault(id_, Group(id_, str(given.get("title", "Support"))))
        for name, value in given.items():
            setattr(group, name, value)
        self._live.publish("group", group=group.settings())
        return group

    def post(self, group: Group, thread: int, by: str, kind: str, text: str = "", **more: Any) -> Post:
        """Put a message into a topic."""
        group.last_id += 1
        post = Post(group.last_id, self._clock.micros(), thread, by, kind, text, **more)
        group.posts.append(post)
        self._live.publish("post", group=group.id, post=post.as_json())
        return post

    def changed(self, group: Group, post: Post) -> None:
        """Tell the pages that a message reads otherwise."""
        self._live.publish("post", group=group.id, post=post.as_json())

    def create(self, group: Group, name: str, by: str) -> Post:
        """Begin a topic; gives its service message."""
        detail = {"name": name, "icon_color": 7322096}
        made = self.post(group, group.last_id + 1, by, "forum_topic_created", detail=detail)
        group.topics[made.thread] = Topic(made.thread, name, by)
        self.moved(group)
        return made

    def turn(self, group: Group, topic: Topic, by: str, *, closed: bool) -> Post:
        """Close or open a topic; 400 where it is so already."""
        if topic.closed == closed:
            raise refused(400, "TOPIC_NOT_MODIFIED")
        topic.closed = closed
        self.moved(group)
        return self.post(group, topic.thread, by, "forum_topic_closed" if closed else "forum_topic_reopened")

    def rename(self, group: Group, topic: Topic, name: str, by: str) -> Post:
        """Give a topic another name; 400 where it has it."""
        if topic.name == name:
            raise refused(400, "TOPIC_NOT_MODIFIED")
        topic.name = name
        self.moved(group)
        return self.post(group, topic.thread, by, "forum_topic_edited", detail={"name": name})

    def drop(self, group: Group, topic: Topic) -> None:
        """Delete a topic with everything in it: nobody is told."""
        del group.topics[topic.thread]
        group.forgotten.add(topic.thread)
        for post in [post for post in group.posts if post.thread == topic.thread]:
            group.posts.remove(post)
        self.moved(group)

    def remove(self, group: Group, post: Post) -> None:
        """Delete one message: no bot is told."""
        group.posts.remove(post)
        self._live.publish("post_deleted", group=group.id, topic=post.thread, id=post.message_id)

    def moved(self, group: Group) -> None:
        """Tell the pages which topics there are now."""
        topics = [{"id": one.thread, "name": one.name, "closed": one.closed} for one in group.topics.values()]
        self._live.publish("topics", group=group.id, topics=topics)

    def as_json(self, group: Group) -> dict[str, Any]:
        """All of it with its members' ``names`` by key, for the page."""
        return {**group.as_json(), "names": {key: self.person(key).name for key in group.members}}

    def person(self, key: str) -> Person:
        """A member; ValueError where nobody has the key."""
        try:
            return self._people.get(key)
        except LookupError as error:
            raise ValueError(error.args[0]) from None

    def chat_json(self, group: Group) -> dict[str, Any]:
        """The group, as a Chat."""
        chat = {"id": group.id, "type": "supergroup", "title": group.title}
        return {**chat, "is_forum": True} if group.forum else chat

    def message_json(self, group: Group, post: Post, *, whole: bool = True) -> dict[str, Any]:
        """The message, as a Message. What answers nothing in a topic answers the service message that began it."""
        data: dict[str, Any] = {
            "message_id": post.message_id, "from": self._author(post), "chat": self.chat_json(group),
            "date": post.at // 1_000_000,
        }  # fmt: skip
        if post.by == AS_GROUP:
            data["sender_chat"] = self.chat_json(group)
        if post.thread:
            data |= {"message_thread_id": post.thread, "is_topic_message": True}
        answered = group.find(post.reply_to or post.thread) if whole else None
        if answered is not None and answered is not post:
            data["reply_to_message"] = self.message_json(group, answered, whole=False)
        if post.edited:
            data["edit_date"] = self._clock.micros() // 1_000_000
        if post.buttons and is_inline(post.buttons):
            data["reply_markup"] = {"inline_keyboard": post.buttons}
        return data | _content(post)

    def _author(self, post: Post) -> dict[str, Any]:
        if post.by == BOT:
            return self._bot.user()
        return ANONYMOUS if post.by == AS_GROUP else self._bot.user_json(self._people.get(post.by))

    def _members(self, given: Any) -> dict[str, str]:
        if isinstance(given, list):
            given = dict.fromkeys(given, "member")
        if not isinstance(given, dict):
            raise ValueError("'members' are people by key, with their roles")  # noqa: TRY004 - told as 400
        for key, role in given.items():
            if self.person(key).telegram is None or role not in ROLES:
                raise ValueError(f"{key!r}: give somebody with Telegram, and one of {', '.join(ROLES)}")
        return given


def _content(post: Post) -> dict[str, Any]:
    if post.kind == "text":
        entities = post.entities or (command_entity(post.text) if post.by != BOT else None)
        return {"text": post.text, **({"entities": entities} if entities else {})}
    if post.upload is not None:
        more: dict[str, Any] = {"caption": post.text} if post.text else {}
        if post.entities:
            more["caption_entities"] = post.entities
        return shown(post.upload, post.kind) | more
    return {post.kind: post.detail}
