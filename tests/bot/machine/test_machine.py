"""A conversation under any order of events: Hypothesis plays customers, agents, the bot, a campaign, crashes, time.

Nothing runs by itself: what a process does in the background is a rule of its own, so that anything may come between.
The examples are the same each time. To hunt with new ones:

    OTKLIK_TEST_HUNT=1 OTKLIK_TEST_EXAMPLES=500 pytest tests/bot/machine -k sqlite --hypothesis-seed=7

OTKLIK_TEST_RAW=1 leaves a failing example as long as it was found.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import timedelta
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

from core.errors import UnknownOutcome
from core.messages import SMS
from storage.store import Store
from storage.tables import metadata
from tests.bot.machine.ending import play_out
from tests.bot.machine.stage import AGENTS, CHANNELS, Cast, Cuttable, say_nobody, set_up
from tests.bot.machine.world import WORDS, World
from tests.databases import open_unsynced

JUMPS = tuple(timedelta(minutes=minutes) for minutes in (1, 12, 70, 3 * 60, 26 * 60, 3 * 24 * 60))
OUTCOMES = (
    "accepted", "accepted", "accepted", "taken, no answer", "lost, no answer", "busy", "content refused", "stale",
    "death before the socket", "death after acceptance",
)  # fmt: skip
RAW = bool(os.environ.get("OTKLIK_TEST_RAW"))
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
PHASES = [phase for phase in Phase if phase is not Phase.explain and not (RAW and phase is Phase.shrink)]
WHO = st.integers(0, 1)
WHICH = st.integers(0, 63)
AGENT = st.sampled_from(AGENTS)
CUT = st.sampled_from((None, None, None, None, None, None, 0, 1, 2))
"""How many transactions a process still ends before it does; None: it lives."""


class Conversations(RuleBasedStateMachine):
    """Rules over one :class:`World`; where its store comes from is set by a subclass."""

    url: ClassVar[str]
    empty: ClassVar[Path | None]
    cast: ClassVar[Cast]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world: World | None = None
        self.broken = False

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.loop.run_until_complete(what)
        except BaseException:
            self.broken = True
            raise

    @initialize(nobody=st.sampled_from(("wait", "bot")), series=st.booleans())
    def begin(self, nobody: str, series: bool) -> None:
        self._do(self._begin(nobody))
        if series:
            self._do(self.world.enter(0))
            self._do(self.world.plan())

    async def _begin(self, nobody: str) -> None:
        cast = None
        if self.empty is not None:
            self.folder = Path(tempfile.mkdtemp(dir=MEMORY or self.empty.parent))
            shutil.copy(self.empty, self.folder / "store.sqlite3")
            store, cast = await open_unsynced(f"sqlite:///{self.folder / 'store.sqlite3'}", throw_away=True), self.cast
        else:
            self.folder = Path(tempfile.mkdtemp())
            store = await open_unsynced(self.url, pool_size=2)
            names = ", ".join(f'"{each.name}"' for each in metadata.sorted_tables)
            async with store.write() as connection:
                await connection.execute(text(f"TRUNCATE {names}"))
            cast = await set_up(store, self.folder)
        await say_nobody(store, nobody)
        self.world = World(Cuttable(store), cast, nobody)
        await self.world.register()

    def _thread(self, which: int) -> str:
        threads = sorted(self.world.threads)
        return threads[which % len(threads)]

    # customers, and the bot

    @rule(
        who=WHO, channel=st.sampled_from(CHANNELS), kind=st.sampled_from(sorted(WORDS)), proven=st.booleans(),
        twice=st.booleans(), at_once=st.sampled_from((True, True, False)), cut=CUT,
    )  # fmt: skip
    def customer_says(
        self, who: int, channel: str, kind: str, proven: bool, twice: bool, at_once: bool, cut: int | None
    ) -> None:
        self._do(self.world.says(who, channel, kind, proven=proven, twice=twice))
        if at_once:
            self.process(limit=200, cut=cut)

    @precondition(lambda self: self.world and self.world.to_come)
    @rule(limit=st.sampled_from((1, 200)), cut=CUT)
    def process(self, limit: int, cut: int | None) -> None:
        self.world.store.after = cut
        self._do(self.world.process(limit))

    # agents

    @precondition(lambda self: self.world and self.world.threads)
    @rule(
        agent=AGENT, which=WHICH, look=st.booleans(), cut=CUT, to=st.sampled_from((*AGENTS, "main")),
        what=st.sampled_from(("take", "take", "leave", "return", "snooze", "resolve", "note", "transfer")),
    )  # fmt: skip
    def agent_acts(self, agent: str, which: int, look: bool, what: str, to: str, cut: int | None) -> None:
        id_ = self._thread(which)
        if look:
            self._do(self.world.look(agent, id_))
        self.world.store.after = cut
        self._do(self.world.act(agent, id_, what, to if what == "transfer" else ""))

    @precondition(lambda self: self.world and self.world.threads)
    @rule(
        agent=AGENT, which=WHICH, how=st.sampled_from(("look", "take", "take", "other tab", "blind")), cut=CUT,
        channel=st.sampled_from(("", "", *CHANNELS)), back=st.sampled_from(("", "chat", "question", "help", "stop")),
    )  # fmt: skip
    def agent_answers(self, agent: str, which: int, how: str, channel: str, cut: int | None, back: str) -> None:
        """``back`` is what the customer writes after it."""
        id_ = self._thread(which)
        before = self.world.pages.get((agent, id_))
        if how != "blind":
            self._do(self.world.look(agent, id_))
        if how in ("take", "other tab"):
            self._do(self.world.act(agent, id_, "take"))
            self._do(self.world.look(agent, id_))
        if how == "other tab" and before is not None:  # it still shows what was before
            self.world.pages[agent, id_] = before
        self.world.store.after = cut
        self._do(self.world.write(agent, id_, channel))
        if back:
            self._do(self.world.says(self.world.threads[id_].customer, SMS, back, proven=False, twice=False))
            self.process(limit=200, cut=None)

    @precondition(lambda self: self.world and self.world.sent_before)
    @rule(which=st.integers(1, 3))
    def agent_presses_send_again(self, which: int) -> None:
        self._do(self.world.press_send_again(which))

    @precondition(lambda self: self.world and self.world.threads)
    @rule(
        agent=AGENT, which=WHICH, at_once=st.sampled_from((True, True, False)), cut=CUT,
        text=st.sampled_from(("", "", "/take", "/return", "/resolve", "/snooze 1h")),
    )  # fmt: skip
    def staff_writes_in_the_topic(self, agent: str, which: int, text: str, at_once: bool, cut: int | None) -> None:
        self._do(self.world.mirror(None))
        self._do(self.world.in_topic(agent, self._thread(which), text))
        if at_once:
            self._do(self.world.process(200))
            self.staff_orders_are_carried_out(cut=cut)

    @rule(cut=CUT)
    def staff_orders_are_carried_out(self, cut: int | None) -> None:
        self.world.store.after = cut
        self._do(self.world.carry_out())

    @rule(agent=AGENT, how=st.sampled_from(("here", "here", "away", "silent")))
    def agent_comes_or_goes(self, agent: str, how: str) -> None:
        self._do(self.world.presence(agent, how))

    # what runs in the background

    @rule(
        number=st.integers(0, 1), until=st.sampled_from(("begun", "sent", "recorded", "recorded")), cut=CUT,
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4),
    )  # fmt: skip
    def work(self, number: int, outcomes: list[str], until: str, cut: int | None) -> None:
        worker = self.world.workers[number]
        if not worker.dead:
            self.world.store.after = cut
            if self._do(self.world.crash(self.world.begin(worker))) is None and cut is not None:
                self.world.kill(worker)
        for outcome in outcomes if until != "begun" else ():
            if worker.begun:
                self._do(self.world.send(worker, outcome))
        if until == "recorded":
            self._do(self.world.record(worker))
        if worker.dead:
            self._do(self.world.recover())

    @rule(by=st.sampled_from(JUMPS), keep=st.booleans(), cut=CUT, enters=st.none() | WHO)
    def time_passes(self, by: timedelta, keep: bool, cut: int | None, enters: int | None) -> None:
        if enters is not None:
            self._do(self.world.enter(enters))
            self._do(self.world.plan())
        self._do(self.world.move(by))
        self._do(self.world.recover())
        if keep:
            self.world.store.after = cut
            self._do(self.world.keep())
            self._do(self.world.bot_ticks())
            self._do(self.world.plan())

    @rule(lost=st.booleans(), cut=CUT)
    def topics_are_mirrored(self, lost: bool, cut: int | None) -> None:
        self.world.store.after = cut
        self._do(self.world.mirror(UnknownOutcome("no answer") if lost else None))

    @invariant()
    def the_store_says_what_the_judge_says(self) -> None:
        if self.world is not None:
            self._do(self.world.check())

    def teardown(self) -> None:
        try:
            if self.world is not None and not self.broken:
                self._do(play_out(self.world))
        finally:
            if self.world is not None:
                self._do(self.world.store.close())
                shutil.rmtree(self.folder, ignore_errors=True)
            self.loop.close()


def _profile(examples: int, steps: int) -> settings:
    return settings(
        max_examples=int(os.environ.get("OTKLIK_TEST_EXAMPLES", examples)),
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
        print_blob=True,
    )


@pytest.mark.timeout(900)
def test_conversations_hold_on_sqlite(tmp_path: Path, sqlite_url: str) -> None:
    cast = asyncio.run(_filled(sqlite_url, tmp_path))
    empty = tmp_path / "store.sqlite3"
    machine = type("OnSqlite", (Conversations,), {"url": "", "empty": empty, "cast": cast})
    run_state_machine_as_test(machine, settings=_profile(36, 40))


@pytest.mark.timeout(900)
def test_conversations_hold_on_postgresql(postgres_url: str) -> None:
    machine = type("OnPostgresql", (Conversations,), {"url": postgres_url, "empty": None, "cast": None})
    run_state_machine_as_test(machine, settings=_profile(6, 30))


async def _filled(url: str, folder: Path) -> Cast:
    async with await Store.open(url) as store:
        return await set_up(store, folder)
