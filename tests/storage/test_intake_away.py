"""What the intake does while the database is away: a stand-in says what was stored, and in which order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.exc import IntegrityError

from core.clock import VirtualClock
from core.errors import ConfigurationError, StoreUnavailable, TransactionLost
from core.messages import RawInbound
from storage import intake as intake_module
from storage.intake import Intake
from storage.spool import DiskSpool
from storage.sqlite import Statement
from storage.store import Store
from tests.conftest import NOW
from tests.faults.polling import until


class _Away:
    """A store that stores keys, or raises ``trouble``, or hangs. It refuses ``poison`` for good."""

    dialect = "postgresql"

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.trouble: Exception | None = None
        self.hangs = False
        self.takes = 0.0
        self.poison = ""

    async def write_at_once(self, statements: Sequence[Statement]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self.takes)
        if self.trouble is not None:
            raise self.trouble
        (_, rows), = statements  # fmt: skip
        keys = [row[1] for row in sorted(rows, key=lambda row: row[-1])]  # by their ids: as they are processed
        if self.poison in keys:
            raise IntegrityError("INSERT", {}, Exception("what no database takes"))
        self.keys += keys


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> _Away:
    monkeypatch.setattr(intake_module, "AGAIN_SECONDS", 0.005)
    return _Away()


@asynccontextmanager
async def opened(store: _Away, folder: Path, room: int = 1 << 20) -> AsyncIterator[Intake]:
    spool = await DiskSpool.open(folder, room)
    async with Intake(cast("Store", store), VirtualClock(NOW), spool=spool) as intake:
        yield intake


def hooked(*keys: str) -> list[RawInbound]:
    return [RawInbound("bot", "telegram", key, b"{}") for key in keys]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def drained(intake: Intake) -> None:
    await until(lambda: not intake.spooled, "what is on disk to be stored")


@pytest.mark.parametrize(
    "trouble",
    [StoreUnavailable("gone"), TransactionLost("rolled back"), ConfigurationError("the database refuses us")],
    ids=["away", "lost", "refused"],
)
async def test_it_is_acknowledged_and_stored_before_what_comes_later(
    away: _Away, tmp_path: Path, trouble: Exception
) -> None:
    async with opened(away, tmp_path) as intake:
        await intake.store(hooked("1"), spooled=True)
        away.trouble = trouble
        for key in "234":
            await intake.store(hooked(key), spooled=True)
        assert intake.spooled
        assert away.keys == ["1"]
        away.trouble = None
        await intake.store(hooked("5"), spooled=True)  # the database is back; there are still some before it
        await drained(intake)
        await intake.store(hooked("6"), spooled=True)
    assert away.keys == ["1", "2", "3", "4", "5", "6"]
    assert names(tmp_path) == []


async def test_who_has_a_cursor_is_told_that_nothing_was_stored(away: _Away, tmp_path: Path) -> None:
    async with opened(away, tmp_path) as intake:
        away.trouble = StoreUnavailable("gone")
        told = await asyncio.gather(
            intake.store(hooked("polled")), intake.store(hooked("hooked"), spooled=True), return_exceptions=True
        )
        assert [type(one) for one in told] == [StoreUnavailable, type(None)]
        with pytest.raises(StoreUnavailable, match="not stored yet"):
            await intake.store(hooked("polled"))
        away.trouble = None
        await drained(intake)
        await intake.store(hooked("polled"))
    assert away.keys == ["hooked", "polled"]


async def test_a_database_that_hangs_is_away(away: _Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "AWAY_SECONDS", 0.02)
    async with opened(away, tmp_path) as intake:
        away.hangs = True
        await asyncio.gather(intake.store(hooked("1"), spooled=True), intake.store(hooked("2"), spooled=True))
        assert intake.spooled
    away.hangs = False
    async with opened(away, tmp_path) as intake:  # a new process finds them
        assert intake.spooled
        await drained(intake)
    assert away.keys == ["1", "2"]


async def test_what_takes_the_database_long_is_stored_from_disk_all_the_same(
    away: _Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a large mail would hold up all that comes behind it for ever."""
    monkeypatch.setattr(intake_module, "AWAY_SECONDS", 0.02)
    async with opened(away, tmp_path) as intake:
        away.takes = 0.2
        await intake.store(hooked("large"), spooled=True)
        assert away.keys == []
        await drained(intake)
    assert away.keys == ["large"]


async def test_a_disk_without_room_is_no_promise(away: _Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(intake_module.log, "warning", lambda words, **_: told.append(words))
    async with opened(away, tmp_path, room=10) as intake:
        away.trouble = StoreUnavailable("gone")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"gone; .*OTKLIK_SPOOL_MB"):
                await intake.store(hooked("1"), spooled=True)
        assert len(told) == 1, "the log says it once"
        away.trouble = None
        await intake.store(hooked("1"), spooled=True)
    assert away.keys == ["1"]


async def test_what_the_database_never_takes_is_set_aside_and_the_rest_stored(away: _Away, tmp_path: Path) -> None:
    async with opened(away, tmp_path) as intake:
        away.trouble = StoreUnavailable("gone")
        await asyncio.gather(*(intake.store(hooked(key), spooled=True) for key in ("1", "poison", "2")))
        await intake.store(hooked("3"), spooled=True)
        away.poison, away.trouble = "poison", None
        await drained(intake)
        assert await (await DiskSpool.open(tmp_path, 1)).aside() == 1
    assert away.keys == ["1", "2", "3"]
