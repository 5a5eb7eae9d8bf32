"""Writers that wait for each other share a commit, and nothing else: not their failures, not their cancellation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from core.errors import TransactionLost
from storage import migrate, turns
from storage.outbox.columns import table
from storage.sqlite import Statement
from storage.store import Store
from storage.tables import Setting
from tests.conftest import NOW

_SETTINGS = table(Setting)
PATIENCE = 60


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Store]:
    """A SQLite store: PostgreSQL has as many writers as it likes."""
    async with await Store.open(f"sqlite:///{tmp_path / 'turns.sqlite3'}") as store:
        await migrate.upgrade(store)
        yield store


async def _keep(store: Store, name: str) -> None:
    async with store.write() as connection:
        await connection.execute(_SETTINGS.insert().values(name=name, value={}, updated_at=NOW))


async def _kept(store: Store) -> set[str]:
    async with store.read() as connection:
        return set(await connection.scalars(select(_SETTINGS.c.name)))


def _takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction take in others however old it is: on a busy machine one block alone may take longer."""
    monkeypatch.setattr(turns, "SHARED_SECONDS", 600.0)


def _count_commits(store: Store) -> list[str]:
    commits: list[str] = []
    event.listen(store._writer.sync_engine, "commit", lambda _: commits.append("commit"))
    return commits


async def test_those_who_wait_share_a_commit(alone: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _takes_its_time(monkeypatch)
    commits = _count_commits(alone)
    names = {f"n{number}" for number in range(20)}
    await asyncio.gather(*(_keep(alone, name) for name in names))
    assert names <= await _kept(alone)
    assert len(commits) < len(names) / 2


async def test_what_a_block_wrote_is_there_when_it_is_left(alone: Store) -> None:
    async def keep_and_look(name: str) -> bool:
        await _keep(alone, name)
        return name in await _kept(alone)

    assert all(await asyncio.gather(*(keep_and_look(f"n{number}") for number in range(20))))


async def test_a_failure_takes_back_its_own_work_only(alone: Store) -> None:
    async def fail(name: str) -> None:
        async with alone.write() as connection:
            await connection.execute(_SETTINGS.insert().values(name=name, value={}, updated_at=NOW))
            raise RuntimeError

    await _keep(alone, "twice")
    results = await asyncio.gather(
        fail("bad0"), _keep(alone, "good1"), fail("bad2"), _keep(alone, "twice"), _keep(alone, "good3"), fail("bad4"),
        return_exceptions=True,
    )  # fmt: skip
    kept = await _kept(alone)
    assert {"good1", "good3"} <= kept
    assert not {"bad0", "bad2", "bad4"} & kept
    assert [type(result) for result in results] == [
        RuntimeError, type(None), RuntimeError, IntegrityError, type(None), RuntimeError,
    ]  # fmt: skip


@pytest.mark.parametrize("steps", range(8))
async def test_who_is_cancelled_keeps_nobody_waiting(alone: Store, steps: int) -> None:
    """The last in the queue goes away at any step: whoever left the transaction open is not left in the dark."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with alone.write() as connection:
            await connection.execute(_SETTINGS.insert().values(name="first", value={}, updated_at=NOW))
            inside.set()
            await go_on.wait()

    one = asyncio.create_task(first())
    await inside.wait()
    waiting = asyncio.create_task(_keep(alone, "waiting"))
    await asyncio.sleep(0)
    go_on.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(PATIENCE):
        told, _ = await asyncio.gather(one, waiting, return_exceptions=True)
    assert told is None or isinstance(told, TransactionLost)  # a statement that is cancelled takes the connection along
    assert ("first" in await _kept(alone)) == (told is None)
    async with asyncio.timeout(PATIENCE):
        await _keep(alone, "afterwards")


async def test_a_lost_commit_is_told_to_everybody(alone: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _takes_its_time(monkeypatch)

    def refuse(_: object) -> None:
        raise OSError("the disk is full")

    event.listen(alone._writer.sync_engine, "commit", refuse)
    results = await asyncio.gather(*(_keep(alone, f"n{number}") for number in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [TransactionLost] * 3
    event.remove(alone._writer.sync_engine, "commit", refuse)
    await _keep(alone, "afterwards")
    assert await _kept(alone) >= {"afterwards"}
    assert not {"n0", "n1", "n2"} & await _kept(alone)


def _ready(*names: str) -> list[Statement]:
    sql = "INSERT INTO settings (name, value, updated_at) VALUES (?, '{}', 0)"
    return [(sql, (name,)) for name in names]


def _count_visits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    visits: list[str] = []
    visit: Any = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, *asked: Any) -> Any:
        visits.append(str(asked[0]))
        return await visit(self, *asked)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return visits


async def test_ready_statements_take_one_visit_and_a_block_three(alone: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await _keep(alone, "first")
    visits = _count_visits(monkeypatch)
    await alone.write_at_once(_ready("a", "b"))
    assert len(visits) == 1
    visits.clear()
    await _keep(alone, "c")
    assert len(visits) == 3, "begin, insert, commit; and nothing when the connection is given back"
    assert await _kept(alone) >= {"first", "a", "b", "c"}


async def test_ready_statements_stand_in_the_line_as_blocks_do(alone: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _takes_its_time(monkeypatch)
    commits = _count_commits(alone)
    names = [f"n{number}" for number in range(20)]
    await asyncio.gather(
        *(_keep(alone, name) for name in names), *(alone.write_at_once(_ready(f"r{n}")) for n in names)
    )
    assert await _kept(alone) >= {*names, *(f"r{name}" for name in names)}
    assert len(commits) < len(names)


async def test_ready_statements_are_done_whole_or_not(alone: Store) -> None:
    with pytest.raises(IntegrityError):
        await alone.write_at_once(_ready("good", "twice", "twice"))
    await _keep(alone, "after")
    assert await _kept(alone) & {"good", "twice", "after"} == {"after"}


@pytest.mark.parametrize("steps", range(4))
async def test_a_cancelled_visit_gives_the_turn_on(alone: Store, steps: int) -> None:
    writing = asyncio.create_task(alone.write_at_once(_ready("cancelled")))
    for _ in range(steps):
        await asyncio.sleep(0)
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing
    async with asyncio.timeout(PATIENCE):
        await _keep(alone, "after")
    assert "after" in await _kept(alone)


async def test_a_statement_cancelled_in_its_midst_leaves_no_open_transaction(alone: Store) -> None:
    """The pool rolls back nothing by itself any more: what was cancelled must not be inherited by the next block."""
    for steps in range(12):
        writing = asyncio.create_task(_keep(alone, f"cancelled{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        writing.cancel()
        reading = asyncio.create_task(_kept(alone))
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(writing, reading, return_exceptions=True)
        async with asyncio.timeout(PATIENCE):
            await _keep(alone, f"after{steps}")
            assert f"after{steps}" in await _kept(alone), "and readers see the present"
