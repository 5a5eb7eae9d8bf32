"""The desk's speed, with bounds ten times what a quiet machine needs: so that it cannot rot. ``benchmarks/inbox.py``
has the figures at full size."""

import importlib.util
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import event

from core.machines.conversation import ConversationState
from desk.inbox.counting import tallies
from desk.inbox.listing import PAGE, Filters, View, listed
from desk.live.news import News
from desk.rendering import Reader
from desk.search.finding import SHOWN, search
from storage.store import Store

CONVERSATIONS = 2000
ROOT = Path(__file__).parents[2]


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
async def town(store_url: str) -> AsyncIterator[Store]:
    """2,000 conversations with 20,000 messages, built as the benchmark builds them."""
    await _module("desk_store").build(store_url, CONVERSATIONS)
    async with await Store.open(store_url) as opened:
        yield opened


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """CPU, not the clock: others may use this machine too."""
    began = time.process_time()
    yield
    taken = time.process_time() - began
    assert taken < seconds, f"{taken:.2f} s of CPU"


async def test_what_people_look_for_is_found_at_once(town: Store) -> None:
    async with town.read() as connection:
        await search(connection, "nobody")  # what is imported and compiled once is not counted
        for asked, expected in (
            ("заказ", SHOWN), ("заказ доставка", SHOWN), ("за", SHOWN), ("вера", SHOWN), ("алена", SHOWN),
            ("фамилия1234", 1), ("person1234@", 1), ("несуществующее", 0),
        ):  # fmt: skip
            with within(0.6):
                found = await search(connection, asked)
            assert len(found.lines) == expected, asked


async def test_the_inbox_opens_at_once(town: Store) -> None:
    async with town.read() as connection:
        await listed(connection, Filters(View.OPEN), "x")
        for view in View:
            for filters in (Filters(view), Filters(view, channel="sms"), Filters(view, priority=3)):
                with within(0.6):
                    lines = await listed(connection, filters, "x")
                assert len(lines) <= PAGE
        with within(0.6):
            counted = (await tallies(connection)).counts("")
    assert counted[View.OPEN] == counted[View.UNASSIGNED] + 1000


async def test_news_for_two_hundred_desks_is_written_at_once(town: Store) -> None:
    async with town.read() as connection:
        lines = await listed(connection, Filters(View.OPEN), "x")
        counted = await tallies(connection)
    readers = [Reader(locale, "UTC") for locale in ("en", "ru", "fa")]
    News(lines, counted).frame(readers[0], "x", Filters(View.OPEN))
    held = {line.agent for line in lines if line.state is ConversationState.ASSIGNED}
    news = News(lines, counted)
    with within(1.5):
        frames = [
            news.frame(readers[number % 3], agent, Filters(View.OPEN)) for number, agent in enumerate(sorted(held) * 4)
        ]
    assert all(b'"rows":[{"id"' in frame for frame in frames)


async def test_sqlite_reads_names_and_addresses_from_their_indexes(town: Store) -> None:
    """Whole tables would be read otherwise: several times as much at 100,000 customers."""
    if town.dialect != "sqlite":
        pytest.skip("SQLite's plans")
    statements: list[str] = []
    async with town.read() as connection:
        await connection.run_sync(lambda sync: _noting(sync, statements))
        await search(connection, "вера")
        await search(connection, "person1234@")
        plans = []
        for statement in statements:
            marks = ("x",) * statement.count("?")
            found = await connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, marks)
            plans += [row[3] for row in found]
    ours = ("SCAN customers", "SCAN identities", "SCAN each", "SCAN messages", "SCAN conversations")
    scans = [plan for plan in plans if plan.startswith(ours)]
    assert scans
    assert all("COVERING INDEX" in plan for plan in scans), scans


def _noting(connection: object, statements: list[str]) -> None:
    @event.listens_for(connection, "before_cursor_execute")
    def note(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("EXPLAIN"):
            statements.append(statement)
