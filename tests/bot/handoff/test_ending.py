"""The end of a chat: the customer is asked once how it was, where they wrote last, and what they say is kept."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.flows.builtin import NPS
from bot.flows.carrying import Place
from bot.flows.running import begin
from bot.handoff import ownership
from bot.handoff.answering import Draft, answer
from bot.handoff.ending import end_chat
from bot.routing import handle
from campaigns.definition import Brand, WorkspaceConfig
from core.actors import SYSTEM
from core.agents import Presence
from core.machines.conversation import ConversationState
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP, Address
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Agent, Conversation, ConversationEvent, Event, FlowRun, Identity, Message
from tests.bot.scene import Scene, written
from tests.conftest import NOW

S = ConversationState
VERA = Address(TELEGRAM, "5501", "99")
PLACES = (
    VERA, Address(SMS, "+12025550147"), Address(WHATSAPP, "+12025550148"), Address(WEBCHAT, "visitor-1"),
)  # fmt: skip


class Chat:
    """One customer, one agent, and their conversation. ``desk`` is what the settings say."""

    def __init__(self, scene: Scene, desk: Mapping[str, Any], sender: Address = VERA) -> None:
        self.scene = scene
        self.sender = sender
        self.config = WorkspaceConfig.model_validate({"brand": Brand(name="Paper Boat"), "desk": desk})
        self.ann = ""
        self._said = 0

    async def agent(self) -> None:
        made = Agent(name="Ann", email="ann@example.com", presence=Presence.ONLINE, created_at=NOW)
        self.ann = made.id
        async with self.scene.store.write() as connection:
            await connection.execute(table(Agent).insert(), made.model_dump())

    async def says(self, text: str, at: datetime = NOW, **more: Any) -> None:
        self._said += 1
        one = written(self.sender, text, key=str(self._said), message_id=f"<{self._said}@example.org>", **more)
        async with self.scene.store.write() as connection:
            await handle(connection, one, self.scene.context(at))

    async def answered(self, at: datetime = NOW) -> str:
        """Ann takes it and answers; gives the conversation."""
        row = (await self.scene.all(Conversation))[-1]
        async with self.scene.store.write() as connection:
            token = await ownership.take(connection, row.id, self.ann, actor=SYSTEM, now=at)
            await answer(connection, row.id, self.ann, token, Draft(f"a{self._said}", "Here you are."), at)
        return str(row.id)

    async def over(self, id_: str, at: datetime = NOW) -> str:
        async with self.scene.store.write() as connection:
            return await end_chat(connection, id_, self.ann, self.config, at)

    async def last(self) -> Any:
        """What was said to the customer last."""
        return (await self.scene.all(Message, direction="out"))[-1]

    async def state(self) -> ConversationState:
        found: ConversationState = (await self.scene.all(Conversation))[-1].state
        return found


async def chat(scene: Scene, sender: Address = VERA, **desk: Any) -> Chat:
    made = Chat(scene, desk, sender)
    await made.agent()
    await made.says("I want to talk to a human")
    return made


@pytest.mark.parametrize("sender", PLACES, ids=lambda one: one.channel)
async def test_a_score_is_one_tap_and_says_whose_chat_it_was(scene: Scene, sender: Address) -> None:
    vera = await chat(scene, sender)
    id_ = await vera.answered()
    assert await vera.over(id_) == sender.channel
    asked = await vera.last()
    assert (asked.channel, asked.content["text"][:3]) == (sender.channel, "How")
    if sender.channel in (TELEGRAM, WEBCHAT):
        assert [one["label"] for one in asked.content["buttons"]] == ["1", "2", "3", "4", "5"]
    assert await vera.state() is S.RESOLVED, "the chat stays over until they answer"
    await vera.says("5", NOW + timedelta(hours=1))
    (given,) = await scene.all(Event, name="csat_given")
    assert (given.properties["score"], given.properties["agent"]) == (5, vera.ann)
    assert given.properties["conversation"] == id_
    rated = [one for one in await scene.all(ConversationEvent) if one.event == "ConversationRated"]
    assert [(one.text, one.detail["agent"], one.actor[:9]) for one in rated] == [("5", vera.ann, "customer:")]
    assert (await vera.last()).content["text"].startswith("Thank you")
    assert await vera.state() is S.BOT


async def test_the_question_by_mail_stands_in_its_thread(scene: Scene) -> None:
    person = await scene.person()
    vera = Chat(scene, {}, person.email)
    await vera.agent()
    await scene.message(person, None)
    await vera.says("human", in_reply_to="<x@example.com>", subject="My order")
    row = (await scene.all(Conversation))[-1]
    async with scene.store.write() as connection:
        await connection.execute(table(Conversation).update().values(verified=True))
    assert await vera.over(await vera.answered()) == EMAIL
    asked = await vera.last()
    assert (asked.content["subject"], asked.content["in_reply_to"]) == ("Re: My order", "<1@example.org>")
    assert row.id == asked.conversation_id


async def test_nobody_is_asked_twice_in_a_while(scene: Scene) -> None:
    vera = await chat(scene, rating_every="7d")
    assert await vera.over(await vera.answered())
    await vera.says("4")
    for days, asked in ((2, ""), (9, TELEGRAM)):
        at = NOW + timedelta(days=days)
        await vera.says("human", at)
        assert await vera.over(await vera.answered(at), at) == asked


@pytest.mark.parametrize("why", ["off", "not answered", "blocked", "unverified", "unreachable"])
async def test_who_is_not_asked(scene: Scene, why: str) -> None:
    vera = await chat(scene, rating="" if why == "off" else "csat")
    id_ = (await scene.all(Conversation))[-1].id
    if why != "not answered":
        await vera.answered()
    changes: dict[str, dict[str, Any]] = {"blocked": {"blocked_at": NOW}, "unverified": {"verified": False}}
    async with scene.store.write() as connection:
        if why in changes:
            await connection.execute(table(Conversation).update().values(**changes[why]))
        if why == "unreachable":
            await connection.execute(table(Identity).update().values(reachable=False))
    assert await vera.over(id_) == ""
    assert await scene.all(FlowRun) == []


async def test_another_question_instead_of_a_score_is_not_lost(scene: Scene) -> None:
    vera = await chat(scene)
    await vera.over(await vera.answered())
    before = len(await scene.all(Message, direction="out"))
    await vera.says("and where is the other parcel?", NOW + timedelta(minutes=5))
    assert (await scene.all(FlowRun))[-1].closed_at is not None
    assert await vera.state() is S.QUEUED, "it came back to people"
    assert len(await scene.all(Message, direction="out")) == before
    assert await scene.all(Event, name="csat_given") == []


async def test_who_was_not_content_may_have_a_person_again(scene: Scene) -> None:
    vera = await chat(scene)
    await vera.over(await vera.answered())
    for words in ("2", "it took too long", "Yes, please"):
        await vera.says(words)
    row = (await scene.all(Conversation))[-1]
    assert (row.state, row.priority) == (S.QUEUED, 2)
    rated = [one.text for one in await scene.all(ConversationEvent) if one.event == "ConversationRated"]
    assert rated == ["2", "2 · it took too long"]


@pytest.mark.parametrize(("score", "waits"), [("3", True), ("9", False)])
async def test_a_detractor_may_have_a_person(scene: Scene, score: str, waits: bool) -> None:
    vera = await chat(scene)
    await vera.answered()
    row = (await scene.all(Conversation))[-1]
    (identity,) = {one.identity_id for one in await scene.all(Message, direction="in")}
    async with scene.store.write() as connection:
        await lock_customers(connection, [row.customer_id], shared=False)
        await ownership.give_back(connection, row.id, actor=SYSTEM, now=NOW)
        place = Place(row.customer_id, identity, TELEGRAM, row.id, row.token + 1)
        assert await begin(connection, NPS, place, vera.config, NOW)
    for words in (score, "slow answers", *(["Yes, please"] if waits else [])):
        await vera.says(words)
    row = (await scene.all(Conversation))[-1]
    assert (row.state is S.QUEUED) is waits
    if waits:
        (event,) = [one for one in await scene.all(ConversationEvent) if one.detail.get("why") == "flow"]
        assert (event.detail["priority"], event.text) == (2, "NPS 3: slow answers")
