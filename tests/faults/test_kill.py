"""Workers killed at random moments of a campaign: nothing is sent twice, nothing is lost, and little is unknown."""

import os
import random
import statistics
import time
from pathlib import Path

import pytest

from tests.faults.polling import until
from tests.faults.stage import SESSIONS, Stage, set_stage

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1800)]
CUSTOMERS = int(os.environ.get("OTKLIK_TEST_KILL_CUSTOMERS", "10000"))
KILLS = int(os.environ.get("OTKLIK_TEST_KILLS", "50"))
AT_ONCE = 5
"""So many more kills come as soon as the worker has announced itself, while it plans and claims."""


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("OTKLIK_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"\nOTKLIK_TEST_SEED={seed}")  # noqa: T201  to repeat what failed
    return random.Random(seed)


async def _massacre(stage: Stage, chance: random.Random, workers: int) -> int:
    """Kill a worker each time that the ledger has grown to the next of ``KILLS`` random lengths; gives the kills."""
    moments = sorted(chance.sample(range(1, CUSTOMERS * 97 // 100), KILLS))
    moments += chance.sample(moments, AT_ONCE)
    for _ in range(workers):
        await stage.workers.start(ready=False)
    for worker in stage.workers.living:
        await stage.workers.wait_ready(worker)
    for moment in sorted(moments):
        await until(lambda: stage.sandbox.total >= moment, f"mail {moment} of {CUSTOMERS}")  # noqa: B023
        status = await stage.workers.kill(chance.choice(stage.workers.living))
        assert status == -9, f"a worker had ended by itself:\n{stage.workers.complaints()}"
        await stage.workers.start()
    return len(moments)


@pytest.mark.parametrize(("database", "workers"), [("sqlite", 1), ("postgresql", 1), ("postgresql", 2)])
async def test_nothing_is_sent_twice_or_lost(
    database: str, workers: int, tmp_path: Path, chance: random.Random, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[database])
    began = time.monotonic()
    async with set_stage(url, tmp_path, CUSTOMERS, LOG_LEVEL="info") as stage:
        ready = time.monotonic()
        kills = await _massacre(stage, chance, workers)
        await until(lambda: stage.at_rest(CUSTOMERS), "the campaign's end")
        verdict = await stage.verdict(CUSTOMERS)
        most = max(verdict.unknown_by_worker.values(), default=0)
        starts = statistics.median(stage.workers.start_seconds)
        print(  # noqa: T201  the figures are the point
            f"{database}, {workers} worker(s): {kills} kills, {verdict.accepted} accepted, {verdict.unknown} unknown "
            f"({len(verdict.unknown_by_worker)} kills left any, at most {most}), {len(stage.sandbox.accepted)} in the "
            f"ledger; warm start {starts:.2f} s; set-up {ready - began:.1f} s, run {time.monotonic() - ready:.1f} s"
        )
        verdict.check()
        assert most <= SESSIONS
        assert verdict.accepted >= CUSTOMERS * 95 // 100
        assert verdict.unknown, "no kill fell into a send: this run has proven nothing"
