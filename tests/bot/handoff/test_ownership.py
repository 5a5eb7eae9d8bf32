"""Who has a conversation: takeovers, fences, and what becomes of promises."""

import asyncio
from datetime import timedelta

import pytest

from bot.handoff import ownership
from bot.handoff.ownership import NotYours
from core.actors import Actor
from core.errors import OtklikError
from core.machines.conversation import ConversationState
from core.transitions import IllegalTransition
from tests.bot.handoff.stage import Desk

S = ConversationState
ANN, BOB = Actor("agent", "ann"), Actor("agent", "bob")


async def test_from_asking_to_the_end(desk: Desk) -> None:
    id_ = await desk.waiting(queue="orders", priority=2, note="Where is my parcel?", language="ru")
    row = await desk.row(id_)
    assert (row.state, row.queue, row.priority, row.language) == (S.QUEUED, "orders", 2, "ru")
    assert row.answer_due == desk.clock.now() + timedelta(minutes=15)
    asked = desk.clock.now()
    now = desk.later(minutes=5)
    async with desk.store.write() as connection:
        token = await ownership.take(connection, id_, "ann", actor=ANN, now=now)
    assert (await desk.row(id_)).waiting_since == asked, "taken is not answered"
    async with desk.store.write() as connection:
        await ownership.written_by(connection, id_, "ann", token, now)
    row = await desk.row(id_)
    assert (row.waiting_since, row.answer_due, row.answered_at) == (None, None, now)
    assert row.resolve_due is not None
    async with desk.store.write() as connection:
        await ownership.resolve(connection, id_, actor=ANN, now=now)
    row = await desk.row(id_)
    assert (row.state, row.resolved_at, row.resolve_due, row.agent) == (S.RESOLVED, now, None, "ann")
    assert row.token == token, "what she wrote last still leaves"
    assert await desk.story(id_) == ["HandoffRequested", "AgentAssigned", "ConversationResolved"]


async def test_who_has_it_keeps_it_and_who_was_slower_hears_it(desk: Desk) -> None:
    id_ = await desk.waiting()
    seen = (await desk.row(id_)).token
    async with desk.store.write() as connection:
        token = await ownership.take(connection, id_, "ann", actor=ANN, now=desk.clock.now(), over=seen)
        assert await ownership.take(connection, id_, "ann", actor=ANN, now=desk.clock.now(), over=seen) == token
    with pytest.raises(NotYours) as refused:
        async with desk.store.write() as connection:
            await ownership.take(connection, id_, "bob", actor=BOB, now=desk.clock.now(), over=seen)
    assert refused.value.agent == "ann"
    async with desk.store.write() as connection:
        assert await ownership.take(connection, id_, "bob", actor=BOB, now=desk.clock.now(), over=token) == token + 1
    with pytest.raises(NotYours):
        async with desk.store.write() as connection:
            await ownership.written_by(connection, id_, "ann", token, desk.clock.now())


async def test_of_two_at_once_one_gets_it(desk: Desk) -> None:
    id_ = await desk.waiting()

    async def grab(agent: str) -> bool:
        try:
            async with desk.store.write() as connection:
                await ownership.take(connection, id_, agent, actor=Actor("agent", agent), now=desk.clock.now(), over=0)
        except NotYours:
            return False
        return True

    got = await asyncio.gather(*(grab(f"agent-{number}") for number in range(5)))
    assert sum(got) == 1
    assert (await desk.story(id_)).count("AgentAssigned") == 1


async def test_given_back_left_snoozed_and_woken(desk: Desk) -> None:
    id_ = await desk.waiting()
    now = desk.clock.now()
    async with desk.store.write() as connection:
        first = await ownership.take(connection, id_, "ann", actor=ANN, now=now)
        await ownership.snooze(connection, id_, now + timedelta(hours=2), actor=ANN, now=now)
        await ownership.wake(connection, id_, actor=ANN, now=now)
        await ownership.leave(connection, id_, actor=ANN, now=now, queue="billing", note="About an invoice")
    row = await desk.row(id_)
    assert (row.state, row.agent, row.queue, row.token) == (S.QUEUED, "", "billing", first + 1)
    async with desk.store.write() as connection:
        await ownership.take(connection, id_, "bob", actor=BOB, now=now)
        await ownership.give_back(connection, id_, actor=BOB, now=now)
    row = await desk.row(id_)
    assert (row.state, row.token, row.answer_due, row.resolve_due) == (S.BOT, first + 3, None, None)


async def test_what_does_not_apply_changes_nothing(desk: Desk) -> None:
    id_ = await desk.conversation()
    before = await desk.row(id_)
    for act in (ownership.leave, ownership.wake, ownership.give_back):
        with pytest.raises(IllegalTransition):
            async with desk.store.write() as connection:
                await act(connection, id_, actor=ANN, now=desk.clock.now())
    assert await desk.row(id_) == before
    assert await desk.story(id_) == []
    with pytest.raises(OtklikError, match="no conversation"):
        async with desk.store.write() as connection:
            await ownership.resolve(connection, "0" * 26, actor=ANN, now=desk.clock.now())
