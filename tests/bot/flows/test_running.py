"""Flows on both databases: messages, time-outs and webhooks move runs, and what is decided is carried out."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import update

from bot.choices import chosen
from bot.conversations import log_inbound
from bot.flows.applying import FlowsPart
from bot.flows.calling import FlowCaller
from bot.flows.carrying import FLOW_WEBHOOK
from bot.flows.running import begin, leave, running, take, time_out_runs
from bot.senders import resolve
from campaigns.applying import apply
from campaigns.definition import Brand, WorkspaceConfig
from campaigns.running.calling import signature
from campaigns.running.commands import CommandRunner
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.machines.conversation import ASSIGN, ConversationState
from core.machines.flow_run import FlowRunState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, Address
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import (
    Command,
    Conversation,
    ConversationEvent,
    Customer,
    CustomerTag,
    Event,
    FlowRun,
    Message,
    MessageChoice,
)
from tests.bot.flows.flow_files import loaded
from tests.bot.scene import Person, Scene, written
from tests.conftest import NOW

FLOW = """
flow: shop
on: {words: [shop], start: shop}
timeout: 2h
human: {queue: desk, note: "topic {{ answers.topic }}", priority: high}
steps:
  - ask: topic
    say: {en: "Hello {{ customer.first_name }}, *what* is it?", ru: "Что случилось?"}
    choices: {refund: {en: A refund, ru: Возврат}, other: {en: Other, ru: Другое}}
    no_answer: late
  - set: {customer.city: Riga, customer.zone: "{{ answers.topic }}", customer.attributes.topic: "{{ answers.topic }}"}
    tag: asked
  - event: asked
    data: {topic: "{{ answers.topic }}"}
  - ask: more
    say: {en: "Tell us more.", ru: "Расскажите."}
  - say: {en: "Thank you.", ru: "Спасибо."}
    then: end
  - id: late
    say: {en: "Are you there?", ru: "Вы здесь?"}
"""


class Shop:
    """A store with flows in force, and customers who write."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.store = scene.store
        self.folder = folder
        self.now = NOW

    async def apply(self, **files: str) -> None:
        nothing = Workspace(config=WorkspaceConfig(brand=Brand(name="Paper Boat")), segments={}, campaigns={})
        part = FlowsPart(loaded(self.folder, **files))
        await apply(self.store, nothing, Actor("operator", "x"), self.now, parts=[part])

    async def write(self, sender: Address, text: str, **given: Any) -> bool:
        """Let the customer write; whether a flow took it."""
        inbound = written(sender, text, **given)
        context = self.scene.context(self.now)
        async with self.store.write() as connection:
            who = await resolve(connection, inbound, context)
            assert who is not None
            await lock_customers(connection, [who.customer_id], shared=False)
            inbound, _ = await chosen(connection, inbound, who, context)
            logged = await log_inbound(connection, inbound, who, context)
            assert logged is not None
            return await take(connection, inbound, who, logged[1], context)

    async def said(self) -> list[str]:
        """What the bot has said, in order."""
        rows = await self.scene.all(Message, direction="out")
        return [row.content["text"] for row in rows]

    async def run(self) -> Any:
        return (await self.scene.all(FlowRun))[-1]

    async def owner(self, state: ConversationState) -> None:
        async with self.store.write() as connection:
            await connection.execute(update(table(Conversation)).values(state=state))


@pytest.fixture
def shop(scene: Scene, tmp_path: Path) -> Shop:
    return Shop(scene, tmp_path)


@pytest.fixture
async def anna(shop: Shop) -> Person:
    await shop.apply(shop=FLOW)
    return await shop.scene.person()


async def test_a_word_sets_a_flow_off_and_answers_move_it(shop: Shop, anna: Person) -> None:
    assert not await shop.write(anna.telegram, "good morning")
    assert await shop.write(anna.telegram, "Shop!")
    (asked,) = await shop.scene.all(Message, direction="out")
    assert asked.content["text"] == "Hello , what is it?"
    assert asked.content["spans"] == [{"start": 8, "end": 12, "kind": "bold", "url": ""}]
    assert asked.content["buttons"] == [
        {"label": "A refund", "value": "shop/topic/refund"}, {"label": "Other", "value": "shop/topic/other"}
    ]  # fmt: skip
    assert (asked.purpose, asked.lane, asked.owner_token, asked.channel) == ("conversation", 0, 0, TELEGRAM)
    assert await shop.write(anna.telegram, "A refund", button="shop/topic/refund")
    assert await shop.write(anna.telegram, "it is torn")
    assert await shop.said() == ["Hello , what is it?", "Tell us more.", "Thank you."]
    run = await shop.run()
    assert (run.state, run.answers) == (FlowRunState.FINISHED, {"topic": "refund", "more": "it is torn"})
    assert run.closed_at == NOW
    assert not await shop.write(anna.telegram, "thanks")


async def test_what_is_decided_is_done_once(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    await shop.write(anna.telegram, "1")
    customer = await shop.scene.get(Customer, anna.id)
    assert (customer.city, customer.attributes) == ("Riga", {"topic": "refund"})
    assert customer.zone == ""  # "refund" is no zone
    assert [row.tag for row in await shop.scene.all(CustomerTag, customer_id=anna.id)] == ["asked"]
    (event,) = await shop.scene.all(Event, customer_id=anna.id)
    assert (event.name, event.source) == ("asked", "otklik")
    assert event.properties == {"topic": "refund", "flow": "shop", "step": "event-asked"}


async def test_a_link_begins_anew_and_a_default_flow_takes_the_rest(shop: Shop, anna: Person) -> None:
    await shop.apply(rest="flow: rest\non: {default: true}\nsteps: [{ask: what, say: What?}]")
    assert await shop.write(anna.telegram, "anything")
    assert not await shop.write(shop_stranger(), "/start")
    assert await shop.write(anna.telegram, "/start shop", start_token="shop")
    first, second = await shop.scene.all(FlowRun, customer_id=anna.id)
    assert (first.flow, first.state) == ("rest", FlowRunState.LEFT)
    assert (second.flow, second.state) == ("shop", FlowRunState.ASKING)


def shop_stranger() -> Address:
    return Address(TELEGRAM, "5000000077", "42")


async def test_time_goes_by(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    clock = VirtualClock(NOW + timedelta(hours=2) - timedelta(seconds=1))
    assert await time_out_runs(shop.store, clock) == 0
    clock = VirtualClock(NOW + timedelta(hours=2))
    assert await time_out_runs(shop.store, clock) == 1
    assert await time_out_runs(shop.store, clock) == 0
    assert (await shop.said())[1:] == ["Are you there?"]
    assert (await shop.run()).state is FlowRunState.FINISHED


async def test_human_queues_the_conversation(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    assert await shop.write(anna.telegram, "human")
    (conversation,) = await shop.scene.all(Conversation, customer_id=anna.id)
    assert (conversation.state, conversation.queue, conversation.priority) == (ConversationState.QUEUED, "desk", 2)
    assert conversation.answer_due is not None
    (noted,) = await shop.scene.all(ConversationEvent, conversation_id=conversation.id)
    assert (noted.event, noted.text, noted.actor) == ("HandoffRequested", "topic", "system:flow shop")
    assert (await shop.run()).state is FlowRunState.HANDED_OVER
    assert not await shop.write(anna.telegram, "shop")  # a person's now


async def test_a_flow_is_silent_once_somebody_else_has_the_conversation(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    await shop.owner(ASSIGN.target)
    assert not await shop.write(anna.telegram, "1")
    run = await shop.run()
    assert (run.state, run.due_at) == (FlowRunState.LEFT, None)
    assert await time_out_runs(shop.store, VirtualClock(NOW + timedelta(days=1))) == 0
    assert len(await shop.said()) == 1


async def test_a_time_out_does_not_talk_over_a_person(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    await shop.owner(ASSIGN.target)
    assert await time_out_runs(shop.store, VirtualClock(NOW + timedelta(days=1))) == 1
    assert len(await shop.said()) == 1
    assert (await shop.run()).state is FlowRunState.LEFT


async def test_nobody_is_talked_to_who_is_not_sure_to_be_there(shop: Shop, anna: Person) -> None:
    assert not await shop.write(Address(EMAIL, "stranger@example.org"), "shop", subject="shop")  # a From: alone
    assert not await shop.write(anna.telegram, "shop", automatic="out of office")
    assert not await shop.write(anna.telegram, "shop", replaces="an earlier one")
    assert await shop.said() == []


async def test_runs_keep_the_version_they_began_with(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    await shop.apply(shop=FLOW.replace("Tell us more.", "Well?"))
    await shop.write(anna.telegram, "2")
    assert (await shop.said())[-1] == "Tell us more."
    await shop.write(anna.telegram, "more")
    bert = await shop.scene.person(locale="ru")
    await shop.write(bert.telegram, "shop")
    await shop.write(bert.telegram, "Другое")
    assert (await shop.said())[-1] == "Расскажите."
    first, second = await shop.scene.all(FlowRun)
    assert first.version != second.version


async def test_a_number_by_sms_is_the_choice_of_this_question(shop: Shop, anna: Person) -> None:
    """Once it has left, "2" means its second choice; in the next question, which has no choices, it is an answer."""
    phone = Address(SMS, "+447700900123")
    assert await shop.write(phone, "shop")
    (asked,) = await shop.scene.all(Message, direction="out")
    async with shop.store.write() as connection:
        await connection.execute(
            update(table(Message))
            .where(table(Message).c.id == asked.id)
            .values(state=MessageState.DELIVERED, sent_at=NOW, send_at=NOW)
        )
        await connection.execute(table(MessageChoice).insert(), [
            {"message_id": asked.id, "number": number, "label": one["label"], "value": one["value"]}
            for number, one in enumerate(asked.content["buttons"], 1)
        ])  # fmt: skip
    assert await shop.write(phone, "2")
    assert (await shop.run()).answers == {"topic": "other"}
    assert await shop.write(phone, "2")
    assert (await shop.run()).answers == {"topic": "other", "more": "2"}


async def test_the_language_that_somebody_began_in_is_kept(shop: Shop, anna: Person) -> None:
    await shop.apply(shop=FLOW.replace("words: [shop]", "words: [shop, магазин]"))
    stranger = shop_stranger()
    assert await shop.write(stranger, "магазин")
    assert await shop.write(stranger, "1")
    assert (await shop.said())[-2:] == ["Что случилось?", "Расскажите."]


async def test_an_answer_to_a_mail_stays_in_its_thread(shop: Shop, anna: Person) -> None:
    await shop.apply(shop=FLOW)
    inbound = written(anna.email, "shop", subject="My parcel", message_id="<a@example.org>")
    context = shop.scene.context(NOW)
    async with shop.store.write() as connection:
        who = await resolve(connection, inbound, context)
        assert who is not None
        vouched = replace(who, verified=True)
        await lock_customers(connection, [who.customer_id], shared=False)
        logged = await log_inbound(connection, inbound, vouched, context)
        assert logged is not None
        assert await take(connection, inbound, vouched, logged[1], context)
    (asked,) = await shop.scene.all(Message, direction="out")
    assert (asked.content["subject"], asked.content["in_reply_to"]) == ("Re: My parcel", "<a@example.org>")
    assert asked.content["formatted"] is True


async def test_leaving_ends_the_run(shop: Shop, anna: Person) -> None:
    await shop.write(anna.telegram, "shop")
    async with shop.store.write() as connection:
        assert await running(connection, [anna.id, "nobody"], NOW) == {anna.id}
        await lock_customers(connection, [anna.id], shared=False)
        assert await leave(connection, anna.id, NOW)
        assert not await leave(connection, anna.id, NOW)
    assert (await shop.run()).state is FlowRunState.LEFT


async def test_a_flow_may_be_begun_by_ourselves_one_at_a_time(shop: Shop, anna: Person) -> None:
    from bot.flows.carrying import Place

    await shop.write(anna.telegram, "hello")
    (conversation,) = await shop.scene.all(Conversation, customer_id=anna.id)
    place = Place(anna.id, anna.identities[TELEGRAM], TELEGRAM, conversation.id, conversation.token)
    config = WorkspaceConfig(brand=Brand(name="Paper Boat"))
    async with shop.store.write() as connection:
        await lock_customers(connection, [anna.id], shared=False)
        assert await begin(connection, "shop", place, config, NOW)
        assert not await begin(connection, "shop", place, config, NOW)
        assert not await begin(connection, "nothing", place, config, NOW)
    assert await shop.said() == ["Hello , what is it?"]


WEBHOOK = """
flow: stock
on: {words: [stock]}
steps:
  - webhook: URL
    data: {first: "{{ customer.first_name }}"}
    timeout: 60s
    into: stock
    failed: sorry
  - say: "{{ answers.stock.left }} left"
    then: end
  - id: sorry
    say: Nobody knows
"""


@pytest.mark.parametrize(("status", "body", "said"), [
    (200, '{"left": 3}', "3 left"), (200, "", "left"), (500, "", "Nobody knows"), (200, "{", "Nobody knows"),
    (200, "[[[[[[[[[[[[1]]]]]]]]]]]]", "Nobody knows"), (302, "", "Nobody knows"), (200, "x" * 70_000, "Nobody knows"),
])  # fmt: skip
async def test_a_webhook_is_called_signed_and_the_flow_goes_on(shop: Shop, status: int, body: str, said: str) -> None:
    got: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        content = await request.read()
        got.append((json.loads(content), request.headers, content))
        return web.Response(status=status, text=body, headers={"location": "/elsewhere"})

    application = web.Application()
    application.router.add_post("/stock", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    clock = VirtualClock(NOW)
    caller = FlowCaller(shop.store, clock, "secret")
    try:
        await shop.apply(stock=WEBHOOK.replace("URL", f"http://127.0.0.1:{port}/stock"))
        person = await shop.scene.person()
        assert await shop.write(person.telegram, "stock")
        assert (await shop.run()).state is FlowRunState.CALLING
        commands = CommandRunner(shop.store, clock, {FLOW_WEBHOOK: caller})
        assert await commands.run_once() == 1
        assert await commands.run_once() == 0
    finally:
        await caller.close()
        await runner.cleanup()
    assert await shop.said() == [said]
    ((content, headers, raw),) = got
    assert content["data"] == {
        "flow": "stock", "step": "webhook", "run": (await shop.run()).id, "customer": {"id": person.id}, "first": "",
    }  # fmt: skip
    (command,) = await shop.scene.all(Command, kind=FLOW_WEBHOOK)
    assert headers["webhook-id"] == command.id
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == signature("secret", command.id, at, raw)
