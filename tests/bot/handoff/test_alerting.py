"""What agents are told in their own messenger: once, together, on duty only, and nothing that is over."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.handoff import alerting, ownership
from bot.handoff.alerting import Alerts
from bot.handoff.answering import note
from bot.handoff.keeping import keep_desk
from core import clock as clocks
from core.actors import SYSTEM
from core.agents import Presence
from core.errors import PermanentFailure, PermanentKind, TransientFailure
from core.ids import id_floor, new_id
from core.machines.conversation import ConversationState
from storage.outbox.columns import table
from storage.tables import Cursor
from tests.bot.handoff.stage import Desk
from tests.faults.polling import until

LINK = "https://crm.example.com/"


class Phones:
    """What agents were told, by their user ids; ``fails`` are raised by the next calls."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.fails: list[Exception] = []

    async def tell(self, user: str, words: str) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.told.append((user, words))

    def of(self, user: str) -> list[str]:
        return [words for who, words in self.told if who == user]


class Watch:
    """A desk, the phones of its people, and the machine's own clock."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        self.phones = Phones()
        self.alerts = Alerts(desk.store, desk.clock, self.phones, LINK, look_seconds=0.0)
        self._ahead = timedelta()
        real = clocks.machine_now
        monkeypatch.setattr(alerting, "machine_now", lambda: real() + self._ahead)

    async def begin(self, **desk: Any) -> None:
        await self.desk.configured(assignment="manual", **desk)
        assert await self.alerts.run_once() == 0

    async def look(self, **later: float) -> int:
        """Look so much machine time later, more than any open transaction takes."""
        self._ahead += timedelta(**(later or {"seconds": 6}))
        return await self.alerts.run_once()

    async def late(self, **request: Any) -> str:
        """A customer whom nobody answered in time."""
        id_ = await self.desk.waiting(timedelta(minutes=5), **request)
        self.desk.later(minutes=6)
        assert id_ in (await keep_desk(self.desk.store, self.desk.clock)).late
        return id_


@pytest.fixture
def watch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(desk, monkeypatch)


async def test_a_broken_promise_is_told_once_in_one_line_with_a_link(watch: Watch) -> None:
    await watch.begin()
    for name, more in (("ann", {"locale": "ru"}), ("bob", {"skills": ["sales"]}), ("eve", {})):
        await watch.desk.agent(name, telegram=name[0] * 3 if name != "eve" else None, **more)
    id_ = await watch.late()
    assert await watch.look() == 1
    assert watch.phones.told == [("aaa", f"Ждут дольше обещанного: 1 {LINK}desk/inbox/{id_}")]
    assert await watch.look(minutes=6) == 0


async def test_whose_it_is_hears_of_it(watch: Watch) -> None:
    await watch.begin()
    ann = await watch.desk.agent("ann", telegram="1")
    await watch.desk.agent("bob", telegram="2")
    id_ = await watch.desk.waiting(timedelta(minutes=5))
    async with watch.desk.store.write() as connection:
        await ownership.take(connection, id_, ann, actor=SYSTEM, now=watch.desk.clock.now())
    watch.desk.later(minutes=6)
    await keep_desk(watch.desk.store, watch.desk.clock)
    assert await watch.look() == 1
    assert [user for user, _ in watch.phones.told] == ["1"]


async def test_much_is_told_together_and_not_too_often(watch: Watch) -> None:
    await watch.begin()
    await watch.desk.agent("ann", telegram="1")
    first = await watch.desk.waiting(priority=3)
    assert await watch.look() == 1
    assert watch.phones.of("1") == [f"Urgent and new: 1 {LINK}desk/inbox/{first}"]
    for _ in range(3):
        await watch.late(priority=2)
    assert await watch.look() == 0, "she was told a moment ago"
    assert await watch.look(minutes=4) == 0
    assert await watch.look(minutes=1) == 1
    assert watch.phones.of("1")[1:] == [f"Waiting longer than promised: 4 · Urgent and new: 3 {LINK}desk/inbox"]
    assert await watch.look(minutes=6) == 0


async def test_what_is_over_by_then_is_not_told(watch: Watch) -> None:
    await watch.begin()
    await watch.desk.agent("ann", telegram="1")
    await watch.desk.waiting(priority=3)
    await watch.look()
    id_ = await watch.late()
    await watch.look()
    async with watch.desk.store.write() as connection:
        await ownership.resolve(connection, id_, actor=SYSTEM, now=watch.desk.clock.now())
    assert (await watch.desk.row(id_)).state is ConversationState.RESOLVED
    await watch.look(minutes=6)
    told = watch.phones.of("1")[1:]
    assert told == [f"Waiting longer than promised: 1 {told[0].split()[-1]}"] if told else True
    assert all(id_ not in words for words in watch.phones.of("1"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"shift": {"1": ["09:00", "18:00"]}, "presence": Presence.OFFLINE}, True),
        ({"shift": {"1": ["20:00", "23:00"]}}, False),
        ({"presence": Presence.AWAY}, True),
        ({"presence": Presence.OFFLINE}, False),
        ({"disabled_at": datetime(2026, 1, 1, tzinfo=UTC)}, False),
    ],
)
async def test_only_who_is_on_duty_is_told(watch: Watch, more: dict[str, Any], told: bool) -> None:
    await watch.begin()
    assert watch.desk.clock.now().weekday() == 1
    await watch.desk.agent("ann", telegram="1", **more)
    await watch.late()
    assert await watch.look() == int(told)


async def test_it_can_be_switched_off(watch: Watch) -> None:
    await watch.begin(alerts=False)
    await watch.desk.agent("ann", telegram="1")
    await watch.late()
    assert await watch.look() == 0
    assert await watch.look(minutes=10) == 0


async def test_a_mention_is_told_to_who_is_named(watch: Watch) -> None:
    await watch.begin()
    ann, bob = await watch.desk.agent("ann", telegram="1"), await watch.desk.agent("bob", telegram="2")
    id_ = await watch.desk.conversation()
    async with watch.desk.store.write() as connection:
        await note(connection, id_, ann, "see this", [bob], watch.desk.clock.now())
    assert await watch.look() == 1
    assert watch.phones.told == [("2", f"You are mentioned in a note: 1 {LINK}desk/inbox/{id_}")]


@pytest.mark.parametrize(
    ("failure", "again"),
    [(TransientFailure("busy"), True), (PermanentFailure(PermanentKind.BLOCKED, "blocked"), False)],
    ids=["busy", "blocked"],
)
async def test_what_did_not_get_through_goes_with_the_next(watch: Watch, failure: Exception, again: bool) -> None:
    await watch.begin()
    await watch.desk.agent("ann", telegram="1")
    await watch.late()
    watch.phones.fails.append(failure)
    await watch.look()
    assert watch.phones.told == []
    assert await watch.look(minutes=6) == int(again)
    assert len(watch.phones.told) == int(again)


async def test_nothing_is_made_up_for_and_two_processes_tell_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watch.desk.configured(assignment="manual")
    await watch.desk.agent("ann", telegram="1")
    await watch.late()
    made = new_id()
    await until(lambda: id_floor(clocks.machine_now()) > made, "the millisecond of what happened to pass")
    with monkeypatch.context() as at_once:
        at_once.setattr(alerting, "BEHIND", timedelta())
        await watch.alerts.run_once()
    assert await watch.look() == 0, "what was before the first look is old"
    await watch.late()
    other = Alerts(watch.desk.store, watch.desk.clock, watch.phones, LINK, look_seconds=0.0)
    told = await asyncio.gather(watch.look(), other.run_once())
    assert sum(told) == 1
    assert len(watch.phones.told) == 1
    async with watch.desk.store.read() as connection:
        (row,) = (await connection.execute(table(Cursor).select())).all()
    assert row.value["due"] == {}
