"""The emergency stop: one setting that every dispatch asks for in the transaction that commits its attempt."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.ids import new_id
from storage.outbox.columns import EMERGENCY_STOP, table
from storage.statements import insert_missing
from storage.tables import Audit, Setting

_SETTINGS = table(Setting)


@dataclass(frozen=True, slots=True)
class EmergencyStop:
    """Who stopped everything, why and when."""

    actor: str
    reason: str
    at: datetime


async def standing_stop(connection: AsyncConnection) -> EmergencyStop | None:
    """The emergency stop, if there is one."""
    row = (await connection.execute(select(_SETTINGS).where(_SETTINGS.c.name == EMERGENCY_STOP))).first()
    if row is None:
        return None
    told = row.value if isinstance(row.value, dict) else {}
    return EmergencyStop(str(told.get("actor", "")), str(told.get("reason", "")), row.updated_at)


async def stop_everything(connection: AsyncConnection, actor: Actor, reason: str, now: datetime) -> bool:
    """Hold every campaign's messages from the commit on, those that are claimed too; False if it stood already.

    What is on a socket this moment cannot be called back. Answers to people who write still go.
    """
    if await standing_stop(connection) is not None:
        return False
    value = {"actor": str(actor), "reason": reason}
    await insert_missing(connection, _SETTINGS, [{"name": EMERGENCY_STOP, "value": value, "updated_at": now}])
    await _write_down(connection, actor, "stop everything", reason, now)
    return True


async def lift(connection: AsyncConnection, actor: Actor, now: datetime) -> EmergencyStop | None:
    """End the emergency stop; gives the one that stood. What was held goes as its windows allow."""
    stood = await standing_stop(connection)
    if stood is not None:
        await connection.execute(delete(_SETTINGS).where(_SETTINGS.c.name == EMERGENCY_STOP))
        await _write_down(connection, actor, "lift the emergency stop", stood.reason, now)
    return stood


async def _write_down(connection: AsyncConnection, actor: Actor, action: str, reason: str, now: datetime) -> None:
    await connection.execute(
        table(Audit).insert(),
        {
            "id": new_id(), "at": now, "actor": str(actor), "action": action, "subject": "store", "subject_id": "",
            "detail": {"reason": reason} if reason else {},
        },
    )  # fmt: skip
