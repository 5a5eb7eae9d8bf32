"""Groups with topics: by aiogram, by plain requests; what members do, what the bot hears, rights, the group's rate."""

from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter
from aiogram.types import BufferedInputFile, ChatMemberAdministrator, ReplyParameters

from sandbox.telegram.limits import GROUP_MESSAGES, Limits
from tests.sandbox.groups import GROUP, StaffGroup
from tests.sandbox.scene import Running
from tests.sandbox.test_telegram import bot_for, call


@pytest.fixture
async def bot(sandbox: Running) -> Any:
    made = bot_for(sandbox)
    yield made
    await made.session.close()


@pytest.fixture
async def group(sandbox: Running) -> StaffGroup:
    return await StaffGroup(sandbox).set_up()


async def test_a_topic_is_made_written_in_closed_opened_renamed_and_deleted(group: StaffGroup, bot: Bot) -> None:
    topic = await bot.create_forum_topic(GROUP, "Anna · Telegram")
    thread = topic.message_thread_id
    said = await bot.send_message(GROUP, "<b>hello</b>", message_thread_id=thread, parse_mode="HTML")
    assert (said.message_thread_id, said.is_topic_message, said.chat.is_forum) == (thread, True, True)
    with pytest.raises(TelegramBadRequest, match="TOPIC_NOT_MODIFIED"):
        await bot.reopen_forum_topic(GROUP, thread)
    assert await bot.close_forum_topic(GROUP, thread)
    assert await bot.edit_forum_topic(GROUP, thread, name="Anna")
    (shown,) = await group.topics()
    assert (shown["name"], shown["closed"]) == ("Anna", True)
    assert await bot.reopen_forum_topic(GROUP, thread)
    assert await group.text("Anna") == "hello"
    assert await bot.delete_forum_topic(GROUP, thread)
    assert await group.topics() == []


async def test_what_members_write_reaches_the_bot_with_topic_and_answered_message(group: StaffGroup, bot: Bot) -> None:
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    asked = await bot.send_message(GROUP, "Where is it?", message_thread_id=thread)
    said = await group.do("write", thread, text="On its way")
    await group.do("write", thread, "pavel", text="/note ok", reply_to=asked.message_id)
    await group.do("edit", thread, message=said["message"], text="On its way!")
    plain, command, edited = await bot.get_updates()
    assert plain.message is not None
    assert plain.message.from_user is not None
    assert (plain.message.from_user.id, plain.message.message_thread_id) == (7001, thread)
    # Telegram lets what answers nothing answer the line that began the topic
    assert plain.message.reply_to_message is not None
    assert plain.message.reply_to_message.forum_topic_created is not None
    assert command.message is not None
    assert command.message.reply_to_message is not None
    assert command.message.reply_to_message.message_id == asked.message_id
    assert edited.edited_message is not None
    assert edited.edited_message.text == "On its way!"


@pytest.mark.parametrize("kind", ["photo", "document", "voice", "audio", "video", "video_note", "sticker"])
async def test_files_go_both_ways(group: StaffGroup, bot: Bot, kind: str) -> None:
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    await group.do("send", thread, kind=kind, text="see")
    (update,) = await bot.get_updates()
    assert update.message is not None
    came = getattr(update.message, kind)
    file = await bot.get_file((came[-1] if kind == "photo" else came).file_id)
    assert file.file_size
    send = getattr(bot, f"send_{kind}")
    await send(GROUP, BufferedInputFile(b"bytes", "thing"), message_thread_id=thread)
    (post,) = await group.posts(thread)
    assert (post["kind"], post["file"]) == (kind, "thing")


async def test_places_replies_and_edits_of_the_bot(group: StaffGroup, bot: Bot) -> None:
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    asked = await group.do("send_location", thread)
    place = await bot.send_location(GROUP, 1.5, 2.5, message_thread_id=thread)
    assert place.location is not None
    told = await bot.send_message(
        GROUP, "seen", message_thread_id=thread, reply_parameters=ReplyParameters(message_id=asked["message"])
    )
    await bot.edit_message_text("seen!", chat_id=GROUP, message_id=told.message_id)
    post = (await group.posts(thread))[-1]
    assert (post["text"], post["edited"], post["reply_to"]) == ("seen!", True, asked["message"])
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await bot.send_message(GROUP, "x", reply_parameters=ReplyParameters(message_id=999))


async def test_a_deleted_topic_is_told_in_both_wordings(group: StaffGroup, bot: Bot) -> None:
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    done = await group.do("delete_topic", thread)
    assert not done["heard"]
    for words in ("TOPIC_DELETED", "message thread not found"):
        with pytest.raises(TelegramBadRequest, match=words):
            await bot.send_message(GROUP, "hello", message_thread_id=thread)
    with pytest.raises(TelegramBadRequest, match="TOPIC_ID_INVALID"):
        await bot.close_forum_topic(GROUP, thread)


async def test_who_may_write_in_a_closed_topic(group: StaffGroup, bot: Bot) -> None:
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    await group.do("close_topic", thread)
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert update.message.forum_topic_closed is not None
    await bot.send_message(GROUP, "an administrator may", message_thread_id=thread)
    deed = {"do": "write", "person": "pavel", "topic": thread, "text": "I?"}
    assert "closed" in (await group.sandbox.post(f"/api/groups/{GROUP}/do", deed, 400))["error"]
    for settings in ({"closed_to_all": True}, {"closed_to_all": False, "can_manage_topics": False}):
        await group.set_up(**settings)
        with pytest.raises(TelegramBadRequest, match="TOPIC_CLOSED"):
            await bot.send_message(GROUP, "hello", message_thread_id=thread)


async def test_rights(group: StaffGroup, bot: Bot) -> None:
    me = await bot.get_chat_member(GROUP, bot.id)
    assert isinstance(me, ChatMemberAdministrator)
    assert me.can_manage_topics
    assert (await bot.get_chat_member(GROUP, 7002)).status == "member"
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    await group.set_up(can_manage_topics=False)
    with pytest.raises(TelegramBadRequest, match="not enough rights to create a topic"):
        await bot.create_forum_topic(GROUP, "Boris")
    await group.set_up(bot="member")
    assert (await group.do("write", thread, text="unheard"))["heard"] is False  # privacy mode
    assert (await group.do("write", thread, text="/take"))["heard"] is True
    await group.set_up(bot="kicked")
    with pytest.raises(TelegramForbiddenError, match="kicked from the supergroup"):
        await bot.send_message(GROUP, "hello", message_thread_id=thread)
    await group.set_up(bot="administrator", can_manage_topics=True, forum=False)
    assert (await bot.get_chat(GROUP)).is_forum is None
    with pytest.raises(TelegramBadRequest, match="the chat is not a forum"):
        await bot.create_forum_topic(GROUP, "Boris")


async def test_a_group_takes_twenty_messages_a_minute_topics_included(group: StaffGroup, bot: Bot) -> None:
    thread = (await bot.create_forum_topic(GROUP, "Anna")).message_thread_id
    for number in range(GROUP_MESSAGES - 1):
        await bot.send_message(GROUP, f"line {number}", message_thread_id=thread)
    for refused in (bot.send_message(GROUP, "one more", message_thread_id=thread), bot.create_forum_topic(GROUP, "B")):
        with pytest.raises(TelegramRetryAfter) as caught:
            await refused
        assert 0 < caught.value.retry_after <= 60
    answer = await call(group.sandbox, "sendMessage", chat_id=GROUP, text="x")
    assert answer["error_code"] == 429
    other = StaffGroup(group.sandbox, GROUP - 1)
    await other.set_up()
    await bot.send_message(other.id, "another group has its own")


def test_no_minute_has_more_than_twenty() -> None:
    time = 0.0
    limits = Limits(now=lambda: time)
    taken: list[float] = []
    for step in range(3000):
        time = step * 0.1
        if limits.take_in_group(GROUP) is None:
            taken.append(time)
    assert len(taken) == 5 * GROUP_MESSAGES
    assert all(later - earlier >= 60 for earlier, later in zip(taken, taken[GROUP_MESSAGES:], strict=False))
    assert limits.take_in_group(GROUP, 3) is not None


async def test_mistakes_are_told(group: StaffGroup) -> None:
    where = f"/api/groups/{GROUP}/do"
    for deed, words in (
        ({"do": "dance", "person": "olga"}, "known are write"),
        ({"do": "write", "person": "anna", "text": "hi"}, "not in the group"),
        ({"do": "write", "person": "nobody", "text": "hi"}, "nobody here"),
        ({"do": "write", "person": "olga", "topic": 77, "text": "hi"}, "thread not found"),
        ({"do": "write", "person": "olga", "wat": 1}, "wat"),
        ({"do": "send", "person": "olga", "file": {"name": "a"}}, "base64"),
    ):
        assert words in (await group.sandbox.post(where, deed, 400))["error"]
    for settings, words in (({"id": 5}, "chat id"), ({"id": GROUP, "bot": "king"}, "'bot'"), ({"id": -5, "x": 1}, "x")):
        assert words in (await group.sandbox.post("/control/telegram/groups", settings, 400))["error"]
