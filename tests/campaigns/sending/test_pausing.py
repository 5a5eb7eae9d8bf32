"""Pause, resume, stop and the emergency stop: what stands still, what comes later, what gets past nothing."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from campaigns.engine import HANDOFF, WEBHOOK
from campaigns.gates import DISPATCH_GATES
from campaigns.operating.emergency import lift, standing_stop, stop_everything
from campaigns.operating.pausing import CatchUp, Resumed, drain, pause, resume, stop
from campaigns.reporting.report import campaign_report
from campaigns.reporting.story import story
from campaigns.responding.receipts import record_reports
from campaigns.running.commands import CommandRunner
from campaigns.running.runner import Runner
from core.actors import Actor
from core.clock import VirtualClock
from core.dispatching import Ready
from core.errors import Refused
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, TELEGRAM, DeliveryReport
from core.purposes import Purpose
from core.wakeup import LocalWakeup
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.outbox.recovery import wake_expired
from storage.store import Store
from storage.tables import Attempt, Audit, Campaign, Command, Customer, Enrolment, Hold, Message, Pause
from tests.bot.scene import DAY, Person, Scene, body
from tests.conftest import NOW

VERA = Actor("operator", "vera")
HOUR = timedelta(hours=1)


@pytest.fixture
def scene(store: Store) -> Scene:
    """Customers on journeys, on each database."""
    return Scene(store)


class Stage:
    """An active campaign with journeys, each at its first letter."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.store = scene, scene.store
        self.clock = VirtualClock(NOW)
        self.outbox = Outbox(scene.store, self.clock, DISPATCH_GATES, worker=new_id())

    async def open(self, count: int = 1, *, opens: datetime = NOW) -> "Stage":
        self.campaign = await self.scene.campaign(body())
        async with self.store.session() as session:
            row = await session.get_one(Campaign, self.campaign[0])
            row.state, row.started_at = CampaignState.ACTIVE, NOW
            session.add(row)
        self.people: list[Person] = [await self.scene.person() for _ in range(count)]
        self.journeys = [await self.scene.enrol(one, self.campaign) for one in self.people]
        self.messages = [
            await self.scene.message(person, journey, campaign=self.campaign, state=MessageState.PLANNED, sent_at=None)
            for person, journey in zip(self.people, self.journeys, strict=True)
        ]
        async with self.store.session() as session:
            for id_ in self.messages:
                message = await session.get_one(Message, id_)
                message.send_at = message.not_before = opens
                message.not_after, message.created_at = opens + 4 * HOUR, NOW
                session.add(message)
        return self

    async def do(self, what: Any, *given: Any, **named: Any) -> Any:
        async with self.store.write() as connection:
            return await what(connection, "winback", VERA, self.clock.now(), *given, **named)

    async def claim(self) -> list[Ready]:
        return [Ready(claim, new_id(), EMAIL, "", "") for claim in await self.outbox.claim(EMAIL, 100)]

    async def windows(self) -> Sequence[tuple[datetime, datetime]]:
        rows = [await self.scene.get(Message, id_) for id_ in self.messages]
        return [(row.not_before, row.not_after) for row in rows]

    async def due(self) -> list[datetime]:
        return [(await self.scene.get(Enrolment, id_)).due_at for id_ in self.journeys]


async def test_what_stands_still_is_not_sent(scene: Scene) -> None:
    stage = await Stage(scene).open(2)
    held = await stage.claim()
    assert len(held) == 2
    done = await stage.do(pause)
    assert (done.journeys, done.messages) == (2, 0)
    assert await stage.outbox.begin(held) == set()
    assert {one.state for one in await scene.all(Message)} == {MessageState.PLANNED}
    assert await stage.claim() == []
    assert await Runner(scene.store, stage.clock, LocalWakeup()).run_once() == 0
    assert await scene.all(Attempt) == []
    with pytest.raises(Refused, match="paused"):
        await stage.do(pause)
    with pytest.raises(Refused, match="winback"):
        async with scene.store.write() as connection:
            await pause(connection, "nothing", VERA, NOW)


async def test_resuming_moves_everything_by_the_pause(scene: Scene) -> None:
    """What would have gone at 20:00 comes five hours later, and waits for the morning."""
    stage = await Stage(scene).open(opens=NOW + 8 * HOUR)
    due = await stage.due()
    await stage.do(pause)
    stage.clock.advance_to(NOW + 5 * HOUR)
    assert await stage.do(resume) == Resumed(5 * HOUR, 1, 1, 0)
    assert await stage.due() == [at + 5 * HOUR for at in due]
    later = NOW + 13 * HOUR
    assert await stage.windows() == [(later, later)]
    assert await stage.claim() == []
    stage.clock.advance_to(later)
    assert await stage.claim() == []
    async with scene.store.write() as connection:
        assert await wake_expired(connection, later) == 1
    assert await Runner(scene.store, stage.clock, LocalWakeup()).run_once() == 1
    ((opens, closes),) = await stage.windows()
    assert opens == NOW.replace(hour=8) + DAY
    assert closes > opens
    stage.clock.advance_to(opens)
    assert len(await stage.claim()) == 1


async def test_a_message_beside_another_outlives_the_pause(scene: Scene) -> None:
    stage = await Stage(scene).open()
    (person,), (journey,) = stage.people, stage.journeys
    other = await scene.message(
        person, journey, campaign=stage.campaign, state=MessageState.PLANNED, sent_at=None, channel=TELEGRAM,
        leg=TELEGRAM, current=False,
    )  # fmt: skip
    await stage.do(pause)
    stage.clock.advance_to(NOW + 2 * DAY)
    outbox = Outbox(scene.store, stage.clock, DISPATCH_GATES, worker=new_id())
    await outbox.sweep()
    assert (await scene.get(Message, other)).state is MessageState.PLANNED
    await stage.do(resume)
    await outbox.sweep()
    assert (await scene.get(Message, other)).state is MessageState.PLANNED


async def test_patience_is_frozen_too(scene: Scene) -> None:
    """A pause of a week expires nothing: a letter waits 48 hours of the campaign's own time."""
    stage = await Stage(scene).open()
    await stage.do(pause)
    stage.clock.advance_to(NOW + 7 * DAY)
    await stage.do(resume)
    async with scene.store.write() as connection:
        await wake_expired(connection, stage.clock.now())
    assert await Runner(scene.store, stage.clock, LocalWakeup()).run_once() == 1
    assert len(await stage.claim()) == 1


async def test_a_spread_lets_not_all_come_at_once(scene: Scene) -> None:
    stage = await Stage(scene).open(12)
    customers = table(Customer)
    async with scene.store.write() as connection:  # by their ids two of them have one slice of the 100,000 now and then
        for number, person in enumerate(stage.people):
            draw = 108_000 * number
            await connection.execute(update(customers).where(customers.c.id == person.id).values(draw=draw))
    await stage.do(pause)
    stage.clock.advance_to(now := NOW + 20 * HOUR)
    await stage.do(resume, CatchUp.SPREAD, over=10 * HOUR)
    opens = [first for first, _ in await stage.windows()]
    assert opens == [now + number * timedelta(minutes=48) for number in range(12)]  # 8,000 slices, 10 hours in all
    assert await stage.due() == [NOW + DAY + 20 * HOUR] * 12


async def test_what_is_stale_can_be_dropped(scene: Scene) -> None:
    stage = await Stage(scene).open()
    await stage.do(pause)
    stage.clock.advance_to(NOW + 3 * DAY)
    assert (await stage.do(resume, CatchUp.DROP)).dropped == 1
    (message,) = await scene.all(Message)
    assert (message.state, message.reason) == (MessageState.SKIPPED, "paused")
    assert [one.state for one in await scene.all(Hold)] == ["released"]
    assert await stage.due() == [stage.clock.now()]
    assert await Runner(scene.store, stage.clock, LocalWakeup()).run_once() == 1
    journey = await scene.get(Enrolment, stage.journeys[0])
    assert journey.step == "second"


async def _under_way(scene: Scene) -> Stage:
    """A journey whose first letter left at ``NOW``: the second is three days later."""
    stage = await Stage(scene).open()
    (message,), (journey,) = stage.messages, stage.journeys
    async with scene.store.session() as session:
        sent = await session.get_one(Message, message)
        sent.state, sent.sent_at, sent.provider_id, sent.account = MessageState.ACCEPTED, NOW, "first", EMAIL
        waiting = await session.get_one(Enrolment, journey)
        waiting.due_at = NOW + 3 * DAY
        session.add_all([sent, waiting])
    return stage


async def test_what_fell_due_during_a_pause_is_dropped_unplanned(scene: Scene) -> None:
    stage = await _under_way(scene)
    await stage.do(pause)
    stage.clock.advance_to(NOW + 4 * DAY)
    assert (await stage.do(resume, CatchUp.DROP)).dropped == 0
    runner = Runner(scene.store, stage.clock, LocalWakeup())
    assert await runner.run_once() == 1
    assert len(await scene.all(Message)) == 1
    journey = await scene.get(Enrolment, stage.journeys[0])
    assert (journey.step, journey.leg, journey.due_at) == ("second", "dropped", NOW + 5 * DAY)
    stage.clock.advance_to(NOW + 5 * DAY)
    assert await runner.run_once() == 1
    assert await scene.state(stage.journeys[0]) is EnrolmentState.EXHAUSTED
    assert len(await scene.all(Message)) == 1


@pytest.mark.parametrize("catch_up", list(CatchUp))
async def test_a_late_receipt_keeps_what_the_pause_did_to_a_wait(scene: Scene, catch_up: CatchUp) -> None:
    stage = await _under_way(scene)
    stage.clock.advance_to(NOW + DAY)
    await stage.do(pause)
    stage.clock.advance_to(NOW + 2 * DAY)
    await stage.do(resume, catch_up)
    ends = NOW + (3 if catch_up is CatchUp.DROP else 4) * DAY
    assert await stage.due() == [ends]
    async with scene.store.session() as session:  # as it is where the letter left late
        waiting = await session.get_one(Enrolment, stage.journeys[0])
        waiting.due_at = None
        session.add(waiting)
    async with scene.store.write() as connection:
        report = DeliveryReport(EMAIL, "first", MessageState.DELIVERED)
        assert await record_reports(connection, [report], stage.clock.now()) == 1
    assert await Runner(scene.store, stage.clock, LocalWakeup()).run_once() == 1
    assert await stage.due() == [ends]


async def test_a_stopped_campaign_is_over(scene: Scene) -> None:
    stage = await Stage(scene).open(3)
    held = await stage.claim()
    await stage.do(pause)
    assert await stage.do(stop) == 3
    assert await stage.outbox.begin(held) == set()
    assert {one.state for one in await scene.all(Message)} == {MessageState.CANCELLED}
    assert [await scene.state(one) for one in stage.journeys] == [EnrolmentState.EXITED] * 3
    (one,) = await scene.all(Pause)
    assert one.to_at == NOW
    for verb in (pause, resume, stop):
        with pytest.raises(Refused, match="stopped"):
            await stage.do(verb)
    assert [line.action for line in await scene.all(Audit)] == ["pause", "stop"]


async def test_nothing_gets_past_the_emergency_stop_but_answers(scene: Scene) -> None:
    stage = await Stage(scene).open(2)
    for purpose in (Purpose.TRANSACTIONAL, Purpose.CONVERSATION):
        planned = {"state": MessageState.PLANNED, "sent_at": None, "campaign": stage.campaign}
        await scene.message(stage.people[0], None, purpose=purpose, **planned)
    held = await stage.claim()
    assert len(held) == 4
    async with scene.store.write() as connection:
        assert await stop_everything(connection, VERA, "wrong prices", NOW)
        assert not await stop_everything(connection, VERA, "again", NOW)
    begun = await stage.outbox.begin(held)
    assert [one.claim.purpose for one in held if one.claim.message_id in begun] == [Purpose.CONVERSATION]
    assert await stage.claim() == []
    assert await Runner(scene.store, VirtualClock(NOW + 2 * DAY), LocalWakeup()).run_once() == 0
    async with scene.store.write() as connection:
        stood = await lift(connection, VERA, NOW)
        assert stood is not None
        assert (stood.reason, stood.actor) == ("wrong prices", "operator:vera")
        assert await lift(connection, VERA, NOW) is None
        assert await standing_stop(connection) is None
    assert len(await stage.claim()) == 3


async def test_the_emergency_stop_holds_calls_to_the_outside(scene: Scene) -> None:
    done: list[str] = []

    async def carry_out(command: Any, finish: Any) -> None:
        done.append(command.kind)
        async with scene.store.write() as connection:
            await finish(connection)

    runner = CommandRunner(scene.store, VirtualClock(NOW), {WEBHOOK: carry_out, HANDOFF: carry_out})
    async with scene.store.write() as connection:
        rows = [{"id": new_id(), "kind": kind, "payload": {}, "created_at": NOW} for kind in (WEBHOOK, HANDOFF)]
        await connection.execute(Command.__table__.insert(), rows)  # type: ignore[attr-defined]
        await stop_everything(connection, VERA, "", NOW)
    await runner.run_once()
    assert done == [HANDOFF]
    async with scene.store.write() as connection:
        await lift(connection, VERA, NOW)
    await runner.run_once()
    assert done == [HANDOFF, WEBHOOK]


async def test_a_stop_waits_for_what_had_looked_before(scene: Scene) -> None:
    """After ``drain`` no dispatch commits that had not seen what was committed before it."""
    stage = await Stage(scene).open()
    (ready,) = await stage.claim()
    row = {"id": new_id(), "message_id": ready.claim.message_id, "fence": 1, "worker": "w", "started_at": NOW,
           "code": "", "detail": ""}  # fmt: skip
    if scene.store.dialect == "sqlite":
        await drain(scene.store)  # its one writer has ended whatever it began
        return
    async with scene.store.write() as connection:
        await connection.execute(Attempt.__table__.insert(), row)  # type: ignore[attr-defined]
        waiting = asyncio.create_task(drain(scene.store))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    async with asyncio.timeout(60):
        await waiting


async def test_pauses_are_told(scene: Scene) -> None:
    stage = await Stage(scene).open()
    await stage.do(pause)
    async with scene.store.write() as connection:
        await stop_everything(connection, VERA, "", NOW)
        told = await campaign_report(connection, "winback")
        assert (told.state, told.pauses, told.stopped_everything_at) == ("paused", [(NOW, None)], NOW)
    stage.clock.advance_to(NOW + HOUR)
    await stage.do(resume)
    async with scene.store.read() as connection:
        assert (await campaign_report(connection, "winback")).pauses == [(NOW, NOW + HOUR)]
        (one,) = await story(connection, stage.people[0].id, "winback")
    assert [(line.at, line.kind) for line in one.lines if line.kind.startswith("Campaign")] == [
        (NOW, "CampaignPaused"), (NOW + HOUR, "CampaignResumed")]  # fmt: skip
