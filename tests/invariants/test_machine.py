"""The invariants under any order of events: Hypothesis plays workers, provider, customers, operators and the clock.

Nothing runs by itself here: each step of a worker is a rule of its own, so that a reply, a death or a day may come
between any two of them. At the end everything is let go, and every journey must come to its end.
"""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from core.machines.message import MessageState
from storage import migrate
from storage.store import Store
from storage.tables import metadata
from tests.conftest import _create_database
from tests.invariants.world import CHANNELS, OUTCOMES, Hands, World

STARTS = ("2026-10-24T18:00+00:00", "2027-03-27T20:00+00:00", "2027-04-03T12:00+00:00", "2026-12-01T12:00+00:00")
JUMPS = tuple(timedelta(minutes=minutes) for minutes in (1, 50, 7 * 60, 24 * 60, 3 * 24 * 60, 8 * 24 * 60))
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""Thousands of small commits: a disk that syncs each of them is not what is tested here."""
WHO = st.integers(0, 2)
WHICH = st.integers(0, 63)
WORKER = st.integers(0, 1)


class Invariants(RuleBasedStateMachine):
    """Rules over one :class:`World`; the store's URL is set by a subclass."""

    url: ClassVar[str]
    empty: ClassVar[Path | None]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world: World | None = None

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    @initialize(start=st.sampled_from(STARTS))
    def begin_the_world(self, start: str) -> None:
        self._do(self._begin(datetime.fromisoformat(start)))

    async def _begin(self, start: datetime) -> None:
        url = self.url
        if self.empty is not None:
            self.folder = Path(tempfile.mkdtemp(dir=MEMORY or self.empty.parent))
            shutil.copy(self.empty, self.folder / "store.sqlite3")
            url = f"sqlite:///{self.folder / 'store.sqlite3'}"
        store = await Store.open(url, pool_size=2)
        if self.empty is None:
            names = ", ".join(f'"{each.name}"' for each in metadata.sorted_tables)
            async with store.write() as connection:
                await connection.execute(text(f"TRUNCATE {names}"))
        self.world = World(store, start)
        await self.world.set_up()
        for person in self.world.people:
            await self.world.enter(person, "ladder")
        await self.world.plan()

    def _worker(self, number: int) -> Hands | None:
        worker = self.world.workers[number]
        return None if worker.dead else worker

    def _taken(self, which: int) -> str | None:
        taken = sorted(self.world.taken)
        return taken[which % len(taken)] if taken else None

    # the service

    @rule(who=WHO, campaign=st.sampled_from(("ladder", "series")))
    def enter(self, who: int, campaign: str) -> None:
        self._do(self.world.enter(self.world.people[who], campaign))

    @rule()
    def plan(self) -> None:
        self._do(self.world.plan())

    @rule(by=st.sampled_from(JUMPS))
    def time_passes(self, by: timedelta) -> None:
        self._do(self.world.move(by))
        self._do(self.world.plan())

    @rule(number=WORKER, channel=st.sampled_from(CHANNELS))
    def claim(self, number: int, channel: str) -> None:
        if worker := self._worker(number):
            self._do(self.world.claim(worker, channel))

    @rule(number=WORKER)
    def unclaim(self, number: int) -> None:
        if worker := self._worker(number):
            self._do(self.world.unclaim(worker))

    @rule(number=WORKER)
    def begin(self, number: int) -> None:
        if worker := self._worker(number):
            self._do(self.world.begin(worker))

    @rule(number=WORKER, outcome=st.sampled_from(OUTCOMES))
    def send(self, number: int, outcome: str) -> None:
        worker = self._worker(number)
        if worker and worker.begun:
            self.world.send(worker, outcome)

    @rule(number=WORKER)
    def record(self, number: int) -> None:
        if worker := self._worker(number):
            self._do(self.world.record(worker))

    @rule(number=WORKER, outcome=st.sampled_from(("accepted", "accepted", "taken, no answer", "content refused")))
    def work(self, number: int, outcome: str) -> None:
        """All of a worker's steps in a row, as they mostly come."""
        if worker := self._worker(number):
            for channel in CHANNELS:
                self._do(self.world.claim(worker, channel))
            self._do(self.world.begin(worker))
            while worker.begun:
                self.world.send(worker, outcome)
            self._do(self.world.record(worker))

    @rule(number=WORKER)
    def die(self, number: int) -> None:
        if worker := self._worker(number):
            self.world.kill(worker)

    @precondition(lambda self: any(worker.dead for worker in self.world.workers))
    @rule(journal=st.booleans())
    def recover(self, journal: bool) -> None:
        self._do(self.world.recover(journal=journal))

    @rule()
    def leases_run_out(self) -> None:
        self._do(self.world.leases_run_out())

    # customers

    @rule(who=WHO, to=st.none() | WHICH, automatic=st.booleans())
    def reply(self, who: int, to: int | None, automatic: bool) -> None:
        message_id = None if to is None else self._taken(to)
        person = self.world.people[who]
        if message_id is not None:
            claim = self.world.taken[message_id].claim
            person = next(each for each in self.world.people if each.id == claim.customer_id)
        self._do(self.world.reply(person, message_id, automatic=automatic))

    @rule(which=WHICH, only_opens=st.booleans())
    def click(self, which: int, only_opens: bool) -> None:
        if message_id := self._taken(which):
            self._do(self.world.open(message_id) if only_opens else self.world.click(message_id))

    @rule(who=WHO)
    def order(self, who: int) -> None:
        self._do(self.world.order(self.world.people[who]))

    @rule(who=st.just(1))
    def opt_out(self, who: int) -> None:
        self._do(self.world.opt_out(self.world.people[who]))

    @rule(which=WHICH, status=st.sampled_from((MessageState.DELIVERED, MessageState.FAILED, MessageState.READ)))
    def report(self, which: int, status: MessageState) -> None:
        if message_id := self._taken(which):
            self._do(self.world.report(message_id, status))

    # operators and agents

    @rule(which=WHICH, verdict=st.sampled_from(("sent", "not-sent", "resend")))
    def settle(self, which: int, verdict: str) -> None:
        unknown = self._do(self.world.unknown())
        if unknown:
            self._do(self.world.settle(unknown[which % len(unknown)], verdict))

    @rule(campaign=st.sampled_from(("ladder", "series")), paused=st.booleans())
    def pause(self, campaign: str, paused: bool) -> None:
        self._do(self.world.pause(campaign, paused=paused))

    @rule(stop=st.booleans())
    def emergency(self, stop: bool) -> None:
        self._do(self.world.emergency(stop=stop))

    @rule(who=WHO, live=st.booleans())
    def chat(self, who: int, live: bool) -> None:
        self._do(self.world.chat(self.world.people[who], live=live))

    @invariant()
    def what_the_store_says_is_true(self) -> None:
        if self.world is not None:
            self._do(self.world.check())

    def teardown(self) -> None:
        try:
            if self.world is not None:
                self._do(self.world.play_out())
        finally:
            if self.world is not None:
                self._do(self.world.store.close())
            self.loop.close()
            if self.empty is not None and self.world is not None:
                shutil.rmtree(self.folder, ignore_errors=True)


def _profile(examples: int, steps: int) -> settings:
    return settings(
        max_examples=int(os.environ.get("OTKLIK_TEST_EXAMPLES", examples)),
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        print_blob=True,
    )


@pytest.mark.timeout(900)
def test_invariants_hold_on_sqlite(tmp_path: Path) -> None:
    empty = tmp_path / "empty.sqlite3"
    asyncio.run(_migrated(f"sqlite:///{empty}"))
    machine = type("OnSqlite", (Invariants,), {"url": "", "empty": empty})
    run_state_machine_as_test(machine, settings=_profile(25, 40))


@pytest.mark.timeout(900)
def test_invariants_hold_on_postgresql(postgres_server: str) -> None:
    url = asyncio.run(_create_database(postgres_server, f"invariants_{uuid.uuid4().hex[:8]}"))
    asyncio.run(_migrated(url))
    machine = type("OnPostgresql", (Invariants,), {"url": url, "empty": None})
    run_state_machine_as_test(machine, settings=_profile(5, 30))


async def _migrated(url: str) -> None:
    async with await Store.open(url) as store:
        await migrate.upgrade(store)
