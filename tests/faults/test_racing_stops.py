"""Opt-outs and answers that race a campaign's sends: nothing begins to leave after theirs has committed.

PostgreSQL delivers notifications in the order of commits, so a notification in each transaction tells who was first.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, select, text

from campaigns.customers.consents import Proof
from campaigns.gates import DISPATCH_GATES
from campaigns.responding.answers import record_opt_out, record_reply
from campaigns.running.runner import Runner
from campaigns.starting.scheduler import Scheduler
from core.actors import Actor
from core.clock import SystemClock, machine_now
from core.dispatching import Ended, Ready
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL
from core.outcomes import Outcome, OutcomeKind
from core.wakeup import LocalWakeup
from storage.outbox import attempts
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.store import Store
from storage.tables import Customer, Enrolment, Message
from tests.databases import open_unsynced
from tests.faults.polling import until
from tests.faults.stage import fill

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]
CUSTOMERS = 1000
STOPPED = 600
"""So many of them opt out or answer while the campaign leaves."""
BATCH = 20


class TellingOutbox(Outbox):
    """An outbox whose attempts are also told, in the transaction that commits them."""

    async def begin(self, batch: Sequence[Ready]) -> set[str]:
        async with self.store.write() as connection:
            allowed = await attempts.begin(
                connection, batch, worker=self.worker, lease_seconds=60, now=self.clock.now(),
                machine_now=machine_now(), gates=DISPATCH_GATES,
            )  # fmt: skip
            for ready in batch:
                if ready.claim.message_id in allowed:
                    await tell(connection, f"began {ready.claim.customer_id}")
            return allowed


async def tell(connection: Any, what: str) -> None:
    await connection.execute(text("SELECT pg_notify('order_of_commits', :what)"), {"what": what})


async def _dispatch(store: Store) -> None:
    """A worker whose provider takes everything at once; until nothing is left to claim."""
    outbox = TellingOutbox(store, SystemClock(), DISPATCH_GATES, worker=new_id())
    await outbox.register("here", "boot", "")
    while claims := await outbox.claim(EMAIL, BATCH):
        batch = [Ready(claim, new_id(), EMAIL, "", "") for claim in claims]
        allowed = await outbox.begin(batch)
        taken = [ready for ready in batch if ready.claim.message_id in allowed]
        if taken:
            await outbox.record(
                [
                    Ended(each.attempt_id, each.claim.message_id,
                          Outcome(OutcomeKind.ACCEPTED, provider_id=each.claim.message_id))
                    for each in taken
                ]
            )  # fmt: skip


async def _stop(store: Store, customers: Sequence[str]) -> None:
    """These customers opt out or answer, one after the other."""
    for number, customer_id in enumerate(customers):
        now = machine_now()
        async with store.write() as connection:
            if number % 2:
                proof = Proof("stop word", "STOP", Actor("customer", customer_id), now)
                await record_opt_out(
                    connection, key=new_id(), customer_id=customer_id, proof=proof, now=now, channel=EMAIL
                )
                await tell(connection, f"stopped {customer_id}")
            else:
                recorded = await record_reply(
                    connection, key=new_id(), customer_id=customer_id, channel=EMAIL, at=now, now=now,
                    since=now - timedelta(days=7),
                )  # fmt: skip
                if recorded.closed:  # an answer to nothing that was sent ends nothing
                    await tell(connection, f"stopped {customer_id}")


async def test_nothing_begins_after_a_stop(tmp_path: Path, postgres_url: str) -> None:
    told: list[str] = []
    async with await open_unsynced(postgres_url, pool_size=12) as store:
        await fill(store, tmp_path, CUSTOMERS)
        await Scheduler(store, SystemClock()).tick()
        runner = Runner(store, SystemClock(), LocalWakeup())
        while await runner.run_once():
            pass
        async with store.read() as connection:
            customers = list(await connection.scalars(select(table(Customer).c.id)))
        random.Random(35).shuffle(customers)
        listener = await asyncpg.connect(postgres_url.replace("postgresql+asyncpg", "postgresql"))
        await listener.add_listener("order_of_commits", lambda *given: told.append(given[-1]))
        stopping = [customers[n:STOPPED:3] for n in range(3)]
        await asyncio.gather(_dispatch(store), _dispatch(store), *(_stop(store, each) for each in stopping))
        async with store.write() as connection:
            await tell(connection, "the end")
        await until(lambda: told and told[-1] == "the end", "the last notification")
        await listener.close()
        messages, enrolments = table(Message), table(Enrolment)
        async with store.read() as connection:
            planned = await connection.scalar(
                select(func.count())
                .select_from(messages.join(enrolments, enrolments.c.id == messages.c.enrolment_id))
                .where(
                    enrolments.c.closed_at.is_not(None),
                    messages.c.state.in_([MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING]),
                )
            )
    stopped: set[str] = set()
    late = []
    for what, _, customer_id in (line.partition(" ") for line in told):
        if what == "stopped":
            stopped.add(customer_id)
        elif customer_id in stopped:
            late.append(customer_id)
    began = sum(line.startswith("began") for line in told)
    print(f"\n{began} began, {len(stopped)} were stopped, {CUSTOMERS - began} never left")  # noqa: T201
    assert not late, f"{len(late)} sends began after their customer's stop had committed"
    assert planned == 0, "a message of a journey that is over still waits to leave"
    assert len(stopped) > STOPPED // 3
    assert began < CUSTOMERS, "no stop was faster than a send: this run has proven nothing"
