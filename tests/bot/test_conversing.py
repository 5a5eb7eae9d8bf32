"""Who answers: people where they have the chat, a flow, the answers, or people who are asked for."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from bot.handoff import ownership
from bot.routing import handle
from core.actors import SYSTEM
from core.agents import Presence
from core.machines.conversation import ConversationState
from core.messages import EMAIL, TELEGRAM, Address, InboundMessage
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, ConversationEvent, Customer, Message
from tests.bot.scene import Scene, written
from tests.conftest import NOW

S = ConversationState
VERA = Address(TELEGRAM, "5501", "99")


async def agent(scene: Scene, presence: Presence = Presence.ONLINE) -> str:
    made = Agent(name="Ann", email="ann@example.com", presence=presence, created_at=NOW)
    async with scene.store.write() as connection:
        await connection.execute(table(Agent).insert(), made.model_dump())
    return made.id


async def say(
    scene: Scene, text: str, key: str = "1", sender: Address = VERA, at: datetime = NOW, **more: object
) -> None:
    one = written(sender, text, key=key, **more)  # type: ignore[arg-type]
    async with scene.store.write() as connection:
        await handle(connection, one, scene.context(at))


async def chat(scene: Scene) -> Conversation:
    (row,) = await scene.all(Conversation)
    return row


async def said(scene: Scene) -> list[str]:
    return [row.content["text"] for row in await scene.all(Message, direction="out")]


async def test_without_anybody_nothing_is_said(scene: Scene) -> None:
    await say(scene, "Talk to a human!")
    assert (await chat(scene)).state is S.BOT
    assert await said(scene) == []


async def test_what_nobody_knows_goes_to_people(scene: Scene) -> None:
    await agent(scene)
    await say(scene, "Do you ship to the moon?")
    row = await chat(scene)
    assert (row.state, row.language) == (S.QUEUED, "en")
    assert row.answer_due is not None
    (text,) = await said(scene)
    assert "12:15" in text, "the promise, on the customer's clock"
    await say(scene, "Hello?", key="2")
    assert len(await said(scene)) == 1, "the bot is silent while they wait"
    (event,) = await scene.all(ConversationEvent)
    assert event.detail["why"] == "no answer"
    assert event.text == "Do you ship to the moon?"


async def test_at_night_the_honest_time_is_told(scene: Scene) -> None:
    await agent(scene, Presence.OFFLINE)
    late = NOW + timedelta(hours=9)
    async with scene.store.write() as connection:
        await handle(connection, written(VERA, "позовите оператора"), scene.context(late))
    (text,) = await said(scene)
    assert "09:15" in text
    (event,) = await scene.all(ConversationEvent)
    assert event.detail["why"] == "asked"


async def test_the_bot_is_silent_while_people_have_it(scene: Scene) -> None:
    ann = await agent(scene)
    await say(scene, "human")
    row = await chat(scene)
    async with scene.store.write() as connection:
        token = await ownership.take(connection, row.id, ann, actor=SYSTEM, now=NOW)
        await ownership.written_by(connection, row.id, ann, token, NOW)
        await ownership.snooze(connection, row.id, NOW + timedelta(hours=1), actor=SYSTEM, now=NOW)
    await say(scene, "one more thing", key="2")
    row = await chat(scene)
    assert (row.state, row.waiting_since, row.agent) == (S.ASSIGNED, NOW, ann), "awake, and waiting again"
    assert row.answer_due is not None
    assert len(await said(scene)) == 1


async def test_who_is_blocked_reaches_nobody(scene: Scene) -> None:
    await agent(scene)
    await say(scene, "hello")
    async with scene.store.write() as connection:
        await connection.execute(update(table(Conversation)).values(state=S.BOT, blocked_at=NOW))
    await say(scene, "human", key="2")
    assert (await chat(scene)).state is S.BOT
    assert len(await said(scene)) == 1


async def test_a_mail_that_only_names_its_sender_is_answered_by_people(scene: Scene) -> None:
    await agent(scene)
    await say(scene, "Where is it?", sender=Address(EMAIL, "vera@example.org"))
    row = await chat(scene)
    assert (row.state, row.verified) == (S.QUEUED, False)
    assert await said(scene) == []


@pytest.mark.parametrize("automatic", ["auto-replied", ""])
async def test_machines_ask_for_nobody(scene: Scene, automatic: str) -> None:
    await agent(scene)
    person = await scene.person()
    async with scene.store.write() as connection:
        await connection.execute(update(table(Customer)).values(locale="ru"))
    one = InboundMessage(account="mail", key="k", sender=person.email, text="human", automatic=automatic)
    async with scene.store.write() as connection:
        await handle(connection, one, scene.context(NOW))
    row = await chat(scene)
    assert row.state is (S.BOT if automatic else S.QUEUED)


async def test_who_comes_back_soon_comes_back_to_their_agent(scene: Scene) -> None:
    ann = await agent(scene)
    await say(scene, "human")
    row = await chat(scene)
    async with scene.store.write() as connection:
        await ownership.take(connection, row.id, ann, actor=SYSTEM, now=NOW)
        await ownership.resolve(connection, row.id, actor=SYSTEM, now=NOW)
    await say(scene, "thanks!", key="2", at=NOW + timedelta(days=2))
    row = await chat(scene)
    assert (row.state, row.agent) == (S.QUEUED, ann)
    assert len(await said(scene)) == 1, "nothing is promised again"
    async with scene.store.write() as connection:
        await ownership.resolve(connection, row.id, actor=SYSTEM, now=NOW + timedelta(days=2))
    await say(scene, "a new question", key="3", at=NOW + timedelta(days=9))
    assert len(await said(scene)) == 2, "long after, it is a new question"


@pytest.mark.parametrize(
    ("days", "blocked", "same"), [(29, False, True), (31, False, False), (31, True, True)],
    ids=["soon", "late", "blocked"],
)  # fmt: skip
async def test_a_word_after_the_end_goes_on_or_begins_anew(scene: Scene, days: int, blocked: bool, same: bool) -> None:
    await agent(scene)
    await say(scene, "hello")
    row = await chat(scene)
    async with scene.store.write() as connection:
        await ownership.resolve(connection, row.id, actor=SYSTEM, now=NOW + timedelta(days=1))
        if blocked:
            await connection.execute(update(table(Conversation)).values(blocked_at=NOW))
    at = NOW + timedelta(days=1 + days)
    await say(scene, "one more question", key="2", at=at)
    rows = await scene.all(Conversation)
    first, last = rows[0], rows[-1]
    assert (first.id == last.id) is same
    assert first.state is (S.BOT if blocked else S.QUEUED if same else S.RESOLVED)
    if not same:
        assert (last.state, last.opened_at, last.agent) == (S.QUEUED, at, "")
        await say(scene, "hello?", key="3", at=at)
        assert len(await scene.all(Conversation)) == 2
