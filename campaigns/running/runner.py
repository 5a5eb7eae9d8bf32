"""The runner: loads due journeys, lets the engine decide, writes what it decided. One transaction a batch."""

from collections.abc import Mapping

from campaigns.composing.links import MessageLinks
from campaigns.engine import decide
from campaigns.facts import anything_due, load_circumstances, load_due, return_unused
from campaigns.live import workspace_config
from campaigns.responding.events import events_arrived
from campaigns.running.batch import Batch
from campaigns.versions import bodies
from core.clock import Clock
from core.wakeup import COMMANDS, Wakeup, outbox
from storage.store import Store

BATCH = 400
"""Journeys in a transaction: enough that its round trips hardly count; SQLite's other writers wait for some 50 ms."""


class Runner:
    """Moves journeys. Several runners may work on one store; a journey is moved by one at a time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        wakeup: Wakeup,
        *,
        unserved: Mapping[str, frozenset[str]] | None = None,
        links: MessageLinks | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._unserved = unserved or {}
        self._links = links

    async def run_once(self, limit: int = BATCH) -> int:
        """Move up to ``limit`` due journeys one decision on; gives how many there were."""
        now = self._clock.now()
        batch: Batch | None = None
        async with self._store.read() as connection:  # most looks find nothing: no reason to make writers wait
            if not await anything_due(connection, now):
                return 0
        async with self._store.write() as connection:
            config = await workspace_config(connection)
            due = await load_due(connection, config, now, limit)
            if due:
                by_version = await bodies(connection, {item.version for item in due})
                around = await load_circumstances(
                    connection, config, due, by_version, now, unserved=self._unserved, links=self._links
                )
                batch = Batch(config, now, around.limits)
                for item in sorted(due, key=lambda one: -by_version[one.version].definition.priority):
                    body = by_version[item.version]
                    decision = decide(body.definition, item.journey, around.facts(item, body), now)
                    around.used(item, decision)
                    batch.add(item, body, decision)
                await batch.write(connection)
                await return_unused(connection, around)
                await events_arrived(connection, batch.recorded, now)
        if batch is not None:
            for channel in batch.channels:
                self._wakeup.notify(outbox(channel))
            if batch.has_commands:
                self._wakeup.notify(COMMANDS)
        return len(due)
