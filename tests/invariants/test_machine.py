"""The invariants under any order of events: Hypothesis plays workers, provider, customers, operators and the clock.

Nothing runs by itself here: each step of a worker is a rule of its own, so that a reply, a death or a day may come
between any two of them. At the end everything is let go, and every journey must come to its end.

The examples are the same each time. To hunt with new ones, as many as there is time for (a second each, or two):

    OTKLIK_TEST_HUNT=1 OTKLIK_TEST_EXAMPLES=500 pytest tests/invariants/test_machine.py -k sqlite --hypothesis-seed=7
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
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

from campaigns.operating.pausing import CatchUp
from core.machines.message import MessageState
from storage.tables import metadata
from tests.databases import open_unsynced
from tests.invariants.campaigns import CHANNELS, GOAL, VISIT, Shop, shops
from tests.invariants.outcomes import OUTCOMES
from tests.invariants.world import Hands, World

STARTS = ("2026-10-24T18:00+00:00", "2027-03-27T20:00+00:00", "2027-04-03T12:00+00:00", "2026-12-01T12:00+00:00")
JUMPS = tuple(timedelta(minutes=minutes) for minutes in (1, 50, 7 * 60, 24 * 60, 3 * 24 * 60, 8 * 24 * 60))
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""Thousands of small commits: a disk that syncs each of them is not what is tested here."""
REPORTS = ("delivered", "failed", "read")
WHO = st.integers(0, 3)
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
        self.broken = False

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.loop.run_until_complete(what)
        except Exception:
            self.broken = True
            raise

    @initialize(start=st.sampled_from(STARTS), shop=shops())
    def begin_the_world(self, start: str, shop: Shop) -> None:
        self._do(self._begin(datetime.fromisoformat(start), shop))

    async def _begin(self, start: datetime, shop: Shop) -> None:
        url = self.url
        if self.empty is not None:
            self.folder = Path(tempfile.mkdtemp(dir=MEMORY or self.empty.parent))
            shutil.copy(self.empty, self.folder / "store.sqlite3")
            url = f"sqlite:///{self.folder / 'store.sqlite3'}"
        store = await open_unsynced(url, pool_size=2, throw_away=True)
        if self.empty is None:
            names = ", ".join(f'"{each.name}"' for each in metadata.sorted_tables)
            async with store.write() as connection:
                await connection.execute(text(f"TRUNCATE {names}"))
        self.world = World(store, start, shop)
        await self.world.set_up()
        for person in self.world.people:
            await self.world.enter(person, "first")
            await self.world.enter(person, "second")
        await self.world.plan()

    def _worker(self, number: int) -> Hands | None:
        worker = self.world.workers[number]
        return None if worker.dead else worker

    def _taken(self, which: int) -> str | None:
        taken = sorted(self.world.taken)
        return taken[which % len(taken)] if taken else None

    # the service: few rules, so that a chain of them that matters comes up often

    @rule(who=WHO, campaign=st.sampled_from(("first", "second")))
    def enter(self, who: int, campaign: str) -> None:
        self._do(self.world.enter(self.world.people[who], campaign))
        self._do(self.world.plan())

    @rule(by=st.sampled_from(JUMPS), plan=st.booleans(), serve=st.booleans())
    def time_passes(self, by: timedelta, plan: bool, serve: bool) -> None:
        self._do(self.world.move(by))
        if serve:
            self._do(self.world.serve())
        if plan:
            self._do(self.world.plan())
            self._do(self.world.audit())

    @rule(
        number=WORKER,
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4),
        until=st.sampled_from(("planned", "claimed", "begun", "sent", "recorded", "recorded", "recorded")),
    )
    def work(self, number: int, outcomes: list[str], until: str) -> None:
        """A worker's steps in their order, up to ``until``; it goes on from there when its turn comes again."""
        self._do(self.world.plan())
        worker = self._worker(number)
        if worker is None or until == "planned":
            return
        for channel in CHANNELS:
            self._do(self.world.claim(worker, channel))
        if until == "claimed":
            return
        self._do(self.world.begin(worker))
        if until == "begun":
            return
        for outcome in outcomes:
            if worker.begun:
                self._do(self.world.send(worker, outcome))
        if until == "recorded":
            self._do(self.world.record(worker))

    @rule(number=WORKER, by=st.sampled_from(JUMPS), outcome=st.sampled_from(OUTCOMES), slowly=st.booleans())
    def work_slowly(self, number: int, by: timedelta, outcome: str, slowly: bool) -> None:
        """Time passes between claim and attempt; whoever dies on the way is recovered at once."""
        self._do(self.world.plan())
        worker = self._worker(number)
        if worker is None:
            return
        for channel in CHANNELS:
            self._do(self.world.claim(worker, channel))
        if slowly:
            self._do(self.world.move(by))
        self._do(self.world.begin(worker))
        if worker.begun:
            self._do(self.world.send(worker, outcome))
        self._do(self.world.recover(journal=True))

    @rule(number=WORKER, how=st.sampled_from(("unclaim", "die", "leases")))
    def trouble(self, number: int, how: str) -> None:
        worker = self._worker(number)
        if how == "leases":
            self._do(self.world.leases_run_out())
        elif worker and how == "unclaim":
            self._do(self.world.unclaim(worker))
        elif worker:
            self.world.kill(worker)

    @precondition(lambda self: self.world and any(worker.dead for worker in self.world.workers))
    @rule(journal=st.booleans())
    def recover(self, journal: bool) -> None:
        self._do(self.world.recover(journal=journal))

    # customers

    @rule(who=WHO, what=st.sampled_from(("reply", "automatic reply", GOAL, VISIT, "opt out")), to=st.none() | WHICH)
    def customer(self, who: int, what: str, to: int | None) -> None:
        world = self.world
        person = world.people[who]
        match what:
            case "order" | "visit":
                self._do(world.event(person, what))
            case "opt out":
                self._do(world.opt_out(world.people[1]))  # of the others something must still be heard
            case _:
                message_id = None if to is None else self._taken(to)
                if message_id is not None:
                    claim = world.taken[message_id].claim
                    person = next(each for each in world.people if each.id == claim.customer_id)
                self._do(world.reply(person, message_id, automatic=what == "automatic reply"))

    @precondition(lambda self: self.world and self.world.taken)
    @rule(which=WHICH, what=st.sampled_from(("open", "click", *REPORTS)))
    def after_acceptance(self, which: int, what: str) -> None:
        message_id = self._taken(which)
        match what:
            case "open":
                self._do(self.world.open(message_id))
            case "click":
                self._do(self.world.click(message_id))
            case _:
                self._do(self.world.report(message_id, MessageState(what)))

    @rule(key=st.sampled_from(("k1", "k2")))
    def provider_delivers(self, key: str) -> None:
        self._do(self.world.deliver(key))

    # operators, agents, marketers

    @rule(campaign=st.sampled_from(("first", "second")), back=st.booleans())
    def edit(self, campaign: str, back: bool) -> None:
        self._do(self.world.edit(campaign, back=back))

    @rule(which=WHICH, verdict=st.sampled_from(("sent", "not-sent", "resend")))
    def settle(self, which: int, verdict: str) -> None:
        unknown = self._do(self.world.unknown())
        if unknown:
            self._do(self.world.settle(unknown[which % len(unknown)], verdict))

    @rule(
        what=st.sampled_from(("first", "second", "everything", "chat")),
        who=WHO,
        stop=st.booleans(),
        catch_up=st.sampled_from(CatchUp),
    )
    def hold(self, what: str, who: int, stop: bool, catch_up: CatchUp) -> None:
        match what:
            case "everything":
                self._do(self.world.emergency(stop=stop))
            case "chat":
                self._do(self.world.chat(self.world.people[who], live=stop))
            case "second" if stop and catch_up is CatchUp.DROP and not who:
                self._do(self.world.end(what))  # for good: seldom, and never both
            case _ if stop:
                self._do(self.world.pause(what))
            case _:
                self._do(self.world.resume(what, catch_up))

    @invariant()
    def what_the_store_says_is_true(self) -> None:
        if self.world is not None:
            self._do(self.world.check())

    def teardown(self) -> None:
        try:
            if self.world is not None and not self.broken:
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
    )


@pytest.mark.timeout(900)
def test_invariants_hold_on_sqlite(migrated_sqlite: Path) -> None:
    machine = type("OnSqlite", (Invariants,), {"url": "", "empty": migrated_sqlite})
    run_state_machine_as_test(machine, settings=_profile(40, 40))


@pytest.mark.timeout(900)
def test_invariants_hold_on_postgresql(postgres_url: str) -> None:
    machine = type("OnPostgresql", (Invariants,), {"url": postgres_url, "empty": None})
    run_state_machine_as_test(machine, settings=_profile(8, 30))
