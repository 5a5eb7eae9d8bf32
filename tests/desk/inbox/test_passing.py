"""Passing a conversation on, blocking it, settling a send."""

import pytest

from bot.handoff import ownership
from bot.handoff.answering import Draft, answer
from bot.handoff.ownership import NotYours
from campaigns.live import workspace_config
from core.actors import Actor
from core.agents import Presence
from core.errors import Refused
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from core.transitions import IllegalTransition
from desk.inbox.passing import block, colleagues, settle_send, transfer, unblock
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Message
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW
from tests.desk.inbox.test_inbox import place, taken

S = ConversationState
ANN = Actor("agent", "ann")


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def passed(desk: Desk, id_: str, to: str, token: int) -> None:
    async with desk.store.write() as connection:
        config = await workspace_config(connection)
        await transfer(connection, id_, to, token, config, actor=ANN, now=desk.clock.now())


async def test_a_conversation_goes_to_a_colleague_or_a_queue(desk: Desk) -> None:
    await desk.configured(queues={"orders": {}})
    ann, bob = await desk.agent("ann"), await desk.agent("bob")
    id_ = await desk.waiting()
    with pytest.raises(IllegalTransition):
        await passed(desk, id_, "queue:orders", (await desk.row(id_)).token)
    token = await taken(desk, id_, ann)
    await passed(desk, id_, f"agent:{bob}", token)
    row = await desk.row(id_)
    assert (row.state, row.agent) == (S.ASSIGNED, bob)
    with pytest.raises(NotYours):
        await passed(desk, id_, f"agent:{ann}", token)
    for nobody in (f"agent:{new_id()}", "queue:nowhere", "", "agent:"):
        with pytest.raises(Refused, match="no such colleague"):
            await passed(desk, id_, nobody, row.token)
    await passed(desk, id_, "queue:orders", row.token)
    row = await desk.row(id_)
    assert (row.state, row.agent, row.queue) == (S.QUEUED, "", "orders")


async def test_colleagues_who_are_there_come_first(desk: Desk) -> None:
    me = await desk.agent("me")
    await desk.agent("abe", Presence.OFFLINE)
    await desk.agent("zoe", Presence.ONLINE)
    await desk.agent("gone", disabled_at=NOW)
    async with desk.store.read() as connection:
        assert [one.name for one in await colleagues(connection, me)] == ["zoe", "abe"]


async def test_spam_is_over_and_comes_back(desk: Desk) -> None:
    id_ = await desk.waiting()
    async with desk.store.write() as connection:
        await block(connection, id_, actor=ANN, now=NOW)
        await block(connection, id_, actor=ANN, now=NOW)
    row = await desk.row(id_)
    assert (row.state, row.blocked_at) == (S.RESOLVED, NOW)
    async with desk.store.write() as connection:
        await unblock(connection, id_, actor=ANN, now=NOW)
        await unblock(connection, id_, actor=ANN, now=NOW)
    assert (await desk.row(id_)).blocked_at is None
    assert await desk.story(id_) == [
        "HandoffRequested", "ConversationBlocked", "ConversationResolved", "ConversationUnblocked",
    ]  # fmt: skip


@pytest.mark.parametrize(("arrived", "became"), [(True, MessageState.ACCEPTED), (False, MessageState.REJECTED)])
async def test_a_send_is_settled_from_the_thread(desk: Desk, arrived: bool, became: MessageState) -> None:
    ann, id_, other = await desk.agent("ann"), await desk.waiting(), await desk.waiting()
    await place(desk, id_, "email", "vera@example.org")
    token = await taken(desk, id_, ann)
    rows = table(Message)
    async with desk.store.write() as connection:
        await answer(connection, id_, ann, token, Draft("k", "hello"), NOW)
        message = str((await connection.execute(rows.select())).one().id)
        with pytest.raises(Refused, match="not unknown"):
            await settle_send(connection, id_, message, arrived=arrived, actor=ANN, now=NOW)
        await connection.execute(rows.update().values(state=MessageState.UNKNOWN))
        with pytest.raises(Refused, match="not of this conversation"):
            await settle_send(connection, other, message, arrived=arrived, actor=ANN, now=NOW)
        await settle_send(connection, id_, message, arrived=arrived, actor=ANN, now=NOW)
        assert (await connection.execute(rows.select())).one().state is became
    assert (await ownership_of(desk, id_)) == ann


async def ownership_of(desk: Desk, id_: str) -> str:
    async with desk.store.write() as connection:
        return str((await ownership.held(connection, id_)).agent)
