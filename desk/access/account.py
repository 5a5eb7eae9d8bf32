"""One's own account: a new password, signed-in browsers, the second factor. Every change is audited.

All times are machine time.
"""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.errors import Refused
from desk.access import second_factor
from desk.access.agents import note
from desk.access.locking import admit, forgive, locked_by
from desk.access.passwords import matches
from desk.access.second_factor import Sealer
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, AgentRecoveryCode, AgentSession

_AGENTS, _SESSIONS, _RECOVERY = table(Agent), table(AgentSession), table(AgentRecoveryCode)


class WrongPassword(Refused):
    """The password that was asked for to be sure who it is."""


class WrongCode(Refused):
    """The code of the app does not belong to the key."""


class Locked(Refused):
    """Too many wrong ones, here or at the door: later again."""


async def prove(store: Store, agent_id: str, password: str, now: datetime) -> None:
    """That it is they who ask: a wrong one counts as one at the door does. Takes tens of milliseconds.

    Raises:
        WrongPassword: it is another.
        Locked: there were too many wrong ones; whether this one is right is not told.
    """
    async with store.write() as connection:
        admitted = await admit(connection, agent_id, now)
        kept = await connection.scalar(select(_AGENTS.c.password).where(_AGENTS.c.id == agent_id)) if admitted else ""
    if not admitted:
        raise Locked("too many wrong passwords; wait a while")
    right = await matches(password, kept or "")
    async with store.write() as connection:
        if right:
            await forgive(connection, agent_id)
            return
        locked = await locked_by(connection, agent_id, now)
    if locked:
        raise Locked("too many wrong passwords; wait a while")
    raise WrongPassword("this is not your password")


async def sign_out_browser(connection: AsyncConnection, agent_id: str, session: str, now: datetime) -> bool:
    """End one of the agent's own sessions, whichever browser asks; False where they have none of that hash."""
    ended = await connection.execute(
        delete(_SESSIONS).where(_SESSIONS.c.agent_id == agent_id, _SESSIONS.c.hash == session)
    )
    if ended.rowcount:
        await note(connection, agent_id, "sign out a browser", Actor("agent", agent_id), now)
    return bool(ended.rowcount)


async def turn_on(
    connection: AsyncConnection, sealer: Sealer, agent_id: str, key: str, code: str, now: datetime
) -> list[str]:
    """The key counts from now on; gives the recovery codes, which are never to be seen again.

    Raises:
        WrongCode: the app shows another code; nothing changed.
        Refused: there is a second factor already.
    """
    step = second_factor.step_of(key, code, now)
    if step is None:
        raise WrongCode("this code does not fit; look whether the clock of the phone is right, and take the next one")
    set_key = (
        update(_AGENTS)
        .where(_AGENTS.c.id == agent_id, _AGENTS.c.totp == "")
        .values(totp=sealer.sealed(key), totp_step=step)
    )
    if not (await connection.execute(set_key)).rowcount:
        raise Refused("there is a second factor already; switch it off first")
    await note(connection, agent_id, "second factor on", Actor("agent", agent_id), now)
    return await _new_codes(connection, sealer, agent_id)


async def renew_codes(connection: AsyncConnection, sealer: Sealer, agent_id: str, now: datetime) -> list[str]:
    """Other recovery codes; those before count no more.

    Raises:
        Refused: there is no second factor that they could stand in for.
    """
    if not await connection.scalar(select(_AGENTS.c.totp).where(_AGENTS.c.id == agent_id)):
        raise Refused("there is no second factor")
    await note(connection, agent_id, "new recovery codes", Actor("agent", agent_id), now)
    return await _new_codes(connection, sealer, agent_id)


async def turn_off(connection: AsyncConnection, agent_id: str, *, actor: Actor, now: datetime) -> None:
    """The password alone leads in again; the recovery codes are gone."""
    await connection.execute(update(_AGENTS).where(_AGENTS.c.id == agent_id).values(totp=""))
    await connection.execute(delete(_RECOVERY).where(_RECOVERY.c.agent_id == agent_id))
    await note(connection, agent_id, "second factor off", actor, now)


async def codes_left(connection: AsyncConnection, agent_id: str) -> int:
    """How many recovery codes were not used yet."""
    counted = select(func.count()).select_from(_RECOVERY).where(_RECOVERY.c.agent_id == agent_id)
    return int(await connection.scalar(counted) or 0)


async def _new_codes(connection: AsyncConnection, sealer: Sealer, agent_id: str) -> list[str]:
    codes = second_factor.new_recovery_codes()
    await connection.execute(delete(_RECOVERY).where(_RECOVERY.c.agent_id == agent_id))
    marks = [sealer.mark(agent_id, code.replace("-", "")) for code in codes]
    await connection.execute(_RECOVERY.insert(), [{"hash": mark, "agent_id": agent_id} for mark in marks])
    return codes
