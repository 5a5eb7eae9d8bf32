"""``on_answer``: what a campaign does, once, when a journey was answered or reached its goal."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.engine import do
from campaigns.facts import load_circumstances
from campaigns.facts.journeys import load_one
from campaigns.live import workspace_config
from campaigns.running.batch import Batch
from campaigns.running.commands import Finish, OpenCommand
from campaigns.versions import bodies, definitions
from core.clock import Clock
from core.ids import new_id
from core.wakeup import COMMANDS, Wakeup
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Command, Enrolment

_COMMANDS, _ENROLMENTS = table(Command), table(Enrolment)
ON_ANSWER = "on_answer"


async def ask_on_answer(connection: AsyncConnection, closed: Iterable[Any], now: datetime) -> None:
    """Leave a command for every closed journey (id, version, ghost) whose campaign has something to do then."""
    rows = [row for row in closed if not row.ghost]
    known = await definitions(connection, {row.version for row in rows})
    wanted = [row.id for row in rows if row.version in known and known[row.version].on_answer]
    if wanted:
        await connection.execute(
            _COMMANDS.insert(),
            [
                {"id": new_id(), "kind": ON_ANSWER, "payload": {"enrolment_id": id_}, "created_at": now}
                for id_ in sorted(wanted)
            ],
        )


class AnswerActions:
    """Carries out ``on_answer`` commands, in one transaction each."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        from campaigns.responding.events import events_arrived  # which ends journeys, and so asks for us

        now = self._clock.now()
        async with self._store.write() as connection:
            config = await workspace_config(connection)
            item = await load_one(connection, config, str(command.payload["enrolment_id"]))
            if item is not None:
                by_version = await bodies(connection, {item.version})
                body = by_version[item.version]
                around = await load_circumstances(connection, config, [item], by_version, now, spending=False)
                batch = Batch(config, now, {})
                for action in body.definition.on_answer:
                    for effect in do(action, around.facts(item, body), now):
                        around.used_by(item, effect)
                        batch.do(item, body, effect)
                await batch.write(connection)
                await events_arrived(connection, batch.recorded, now)
            await finish(connection)
        self._wakeup.notify(COMMANDS)
