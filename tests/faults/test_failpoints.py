"""A worker that dies at each named point between plan and record: the exact state it leaves, and what becomes of it."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Attempt, Enrolment, EnrolmentHistory, Hold, Message, Occurrence
from tests.faults.polling import until
from tests.faults.stage import Stage, set_stage

pytestmark = [pytest.mark.fault, pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(900)]
CUSTOMERS = 3
_S = MessageState


@dataclass(frozen=True)
class Point:
    """A failpoint: what the store and the ledger hold after the death, and when another worker has done its work."""

    name: str
    left: dict[MessageState, int]
    mails: int
    accepted: int = CUSTOMERS
    unknown: int = 0
    mails_at_the_end: int = CUSTOMERS
    customers: int = CUSTOMERS
    journal: bool = True

    def __str__(self) -> str:
        return self.name + ("" if self.journal else ", journal lost")


ALL_DISPATCHING = {_S.DISPATCHING: CUSTOMERS}
POINTS = (
    Point("start recorded, nobody enrolled", {}, 0),
    Point("planned, not committed", {}, 0),
    Point("claimed", {_S.CLAIMED: CUSTOMERS}, 0),
    Point("begun, not started", ALL_DISPATCHING, 0),
    Point("started, socket not used", ALL_DISPATCHING, 0, accepted=2, unknown=1, mails_at_the_end=2),
    Point("accepted, not in the journal", ALL_DISPATCHING, 1, accepted=2, unknown=1),
    Point("in the journal, not recorded", ALL_DISPATCHING, 1),
    Point("about to record", {_S.DISPATCHING: 1}, 1, customers=1, accepted=1, mails_at_the_end=1),
    Point("claimed", {_S.CLAIMED: CUSTOMERS}, 0, journal=False),
    Point("begun, not started", ALL_DISPATCHING, 0, accepted=0, unknown=3, mails_at_the_end=0, journal=False),
    Point("in the journal, not recorded", ALL_DISPATCHING, 1, accepted=0, unknown=3, mails_at_the_end=1, journal=False),
)


@pytest.fixture
async def stage(store_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """One session, so that it is known which message stands where."""
    async with set_stage(store_url, tmp_path, CUSTOMERS, EMAIL_SESSIONS="1") as stage:
        yield stage


async def _anew(stage: Stage, customers: int) -> None:
    """Take the store back to before the campaign's start, for that many of its customers."""
    async with stage.store.write() as connection:
        # what the dead one had told PostgreSQL to commit may be committed only now
        await connection.execute(select(table(Enrolment).c.id).with_for_update())
        for model in (Hold, Attempt, EnrolmentHistory, Message, Enrolment, Occurrence):
            await connection.execute(delete(table(model)))
    await stage.invite(customers)
    stage.sandbox.read()
    stage.sandbox.accepted = Counter()


async def test_each_failpoint_leaves_the_state_that_it_should(stage: Stage) -> None:
    for point in POINTS:
        await _anew(stage, point.customers)
        dying = await stage.workers.start(ready=False, failpoint=point.name)
        assert await stage.workers.ended(dying) == -9, point
        assert dict(await stage.states()) == point.left, point
        assert stage.sandbox.total == point.mails, point
        if not point.journal:
            for journal in (stage.folder / "data" / "journals").glob("*.journal"):
                journal.unlink()
        successor = await stage.workers.start()
        await until(lambda: stage.at_rest(point.customers), f"the end after {point}")  # noqa: B023
        assert await stage.workers.kill(successor) == -9
        verdict = await stage.verdict(point.customers)
        verdict.check()
        assert (verdict.accepted, verdict.unknown) == (point.accepted, point.unknown), point
        assert stage.sandbox.total == point.mails_at_the_end, point
