"""What the engine decided, done in the store: customers changed, tasks and events made, commands carried out once."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from bot.handoff.requesting import Handoffs
from campaigns.definition import (
    EVENT,
    CampaignBody,
    CampaignDefinition,
    GiveStep,
    HandoffStep,
    Leg,
    Quota,
    SendStep,
    SetStep,
    TaskStep,
    WaitStep,
    WebhookStep,
)
from campaigns.engine import HANDOFF, WEBHOOK
from campaigns.periods import Period
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from campaigns.running.answering import ON_ANSWER, AnswerActions
from campaigns.running.calling import WebhookCaller
from campaigns.running.closing import close_enrolments
from campaigns.running.commands import CommandRunner, Finish, OpenCommand
from campaigns.running.runner import Runner
from campaigns.running.waiting import release_held
from core.clock import VirtualClock
from core.errors import TransactionLost
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.conversation import ConversationState
from core.machines.enrolment import ANSWER, EnrolmentState
from core.wakeup import LocalWakeup
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import (
    Campaign,
    Command,
    Conversation,
    Customer,
    CustomerTag,
    Enrolment,
    EnrolmentHistory,
    Event,
    Message,
    QuotaUse,
    Task,
)
from tests.bot.scene import Person, Scene
from tests.conftest import NOW

SEND = SendStep(id="mail", main=Leg(channel="telegram", template="t"), wait=Period(1, "d"))
DAY = timedelta(days=1)


class Shop:
    """One campaign, some people in it, and whoever carries out what it decides."""

    def __init__(self, store: Store) -> None:
        self.store, self.scene, self.clock = store, Scene(store), VirtualClock(NOW)
        self.runner = Runner(store, self.clock, LocalWakeup())

    async def begin(self, *steps: Any, people: int = 1, **more: Any) -> list[Person]:
        definition = CampaignDefinition(name="welcome", audience="all", steps=steps, **more)
        campaign = await self.scene.campaign(CampaignBody(definition=definition, templates={"t/telegram.txt": "x"}))
        found = [await self.scene.person() for _ in range(people)]
        for person in found:
            await self.scene.enrol(person, campaign, entered_at=NOW)
        async with self.store.write() as connection:
            await connection.execute(update(table(Campaign)).values(state=CampaignState.ACTIVE))
            await connection.execute(update(table(Enrolment)).values(due_at=NOW, step="", leg=""))
        return found

    async def run(self) -> None:
        while await self.runner.run_once():
            pass

    async def rows(self, model: Any) -> list[Any]:
        async with self.store.read() as connection:
            ordered = select(table(model)).order_by(*table(model).primary_key.columns)
            return list((await connection.execute(ordered)).all())

    async def carry_out(self, **handlers: Any) -> int:
        return await CommandRunner(self.store, self.clock, handlers).run_once()


@pytest.fixture
def shop(store: Store) -> Shop:
    """A shop on each database."""
    return Shop(store)


async def test_steps_that_are_done_at_once(shop: Shop) -> None:
    (person,) = await shop.begin(
        SetStep(id="mark", fields={"attributes.asked": True, "city": "Riga"}, tag=("asked",), stage="warm"),
        GiveStep(id="gift", points=50, reason="welcome"),
        TaskStep(id="call", task="call", note="ask how it went", due=Period(2, "d")),
        SEND,
    )
    await shop.run()
    customer = next(row for row in await shop.rows(Customer) if row.id == person.id)
    assert (customer.city, customer.stage, customer.attributes["asked"]) == ("Riga", "warm", True)
    assert [(row.customer_id, row.tag) for row in await shop.rows(CustomerTag)] == [(person.id, "asked")]
    (event,) = [row for row in await shop.rows(Event) if row.name == "points_given"]
    assert (event.properties["points"], event.properties["campaign"]) == (50, "welcome")
    (task,) = await shop.rows(Task)
    assert (task.kind, task.state, task.due_at) == ("call", "open", NOW + 2 * DAY)
    (message,) = [row for row in await shop.rows(Message) if row.direction == "out"]
    assert (message.step, message.template) == ("mail", "t")
    (enrolment,) = await shop.rows(Enrolment)
    assert (enrolment.step, enrolment.message_id, enrolment.step_at) == ("mail", message.id, NOW)


async def test_a_command_that_lost_its_transaction_is_carried_out_at_once(shop: Shop) -> None:
    lost, done = [TransactionLost("a deadlock")], []

    async def handler(command: OpenCommand, finish: Finish) -> None:
        if lost:
            raise lost.pop()
        done.append(command.payload["n"])
        async with shop.store.write() as connection:
            await finish(connection)

    made = {"kind": "test", "created_at": NOW, "tries": 0, "error": ""}
    async with shop.store.write() as connection:
        for number in range(3):
            await connection.execute(table(Command).insert(), {**made, "id": new_id(), "payload": {"n": number}})
    runner = CommandRunner(shop.store, shop.clock, {"test": handler})
    with pytest.raises(TransactionLost):
        await runner.run_once()
    assert await runner.run_once() == 3, "neither it nor those behind it wait for a handler's time to be over"
    assert done == [0, 1, 2]
    assert await runner.run_once() == 0


async def test_a_quota_is_kept_over_batches_and_days(shop: Shop) -> None:
    await shop.begin(TaskStep(id="call", task="call", max=Quota(number=2), expires=Period(7, "d")), people=5)
    runner = shop.runner
    while await runner.run_once(2):
        pass
    assert len(await shop.rows(Task)) == 2
    shop.clock.advance_to(NOW + DAY)
    await shop.run()
    assert len(await shop.rows(Task)) == 4
    shop.clock.advance_to(NOW + 2 * DAY)
    await shop.run()
    assert len(await shop.rows(Task)) == 5
    assert sorted((row.day, row.used) for row in await shop.rows(QuotaUse)) == [
        ("2026-12-01", 2), ("2026-12-02", 2), ("2026-12-03", 1),
    ]  # fmt: skip
    assert {row.state for row in await shop.rows(Enrolment)} == {EnrolmentState.EXHAUSTED}


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[str, list[Any], list[int]]]:
    """A shop's own server: its address, what it was told, and the statuses that it answers with (then 200)."""
    told: list[Any] = []
    answers: list[int] = []

    async def take(request: web.Request) -> web.Response:
        told.append((dict(request.headers), await request.read()))
        return web.Response(status=answers.pop(0) if answers else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    serving = web.AppRunner(app)
    await serving.setup()
    site = web.TCPSite(serving, "127.0.0.1", 0)
    await site.start()
    port = serving.addresses[0][1]
    yield f"http://127.0.0.1:{port}/hook", told, answers
    await serving.cleanup()


async def test_a_webhook_is_signed_and_called_again_until_it_is_taken(
    shop: Shop, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.running.commands.machine_now", lambda: NOW)  # the time to wait is two seconds
    url, told, answers = receiver
    answers += [500]
    await shop.begin(WebhookStep(id="tell", url=url, data={"plan": "gold"}))
    await shop.run()
    caller = WebhookCaller(shop.store, shop.clock, "secret")
    try:
        assert await shop.carry_out(**{WEBHOOK: caller}) == 1
        (command,) = await shop.rows(Command)
        assert command.done_at is None
        assert "answered 500" in command.error
        assert await shop.carry_out(**{WEBHOOK: caller}) == 0  # it waits for its time
        async with shop.store.write() as connection:
            await connection.execute(update(table(Command)).values(retry_at=None))
        assert await shop.carry_out(**{WEBHOOK: caller}) == 1
    finally:
        await caller.close()
    (command,) = await shop.rows(Command)
    assert (command.done_at, command.error, command.tries) == (NOW, "", 2)
    (first, _), (headers, body) = told
    assert first["webhook-id"] == headers["webhook-id"] == command.id
    data = json.loads(body)["data"]
    assert (data["campaign"], data["step"], data["plan"]) == ("welcome", "tell", "gold")
    key = hashlib.blake2b(b"campaign webhook", key=hashlib.sha256(b"secret").digest()).digest()
    signed = f"{command.id}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


async def test_on_answer_is_done_once_and_not_for_ghosts(shop: Shop) -> None:
    await shop.begin(
        SEND, people=2, on_answer=(SetStep(id="thank", tag=("answered",)), TaskStep(id="call", task="call"))
    )
    await shop.run()
    rows = await shop.rows(Enrolment)
    async with shop.store.write() as connection:
        await connection.execute(update(table(Enrolment)).where(table(Enrolment).c.id == rows[1].id).values(ghost=True))
        for _ in range(2):
            await close_enrolments(connection, [row.id for row in rows], ANSWER, reason="reply", now=NOW)
    actions = AnswerActions(shop.store, shop.clock, LocalWakeup())
    assert await shop.carry_out(**{ON_ANSWER: actions}) == 1
    assert await shop.carry_out(**{ON_ANSWER: actions}) == 0
    assert [row.customer_id for row in await shop.rows(CustomerTag)] == [rows[0].customer_id]
    assert [row.customer_id for row in await shop.rows(Task)] == [rows[0].customer_id]


async def test_an_event_ends_the_wait_for_it_and_answers_the_send_that_names_it(shop: Shop) -> None:
    people = await shop.begin(
        WaitStep(id="rest", events=frozenset({"visited"}), period=Period(7, "d")),
        SEND.model_copy(update={"until": frozenset({f"{EVENT}rated"})}),
        people=2,
    )
    await shop.run()
    first, second = (person.id for person in people)
    async with shop.store.write() as connection:
        await events_arrived(connection, [Arrival(first, "visited", NOW - DAY), Arrival(second, "other", NOW)], NOW)
    assert {row.due_at for row in await shop.rows(Enrolment)} == {NOW + 7 * DAY}  # too early, and another
    async with shop.store.write() as connection:
        await events_arrived(connection, [Arrival(first, "visited", NOW)], NOW)
    await shop.run()
    steps = {row.customer_id: row.step for row in await shop.rows(Enrolment)}
    assert steps == {first: "mail", second: "rest"}
    async with shop.store.write() as connection:
        await events_arrived(connection, [Arrival(first, "rated", NOW), Arrival(second, "rated", NOW)], NOW)
    states = {row.customer_id: row.state for row in await shop.rows(Enrolment)}
    assert states == {first: EnrolmentState.ANSWERED, second: EnrolmentState.WAITING}


async def test_a_handoff_holds_the_campaign_until_a_day_after_it_was_resolved(shop: Shop) -> None:
    (person,) = await shop.begin(
        HandoffStep(id="desk", note="call them"), WaitStep(id="rest", period=Period(1, "h")), SEND
    )
    await shop.run()
    assert await shop.carry_out(**{HANDOFF: Handoffs(shop.store, shop.clock)}) == 1
    (conversation,) = await shop.rows(Conversation)
    assert (conversation.state, conversation.customer_id) == (ConversationState.QUEUED, person.id)
    shop.clock.advance_to(NOW + timedelta(hours=1))
    await shop.run()
    (enrolment,) = await shop.rows(Enrolment)
    assert (enrolment.state, enrolment.due_at) == (EnrolmentState.HELD, None)
    assert await release_held(shop.store, NOW) == 0
    resolved = NOW + timedelta(hours=2)
    async with shop.store.write() as connection:
        await connection.execute(
            update(table(Conversation)).values(state=ConversationState.RESOLVED, resolved_at=resolved, agent="vera")
        )
    shop.clock.advance_to(resolved)
    assert await release_held(shop.store, resolved) == 1
    await shop.run()
    (message,) = [row for row in await shop.rows(Message) if row.direction == "out"]
    assert message.send_at == resolved + DAY
    events = [row.event for row in await shop.rows(EnrolmentHistory)]
    assert [event for event in events if event.startswith(("LiveChat", "SendDeferred"))] == [
        "LiveChatOpened", "LiveChatEnded", "SendDeferred",
    ]  # fmt: skip


async def test_what_a_chat_held_for_too_long_is_not_sent_after_it(shop: Shop) -> None:
    await shop.begin(HandoffStep(id="desk", note="call them"), WaitStep(id="rest", period=Period(1, "h")), SEND)
    await shop.run()
    await shop.carry_out(**{HANDOFF: Handoffs(shop.store, shop.clock)})
    shop.clock.advance_to(NOW + timedelta(hours=1))
    await shop.run()
    resolved = NOW + 3 * DAY
    async with shop.store.write() as connection:
        await connection.execute(
            update(table(Conversation)).values(state=ConversationState.RESOLVED, resolved_at=resolved, agent="vera")
        )
    shop.clock.advance_to(resolved)
    assert await release_held(shop.store, resolved) == 1
    await shop.run()
    assert [row for row in await shop.rows(Message) if row.direction == "out"] == []
    lines = [(row.event, row.detail) for row in await shop.rows(EnrolmentHistory)]
    assert lines[-3:] == [("LiveChatEnded", ""), ("SendSkipped", "past its expires"), ("StepsExhausted", "")]
