"""The end of every example: everybody is well again, nothing is left half done, and the judge adds up."""

from datetime import timedelta

from sqlalchemy import select

from campaigns.running.agenda import agenda
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Enrolment, Message
from tests.bot.machine.judge import NOBODY
from tests.bot.machine.world import World

_ENROLMENTS, _MESSAGES = table(Enrolment), table(Message)
ROUNDS = 200


async def play_out(world: World) -> None:
    """Let everything that is under way come to its end, and see that nothing was lost, or came twice."""
    for worker in world.workers:
        world.kill(worker)
    await world.recover()
    await world.process(1000)
    assert not world.to_come, "what was acknowledged is not processed"
    await world.carry_out()
    await world.check()
    await world.in_step()
    for id_, thread in sorted(world.threads.items()):
        if thread.owner != NOBODY:
            await world.look("ann", id_)
            await world.act("ann", id_, "resolve")
    await _pump(world)
    await _journeys_end(world)
    await _everything_came(world)
    await world.check()


async def _pump(world: World) -> None:
    worker = world.workers[0]
    await world.begin(worker)
    while worker.begun:
        await world.send(worker, "accepted")
    await world.record(worker)


async def _journeys_end(world: World) -> None:
    for _ in range(ROUNDS):
        await world.move(timedelta())
        await world.recover()
        await world.plan()
        await _pump(world)
        left = await agenda(world.store.whole, world.clock.now())
        if not left.idle:
            continue
        if left.next_at is None:
            break
        await world.move(left.next_at - world.clock.now())
    async with world.store.read() as connection:
        journeys = list(await connection.scalars(select(_ENROLMENTS.c.id).where(_ENROLMENTS.c.closed_at.is_(None))))
    assert not journeys, "a journey that was held never goes on, nor ends"


async def _everything_came(world: World) -> None:
    rows = await world.states()
    said = {row.provider_id for row in rows.values() if row.direction == "in"}
    for word in world.words:
        assert f"in:{word.key}" in said, f"{word.text!r} is lost"
    for id_, text in world.answers.items():
        row = rows[id_]
        if id_ in world.doubtful or id_ in world.turned_down:
            continue
        if world.got[id_]:
            assert text in world.bodies[id_]
        else:
            expired = row.state is MessageState.SKIPPED and world.late(row)
            assert expired, f"{text!r} never came: {row.state} {row.reason}"
