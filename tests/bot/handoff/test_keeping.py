"""The desk keeps itself: assignment, snoozes, broken promises, an empty desk."""

import asyncio
from datetime import timedelta

from sqlalchemy import select

from bot.handoff import ownership
from bot.handoff.keeping import keep_desk
from core.actors import SYSTEM
from core.agents import Presence
from core.clock import machine_now
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.tables import Agent
from tests.bot.handoff.stage import Desk

S = ConversationState


async def test_who_waits_gets_who_is_free(desk: Desk) -> None:
    await desk.configured()
    ann = await desk.agent("ann", capacity=2, languages=["ru"])
    bob = await desk.agent("bob", capacity=1)
    await desk.agent("eve", Presence.AWAY)
    first = await desk.waiting()
    desk.later(seconds=1)
    second = await desk.waiting(language="ru")
    desk.later(seconds=1)
    third, fourth = await desk.waiting(), await desk.waiting(priority=3)
    kept = await keep_desk(desk.store, desk.clock)
    assert set(kept.assigned) == {fourth, first, second}, "the urgent one first, then who waited longest"
    assert kept.assigned[second] == ann
    assert sorted(kept.assigned.values()) == sorted([ann, ann, bob])
    assert (await desk.row(third)).state is S.QUEUED
    assert not await keep_desk(desk.store, desk.clock), "nothing more to do"
    async with desk.store.write() as connection:
        await ownership.resolve(connection, first, actor=SYSTEM, now=desk.clock.now())
    assert list((await keep_desk(desk.store, desk.clock)).assigned) == [third]


async def test_rounds_at_once_give_each_to_one(desk: Desk) -> None:
    await desk.configured()
    for name in ("ann", "bob"):
        await desk.agent(name)
    waiting = [await desk.waiting() for _ in range(4)]
    rounds = await asyncio.gather(*(keep_desk(desk.store, desk.clock) for _ in range(3)))
    assert sorted(id_ for one in rounds for id_ in one.assigned) == sorted(waiting)
    for id_ in waiting:
        assert (await desk.story(id_)).count("AgentAssigned") == 1


async def test_snooze_ends(desk: Desk) -> None:
    await desk.configured()
    id_, now = await desk.waiting(), desk.clock.now()
    async with desk.store.write() as connection:
        await ownership.take(connection, id_, "ann", actor=SYSTEM, now=now)
        await ownership.snooze(connection, id_, now + timedelta(hours=1), actor=SYSTEM, now=now)
    desk.later(minutes=59)
    assert not (await keep_desk(desk.store, desk.clock)).woken
    desk.later(minutes=1)
    assert (await keep_desk(desk.store, desk.clock)).woken == (id_,)
    assert (await desk.row(id_)).state is S.ASSIGNED


async def test_broken_promise_is_told_once(desk: Desk) -> None:
    await desk.configured()
    id_ = await desk.waiting()
    desk.later(minutes=15)
    assert not (await keep_desk(desk.store, desk.clock)).late, "due is not late"
    desk.later(seconds=1)
    assert (await keep_desk(desk.store, desk.clock)).late == (id_,)
    desk.later(hours=1)
    assert not (await keep_desk(desk.store, desk.clock)).late
    desk.later(hours=8)
    assert (await keep_desk(desk.store, desk.clock)).late == (id_,), "the second promise is another"
    assert (await desk.story(id_)).count("PromiseBroken") == 2


async def test_empty_desk_gives_back(desk: Desk) -> None:
    await desk.configured(patience="10m", nobody="bot")
    await desk.agent("ann", Presence.AWAY)
    id_ = await desk.waiting()
    desk.later(minutes=9)
    assert not (await keep_desk(desk.store, desk.clock)).given_up
    desk.later(minutes=1)
    assert (await keep_desk(desk.store, desk.clock)).given_up == (id_,)
    assert (await desk.row(id_)).state is S.BOT


async def test_silent_browser_is_away(desk: Desk) -> None:
    await desk.configured()
    silent = await desk.agent("ann", presence_at=machine_now() - timedelta(minutes=3))
    seen = await desk.agent("bob", presence_at=machine_now())
    by_hand = await desk.agent("eve")
    await keep_desk(desk.store, desk.clock)
    async with desk.store.read() as connection:
        found = await connection.execute(select(table(Agent).c.id, table(Agent).c.presence))
        rows = {row.id: row.presence for row in found}
    assert rows == {silent: Presence.AWAY, seen: Presence.ONLINE, by_hand: Presence.ONLINE}
