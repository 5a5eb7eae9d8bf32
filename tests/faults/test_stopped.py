"""A worker that stands still for longer than its leases while another one works, and then goes on."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.polling import until
from tests.faults.stage import SESSIONS, set_stage

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]
CUSTOMERS = 1500
LEASE = 1.0
TIMES = 4


async def test_stopped_for_three_leases(tmp_path: Path, postgres_url: str) -> None:
    chance = random.Random(9)
    async with set_stage(postgres_url, tmp_path, CUSTOMERS, LEASE_SECONDS=str(LEASE)) as stage:
        # mails take a little, so that some are under way at every moment
        await stage.sandbox.post("/control/faults", [{"provider": "smtp", "kind": "slow", "seconds": 0.02}])
        for _ in range(2):
            await stage.workers.start()
        for number in range(1, TIMES + 1):
            await until(lambda: stage.sandbox.total >= number * CUSTOMERS // (TIMES + 2), "mails")  # noqa: B023
            stopped = chance.choice(stage.workers.living)
            stopped.signal(signal.SIGSTOP)
            since = time.monotonic()
            await until(lambda: time.monotonic() > since + 3 * LEASE, "three leases to pass")  # noqa: B023
            stopped.signal(signal.SIGCONT)
        # also of what the last one slept over, which the other has given up: it has yet to tell what became of it
        await until(lambda: stage.at_rest(CUSTOMERS), "the campaign's end")
        verdict = await stage.verdict(CUSTOMERS)
        print(f"\n{TIMES} stops: {verdict.accepted} accepted, {verdict.unknown} unknown")  # noqa: T201
        verdict.check()
        assert verdict.unknown <= TIMES * SESSIONS
