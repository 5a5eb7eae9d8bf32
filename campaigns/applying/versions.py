"""The versions of a campaign: listed, approved by another person, taken back to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.applying.writing import put_in_force
from campaigns.definition import CampaignBody
from campaigns.live import workspace_config
from campaigns.versions import bodies
from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Campaign, CampaignVersion

_CAMPAIGNS, _VERSIONS, _AUDIT = table(Campaign), table(CampaignVersion), table(Audit)


@dataclass(frozen=True, slots=True)
class AppliedVersion:
    """One version of a campaign, numbered in the order of its first applying; ``standing`` is what it is now."""

    number: int
    hash: str
    applied_by: str
    applied_at: datetime
    approved_by: str
    approved_at: datetime | None
    standing: str


async def versions_of(connection: AsyncConnection, name: str) -> list[AppliedVersion]:
    """Every version of the campaign, oldest first.

    Raises:
        Refused: if there is no such campaign.
    """
    row = await _campaign(connection, name)
    found = await connection.execute(
        select(
            _VERSIONS.c.hash, _VERSIONS.c.applied_by, _VERSIONS.c.created_at, _VERSIONS.c.approved_by,
            _VERSIONS.c.approved_at,
        )
        .where(_VERSIONS.c.campaign_id == row.id)
        .order_by(_VERSIONS.c.created_at, _VERSIONS.c.hash)
    )  # fmt: skip
    standing = {row.version: "in force", **({row.pending: "waits for approval"} if row.pending else {})}
    if row.pending == row.version:
        standing[row.version] = "waits for approval"
    return [
        AppliedVersion(
            number, one.hash, one.applied_by, one.created_at, one.approved_by, one.approved_at,
            standing.get(one.hash, ""),
        )
        for number, one in enumerate(found, start=1)
    ]  # fmt: skip


async def approve(store: Store, name: str, actor: Actor, now: datetime) -> str:
    """Put the version that waits in force; gives its hash.

    Raises:
        Refused: if none waits, or the one who approves is the one who applied it.
    """
    async with store.write() as connection:
        row = await _campaign(connection, name)
        if not row.pending:
            raise Refused(f"campaign {name}: no version waits for approval", name="no_pending", campaign=name)
        applied_by = await connection.scalar(select(_VERSIONS.c.applied_by).where(_VERSIONS.c.hash == row.pending))
        if applied_by == str(actor):
            words = f"campaign {name}: {actor} applied version {row.pending[:8]}; another person must approve it"
            raise Refused(words, name="own_version", campaign=name)
        await connection.execute(
            update(_VERSIONS).where(_VERSIONS.c.hash == row.pending).values(approved_by=str(actor), approved_at=now)
        )
        await put_in_force(connection, row.id, await _body(connection, row.pending), now)
        await _write_down(connection, actor, "approve", name, row.pending, now)
    return str(row.pending)


async def roll_back(store: Store, name: str, number: int, actor: Actor, now: datetime) -> AppliedVersion:
    """Put the version of that number in force again; where the workspace asks for approval, propose it.

    Raises:
        Refused: if there is no such version, or it is in force.
    """
    async with store.write() as connection:
        row = await _campaign(connection, name)
        known = await versions_of(connection, name)
        wanted = next((one for one in known if one.number == number), None)
        if wanted is None:
            raise Refused(f"campaign {name} has versions 1 to {len(known)}; there is no {number}")
        if wanted.hash == row.version and not row.pending:
            raise Refused(f"campaign {name}: version {number} is in force")
        if (await workspace_config(connection)).approval:
            # whoever takes it back is its author now: the approval must be another's
            await connection.execute(
                update(_VERSIONS).where(_VERSIONS.c.hash == wanted.hash).values(applied_by=str(actor), approved_by="")
            )
            await connection.execute(
                update(_CAMPAIGNS).where(_CAMPAIGNS.c.id == row.id).values(pending=wanted.hash, updated_at=now)
            )
        else:
            await put_in_force(connection, row.id, await _body(connection, wanted.hash), now)
        await _write_down(connection, actor, "roll_back", name, wanted.hash, now)
        return next(one for one in await versions_of(connection, name) if one.number == number)


async def _campaign(connection: AsyncConnection, name: str) -> Any:
    row = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == name))).first()
    if row is None:
        known = sorted(await connection.scalars(select(_CAMPAIGNS.c.name)))
        words = f"there is no campaign {name!r}; applied are: {', '.join(known) or 'none'}"
        raise Refused(words, name="no_campaign", campaign=name)
    return row


async def _body(connection: AsyncConnection, version: str) -> CampaignBody:
    return (await bodies(connection, [version]))[version]


async def _write_down(
    connection: AsyncConnection, actor: Actor, action: str, name: str, version: str, now: datetime
) -> None:
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(), at=now, actor=str(actor), action=f"apply.{action}", subject="campaign", subject_id=name,
            detail={"version": version},
        )
    )  # fmt: skip
