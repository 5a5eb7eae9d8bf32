"""Applying: one transaction that brings the store to what the workspace says."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.applying.answers import write_answers
from campaigns.applying.changes import (
    REPORTED,
    Applied,
    Change,
    State,
    applied_state,
    changes_of,
    config_data,
    segment_hash,
    version_hash,
)
from campaigns.applying.edits import carry_over
from campaigns.composing.files import keep_contents
from campaigns.definition import CampaignBody
from campaigns.live import WORKSPACE
from campaigns.operating.pausing import end_journeys
from campaigns.segments.keeping import empty_removed
from campaigns.starting.scheduler import NOW_ZONE
from campaigns.starting.segments import begun_by
from campaigns.versions import bodies
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from core.machines.campaign import CAMPAIGN, START, STOP, CampaignState
from core.transitions import IllegalTransition
from core.transitions import apply as moved
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing
from storage.store import Store
from storage.tables import Audit, BlobOwner, Campaign, CampaignVersion, Occurrence, Segment, Setting

_audit, _campaigns, _versions = table(Audit), table(Campaign), table(CampaignVersion)
_owners = table(BlobOwner)
_segments, _settings, _occurrences = table(Segment), table(Setting), table(Occurrence)


class Part(Protocol):
    """What else a folder says, that a higher room reads and that comes into force with the rest."""

    async def changes(self, connection: AsyncConnection) -> Sequence[Change]:
        """What applying it would change."""

    async def write(self, connection: AsyncConnection, actor: Actor, now: datetime) -> None:
        """Bring the store to it, in the caller's transaction."""


async def diff(
    store: Store, workspace: Workspace, *, stop_removed: bool = False, parts: Sequence[Part] = ()
) -> tuple[Change, ...]:
    """What :func:`apply` would do now; nothing is written."""
    async with store.read() as connection:
        own = changes_of(await applied_state(connection), workspace, stop_removed=stop_removed)
        return await _with_parts(connection, own, parts)


async def _with_parts(connection: AsyncConnection, own: Sequence[Change], parts: Sequence[Part]) -> tuple[Change, ...]:
    return (*own, *[change for part in parts for change in await part.changes(connection)])


async def apply(
    store: Store,
    workspace: Workspace,
    actor: Actor,
    now: datetime,
    *,
    stop_removed: bool = False,
    texts_only: bool = False,
    parts: Sequence[Part] = (),
) -> Applied:
    """Bring the store to what the workspace says, in one transaction; a campaign that is a draft is started.

    The bytes of files go before it: nobody has them until a version names them.

    A campaign that is no longer in the folder goes on as it is, unless ``stop_removed``. With ``texts_only`` nothing
    but templates may differ. Where the workspace asks for approval, new versions wait for another person.

    Raises:
        Refused: with ``texts_only``, if anything else differs; nothing was written.
        StoreUnavailable: then nothing was written.
    """
    kinds = {file.blob: file.media_type for body in workspace.campaigns.values() for file in body.files.values()}
    await keep_contents(store, workspace.contents, kinds, now)
    async with store.write() as connection:
        state = await applied_state(connection)
        changes = await _with_parts(connection, changes_of(state, workspace, stop_removed=stop_removed), parts)
        if texts_only:
            await _refuse_more_than_texts(connection, state, workspace, changes)
        await _write_settings(connection, state, workspace, now)
        await _write_segments(connection, state, workspace)
        await write_answers(connection, workspace.answers, now)
        for part in parts:
            await part.write(connection, actor, now)
        if (state.workspace or {}).get("mode") == "allowlist" and workspace.config.mode == "live":
            await _start_for_all(connection)
        for name, body in workspace.campaigns.items():
            row = state.campaigns.get(name)
            await _write_campaign(connection, row, body, actor, now, approval=workspace.config.approval)
        for change in changes:
            if change.action == "stop":
                await _stop(connection, state.campaigns[change.name], now)
        await _write_audit(connection, changes, actor, now)
    if any(change.subject == "segment" and change.action == "remove" for change in changes):
        await empty_removed(store, now)
    return Applied(changes, {name: version_hash(body) for name, body in workspace.campaigns.items()})


async def _refuse_more_than_texts(
    connection: AsyncConnection, state: State, workspace: Workspace, changes: Sequence[Change]
) -> None:
    more = [str(change) for change in changes if change.action not in (*REPORTED, "change", "propose")]
    more += [str(change) for change in changes if change.action == "change" and change.subject != "campaign"]
    known = await bodies(connection, [row.version for row in state.campaigns.values()])
    for name, body in workspace.campaigns.items():
        row = state.campaigns.get(name)
        applied = known.get(row.version) if row is not None else None
        if applied is not None and (applied.definition, applied.offers) != (body.definition, body.offers):
            more.append(f"change campaign {name}: more than its texts")
    if more:
        raise Refused("not only texts differ: " + "; ".join(more) + "; apply without --texts")


async def _write_settings(connection: AsyncConnection, state: State, workspace: Workspace, now: datetime) -> None:
    config = config_data(workspace)
    if state.workspace == config:
        return
    statement = insert_into(connection, _settings).values(name=WORKSPACE, value=config, updated_at=now)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": config, "updated_at": now})
    )


async def _start_for_all(connection: AsyncConnection) -> None:
    """Going live: what has started at once started for the listed only, and starts once more, for the others."""
    await connection.execute(delete(_occurrences).where(_occurrences.c.zone == NOW_ZONE))


async def _write_segments(connection: AsyncConnection, state: State, workspace: Workspace) -> None:
    for name, segment in workspace.segments.items():
        digest = segment_hash(segment)
        if state.segments.get(name) == digest:
            continue
        values = {"definition": segment.source, "description": segment.description, "hash": digest}
        statement = insert_into(connection, _segments).values(name=name, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    gone = [name for name in state.segments if name not in workspace.segments]
    if gone:
        await connection.execute(delete(_segments).where(_segments.c.name.in_(gone)))
        # who moved by the words of apply starts nobody: if one of them comes back, starts by it begin anew
        await connection.execute(delete(_occurrences).where(or_(*(begun_by(name) for name in gone))))


async def _write_campaign(
    connection: AsyncConnection, row: Any, body: CampaignBody, actor: Actor, now: datetime, *, approval: bool
) -> None:
    version = version_hash(body)
    if row is not None and version in (row.version, row.pending) and row.state is not CampaignState.DRAFT:
        return
    id_ = row.id if row is not None else new_id()
    if row is None:
        new = {"id": id_, "name": body.definition.name, "state": CAMPAIGN.initial, "version": version, "pending": ""}
        await connection.execute(insert_into(connection, _campaigns).values(**new, created_at=now, updated_at=now))
    kept = {"hash": version, "campaign_id": id_, "body": body.as_json(), "applied_by": str(actor), "created_at": now}
    await insert_missing(connection, _versions, [kept])
    # files are the campaign's as long as it is there: those in flight may still be of an older version
    owners = [
        {"hash": blob, "owner": "campaign", "owner_id": id_} for blob in {file.blob for file in body.files.values()}
    ]
    await insert_missing(connection, _owners, sorted(owners, key=lambda row: row["hash"]))
    if approval:
        if row is None or version not in (row.version, row.pending):
            await connection.execute(
                update(_campaigns).where(_campaigns.c.id == id_).values(pending=version, updated_at=now)
            )
        return
    await put_in_force(connection, id_, body, now)


async def put_in_force(connection: AsyncConnection, campaign_id: str, body: CampaignBody, now: datetime) -> None:
    """Make ``body`` the version that counts: a draft is started, those in flight go as its ``edits`` say."""
    row = (await connection.execute(_campaigns.select().where(_campaigns.c.id == campaign_id))).one()
    version = version_hash(body)
    new: dict[str, Any] = {"version": version, "topic": body.definition.topic, "pending": "", "updated_at": now}
    if row.state is CampaignState.DRAFT:
        new |= {"state": moved(CAMPAIGN, row.state, START.event), "started_at": now}
    await connection.execute(update(_campaigns).where(_campaigns.c.id == campaign_id).values(**new))
    if row.version != version:
        await carry_over(connection, campaign_id, body.definition, version, now)


async def _stop(connection: AsyncConnection, row: Any, now: datetime) -> None:
    try:
        stopped = moved(CAMPAIGN, row.state, STOP.event)
    except IllegalTransition:
        return
    await connection.execute(update(_campaigns).where(_campaigns.c.id == row.id).values(state=stopped, updated_at=now))
    await end_journeys(connection, row.id, now)


async def _write_audit(connection: AsyncConnection, changes: Sequence[Change], actor: Actor, now: datetime) -> None:
    rows = [
        {"id": new_id(), "at": now, "actor": str(actor), "action": f"apply.{change.action}", "subject": change.subject,
         "subject_id": change.name, "detail": {"detail": change.detail} if change.detail else {}}
        for change in changes
        if change.action not in REPORTED
    ]  # fmt: skip
    if rows:
        await connection.execute(insert_into(connection, _audit), rows)
