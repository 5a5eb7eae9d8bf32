"""The outbox of one worker: short transactions around the statements of this package."""

import contextlib
from collections.abc import Sequence

from sqlalchemy import update

from core.clock import Clock, machine_now
from core.dispatching import Claim, Ended, Ready
from core.errors import StoreUnavailable
from storage.outbox import attempts, claims, recovery
from storage.outbox.attempts import AcceptedHook, Parked
from storage.outbox.columns import table
from storage.outbox.gates import DispatchGate
from storage.outbox.recovery import JournalMarks, Recovered
from storage.store import Store
from storage.tables import Worker


class Outbox:
    """Claims, begins and records messages for one worker. Satisfies ``channels.dispatch.Outbox``.

    ``lease_seconds`` bounds how long a claim may wait for its socket; an outcome may come later.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        gates: Sequence[DispatchGate],
        *,
        worker: str,
        lease_seconds: float = 60.0,
        on_accepted: AcceptedHook | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.worker = worker
        self.lease_seconds = lease_seconds
        self._gates = gates
        self._on_accepted = on_accepted
        self._served: dict[str, str] = {}  # by channel: the campaign that was first in turn last time

    async def register(self, host: str, boot_id: str, journal: str) -> None:
        """Make this worker known before its first claim, so that others can recover what it leaves."""
        async with self.store.write() as connection:
            await connection.execute(
                table(Worker).insert(),
                {"id": self.worker, "host": host, "boot_id": boot_id, "journal": journal, "started_at": machine_now()},
            )

    async def retire(self) -> None:
        """This worker stopped cleanly: it holds nothing any more."""
        async with self.store.write() as connection:
            await connection.execute(
                update(table(Worker)).where(table(Worker).c.id == self.worker).values(stopped_at=machine_now())
            )

    async def others(self) -> Sequence[tuple[str, str, str, str]]:
        """Workers that have not said goodbye: (id, host, boot id, journal)."""
        workers = table(Worker)
        async with self.store.read() as connection:
            rows = await connection.execute(
                workers.select().where(workers.c.stopped_at.is_(None), workers.c.id != self.worker)
            )
            return [(row.id, row.host, row.boot_id, row.journal) for row in rows]

    async def claim(self, channel: str, limit: int) -> list[Claim]:
        """Take up to ``limit`` messages of ``channel`` whose time has come."""
        async with self.store.write() as connection:
            taken = await claims.claim(
                connection,
                channel,
                worker=self.worker,
                limit=limit,
                lease_seconds=self.lease_seconds,
                now=self.clock.now(),
                machine_now=machine_now(),
                gates=self._gates,
                after=self._served.get(channel, ""),
            )
        served = next((one.campaign_id for one in taken if one.campaign_id), "")
        if served:
            self._served[channel] = served
        return taken

    async def unclaim(self, held: Sequence[Claim]) -> None:
        """Give claims back untouched."""
        async with self.store.write() as connection:
            await claims.unclaim(connection, held)

    async def refuse(self, message_ids: Sequence[str], reason: str) -> None:
        """Skip claimed messages that cannot be composed."""
        async with self.store.write() as connection:
            await attempts.refuse(connection, message_ids, reason, self.clock.now())

    async def begin(self, batch: Sequence[Ready]) -> set[str]:
        """Commit the attempts that nothing stops; gives the ids of the messages that may use the socket."""
        async with self.store.write() as connection:
            return await attempts.begin(
                connection,
                batch,
                worker=self.worker,
                lease_seconds=self.lease_seconds,
                now=self.clock.now(),
                machine_now=machine_now(),
                gates=self._gates,
            )

    async def record(self, ended: Sequence[Ended]) -> None:
        """Write outcomes and wake the journeys that waited for them."""
        async with self.store.write() as connection:
            parked = await attempts.record(connection, ended, now=self.clock.now(), machine_now=machine_now())
        await self._settle(parked)

    async def _settle(self, parked: Parked) -> None:
        """Apply the receipts that were faster than the outcomes; the sweep of parked receipts finds what is left."""
        if parked and self._on_accepted is not None:
            with contextlib.suppress(StoreUnavailable):
                async with self.store.write() as connection:
                    await self._on_accepted(connection, parked, self.clock.now())

    async def recover(self, worker: str, marks: JournalMarks | None) -> Recovered:
        """Settle what a dead worker held, by its journal's marks where they can be trusted."""
        async with self.store.write() as connection:
            found, parked = await recovery.recover(
                connection, worker, marks, now=self.clock.now(), machine_now=machine_now()
            )
        await self._settle(parked)
        return found

    async def sweep(self) -> int:
        """Free what outlived its lease; wake journeys whose message missed its window, end what nobody waits for."""
        now = self.clock.now()
        async with self.store.write() as connection:
            freed = await recovery.reap(connection, now)
        async with self.store.write() as connection:  # its own: journeys are locked before messages
            freed += await recovery.wake_expired(connection, now)
            return freed + await recovery.end_orphans(connection, now)
