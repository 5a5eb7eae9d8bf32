"""Flows come into force with the folder, in its transaction; runs under way keep the version that they began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.live import flow_hash
from bot.flows.loading import Flows
from campaigns.applying import Change
from core.actors import Actor
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing
from storage.tables import Flow, FlowVersion

_FLOWS, _VERSIONS = table(Flow), table(FlowVersion)


@dataclass(frozen=True, slots=True)
class FlowsPart:
    """The flows of a folder as a part of it. Satisfies ``campaigns.applying.Part``."""

    flows: Flows

    async def changes(self, connection: AsyncConnection) -> Sequence[Change]:
        """What applying would change."""
        applied = await _applied(connection)
        found = []
        for name, body in self.flows.bodies.items():
            version = flow_hash(body)
            if applied.get(name) != version:
                found.append(Change("change" if name in applied else "add", "flow", name, f"version {version[:8]}"))
        gone = sorted(applied.keys() - self.flows.bodies.keys())
        found += [Change("remove", "flow", name, "runs under way go on") for name in gone]
        return found

    async def write(self, connection: AsyncConnection, actor: Actor, now: datetime) -> None:
        """Put the folder's flows in force, and no others."""
        applied = await _applied(connection)
        for name, body in {**self.flows.own, **self.flows.bodies}.items():
            version = flow_hash(body)
            if applied.get(name) == version:
                continue
            kept = {"hash": version, "flow": name, "body": body.as_json(), "applied_by": str(actor), "created_at": now}
            await insert_missing(connection, _VERSIONS, [kept])
            if name in self.flows.own:
                continue
            values = {"version": version, "updated_at": now}
            statement = insert_into(connection, _FLOWS).values(name=name, **values)
            await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        gone = sorted(applied.keys() - self.flows.bodies.keys())
        if gone:
            await connection.execute(delete(_FLOWS).where(_FLOWS.c.name.in_(gone)))


async def _applied(connection: AsyncConnection) -> dict[str, str]:
    return {row.name: row.version for row in await connection.execute(select(_FLOWS.c.name, _FLOWS.c.version))}
