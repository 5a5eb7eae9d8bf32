"""The desk keeps itself: assignment, snoozes, broken promises, an empty desk."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversations import plan_message
from bot.handoff import ownership
from bot.handoff.keeping import keep_desk
from core.actors import SYSTEM
from core.agents import Presence
from core.clock import machine_now
from core.machines.conversation import ConversationState
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.tables import Agent, FlowRun, FlowVersion, Identity
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


async def test_what_fell_silent_is_over_and_is_no_live_chats_end(desk: Desk) -> None:
    await desk.configured(close_after="7d")
    had, now = await desk.conversation(agent="ann", resolved_at=desk.clock.now()), desk.clock.now()
    answered, waits, chat = await desk.conversation(), await desk.conversation(), await desk.waiting()
    desk.later(days=2)
    run = FlowRun(
        customer_id=(await desk.row(waits)).customer_id, identity_id="i" * 26, channel="sms", flow="f", version="v",
        began_at=now,
    )  # fmt: skip
    async with desk.store.write() as connection:
        await _said(connection, (await desk.row(answered)).customer_id, answered, desk.clock.now())
        await _asks(connection, run)
    desk.later(days=5, seconds=-1)
    assert not (await keep_desk(desk.store, desk.clock)).silent
    desk.later(seconds=1)
    assert (await keep_desk(desk.store, desk.clock)).silent == (had,)
    assert not (await keep_desk(desk.store, desk.clock)).silent
    row = await desk.row(had)
    assert (row.state, row.resolved_at, row.agent) == (S.RESOLVED, now, "ann"), "campaigns do not rest once more"
    for id_, state in ((answered, S.BOT), (waits, S.BOT), (chat, S.QUEUED)):
        assert (await desk.row(id_)).state is state
    desk.later(days=2)
    assert (await keep_desk(desk.store, desk.clock)).silent == (answered,)


async def _said(connection: AsyncConnection, customer_id: str, conversation_id: str, at: datetime) -> None:
    """The bot says something."""
    identity = Identity(customer_id=customer_id, channel="sms", address="+12025550101", key="k", created_at=at)
    await connection.execute(table(Identity).insert(), identity.model_dump())
    await plan_message(
        connection, customer_id=customer_id, identity_id=identity.id, channel="sms", conversation_id=conversation_id,
        client_token="t", purpose=Purpose.CONVERSATION, content={"text": "hello"}, now=at,
    )  # fmt: skip


async def _asks(connection: AsyncConnection, run: FlowRun) -> None:
    """A flow waits for an answer."""
    now = run.began_at
    identity = Identity(customer_id=run.customer_id, channel="sms", address="+12025550102", key="l", created_at=now)
    version = FlowVersion(hash="v", flow="f", body={}, created_at=now)
    for one in (identity, version):
        await connection.execute(table(type(one)).insert(), one.model_dump())
    await connection.execute(table(FlowRun).insert(), run.model_dump() | {"identity_id": identity.id})
