"""The Bot API's methods in a group: messages into topics, and the topics themselves.

A bot that may manage topics writes into closed ones as well, as any administrator with that right; another is refused
with ``TOPIC_CLOSED``. Everything that makes a message in the group counts against its twenty a minute, the messages by
which Telegram says that a topic was made, closed or opened too.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.errors import refused, too_many
from sandbox.telegram.files import album
from sandbox.telegram.groups import BOT, GENERAL, Group, Groups, Post, Topic
from sandbox.telegram.markup import boolean, integer, keyboard, rows_of, structure

NAME_LIMIT = 128
FILES = ("photo", "document", "voice", "video", "video_note", "audio", "sticker", "animation")

Params = dict[str, Any]
Method = Callable[[Group, Params], Awaitable[Any]]
_RIGHTS = (
    "can_be_edited", "is_anonymous", "can_promote_members", "can_change_info", "can_post_stories", "can_edit_stories",
    "can_delete_stories", "can_manage_video_chats", "can_restrict_members", "can_invite_users",
    "can_send_welcome_messages",
)  # fmt: skip
_HAS = ("can_manage_chat", "can_delete_messages", "can_pin_messages")


class GroupMethods:
    """The table of methods, by name in lower case; each is given the group that it is about."""

    def __init__(self, *, bot: Bot, groups: Groups) -> None:
        self._bot = bot
        self._groups = groups
        self.table: dict[str, Method] = {
            "createforumtopic": self._create,
            "editforumtopic": self._edit_topic,
            "closeforumtopic": self._close,
            "reopenforumtopic": self._reopen,
            "deleteforumtopic": self._delete_topic,
            "sendmessage": self._send_message,
            "sendlocation": self._send_location,
            "sendmediagroup": self._send_album,
            "editmessagetext": self._edit,
            "deletemessage": self._delete,
            "sendchataction": self._act,
            "getchat": self._chat,
            "getchatmember": self._member,
        }
        for kind in FILES:
            self.table[f"send{kind.replace('_', '')}"] = self._sender(kind)

    async def call(self, group: Group, name: str, params: Params) -> Any:
        """Run a method; 404 where a group has no such method."""
        method = self.table.get(name.lower())
        if method is None:
            raise refused(404, "method not found")
        if group.bot in ("left", "kicked"):
            words = "is not a member of" if group.bot == "left" else "was kicked from"
            raise refused(403, f"bot {words} the supergroup chat")
        return await method(group, params)

    # Topics --------------------------------------------------------------------------------------------------------

    async def _create(self, group: Group, params: Params) -> Any:
        if not group.forum:
            raise refused(400, "the chat is not a forum")
        if not group.keeps:
            raise refused(400, "not enough rights to create a topic")
        name = _name(params)
        self._count(group)
        made = self._groups.create(group, name, BOT)
        return {"message_thread_id": made.thread, "name": name, "icon_color": made.detail["icon_color"]}

    async def _edit_topic(self, group: Group, params: Params) -> Any:
        topic = self._kept(group, params, "edit")
        self._groups.rename(group, topic, _name(params), BOT)
        return True

    async def _close(self, group: Group, params: Params) -> Any:
        return self._turn(group, params, closed=True)

    async def _reopen(self, group: Group, params: Params) -> Any:
        return self._turn(group, params, closed=False)

    async def _delete_topic(self, group: Group, params: Params) -> Any:
        self._groups.drop(group, self._kept(group, params, "delete"))
        return True

    def _turn(self, group: Group, params: Params, *, closed: bool) -> bool:
        topic = self._kept(group, params, "edit")
        if topic.closed != closed:
            self._count(group)
        self._groups.turn(group, topic, BOT, closed=closed)
        return True

    def _kept(self, group: Group, params: Params, deed: str) -> Topic:
        topic = group.topic(integer(params, "message_thread_id", -1), sending=False)
        if not group.keeps:
            raise refused(400, f"not enough rights to {deed} the topic")
        return topic

    # Messages ------------------------------------------------------------------------------------------------------

    async def _send_message(self, group: Group, params: Params) -> Any:
        text, entities = self._bot.compose(params)
        return self._json(group, self._put(group, params, "text", text, entities=entities or None))

    async def _send_location(self, group: Group, params: Params) -> Any:
        try:
            place = {name: float(params[name]) for name in ("latitude", "longitude")}
        except (KeyError, TypeError, ValueError):
            raise refused(400, "latitude and longitude must be numbers") from None
        return self._json(group, self._put(group, params, "location", detail=place))

    def _sender(self, kind: str) -> Method:
        async def send(group: Group, params: Params) -> Any:
            upload = self._bot.files.given(params, kind, params.get(kind))
            text, entities = self._bot.compose(params, "caption")
            return self._json(group, self._put(group, params, kind, text, entities=entities or None, upload=upload))

        return send

    async def _send_album(self, group: Group, params: Params) -> Any:
        items = [
            (item, self._bot.files.given(params, str(item["type"]), item.get("media")),
             *self._bot.compose(item, "caption"))
            for item in album(params)
        ]  # fmt: skip
        self._count(group, len(items))
        return [
            self._json(
                group,
                self._put(
                    group, params, str(item["type"]), text, counted=True, entities=entities or None, upload=upload
                ),
            )
            for item, upload, text, entities in items
        ]

    def _put(
        self, group: Group, params: Params, kind: str, text: str = "", *, counted: bool = False, **more: Any
    ) -> Post:
        thread = integer(params, "message_thread_id", GENERAL)
        if thread != GENERAL:
            topic = group.topic(thread, sending=True)
            if topic.closed and (group.closed_to_all or not group.keeps):
                raise refused(400, "TOPIC_CLOSED")
        reply_to = self._answered(group, params)
        markup = keyboard(params)
        if not counted:
            self._count(group)
        return self._groups.post(
            group, thread, BOT, kind, text, reply_to=reply_to, buttons=rows_of(markup), **more
        )  # fmt: skip

    def _answered(self, group: Group, params: Params) -> int | None:
        """The message that ``reply_parameters`` name; 400 where it is gone and nothing says that this is fine."""
        if not params.get("reply_parameters"):
            return None
        given = structure(params["reply_parameters"], "reply parameters")
        given = given if isinstance(given, dict) else {}
        found = group.find(integer(given, "message_id", -1))
        if found is None and not boolean(given, "allow_sending_without_reply"):
            raise refused(400, "message to be replied not found")
        return found.message_id if found is not None else None

    async def _edit(self, group: Group, params: Params) -> Any:
        post = self._own(group, params, "message to edit not found")
        text, entities = self._bot.compose(params)
        if (text, entities or None) == (post.text, post.entities):
            raise refused(400, "message is not modified")
        post.text, post.entities, post.edited = text, entities or None, True
        self._groups.changed(group, post)
        return self._json(group, post)

    async def _delete(self, group: Group, params: Params) -> Any:
        self._groups.remove(group, self._own(group, params, "message to delete not found"))
        return True

    async def _act(self, group: Group, params: Params) -> Any:
        if not params.get("action"):
            raise refused(400, "wrong parameter action in request")
        return True

    def _own(self, group: Group, params: Params, words: str) -> Post:
        post = group.find(integer(params, "message_id", -1))
        if post is None or post.by != BOT:
            raise refused(400, words)
        return post

    # The group itself ----------------------------------------------------------------------------------------------

    async def _chat(self, group: Group, params: Params) -> Any:
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        return {
            **self._groups.chat_json(group),
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, False),
        }

    async def _member(self, group: Group, params: Params) -> Any:
        wanted = integer(params, "user_id", 0)
        if wanted == self._bot.id:
            return _membership(self._bot.user(), group.bot, topics=group.can_manage_topics)
        for key, role in group.members.items():
            person = self._groups.person(key)
            if person.telegram is not None and person.telegram.user_id == wanted:
                return _membership(self._bot.user_json(person), role, topics=role == "administrator")
        raise refused(400, "user not found")

    def _json(self, group: Group, post: Post) -> dict[str, Any]:
        return self._groups.message_json(group, post)

    def _count(self, group: Group, messages: int = 1) -> None:
        wait = self._bot.limits.take_in_group(group.id, messages)
        if wait is not None:
            raise too_many(wait)


def _name(params: Params) -> str:
    name = str(params.get("name") or "").strip()
    if not name:
        raise refused(400, "TOPIC_TITLE_EMPTY")
    if len(name) > NAME_LIMIT:
        raise refused(400, "topic name is too long")
    return name


def _membership(user: dict[str, Any], role: str, *, topics: bool) -> dict[str, Any]:
    """A ChatMember."""
    if role == "administrator":
        rights = dict.fromkeys(_RIGHTS, False) | dict.fromkeys(_HAS, True)
        return {"status": role, "user": user, **rights, "can_manage_topics": topics}
    return {"status": role, "user": user, **({"until_date": 0} if role == "kicked" else {})}
