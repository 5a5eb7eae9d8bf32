"""From the folder to the store, whole or not at all: what a process runs is only what was applied.

A campaign's version is the SHA-256 of its body as canonical JSON; a version that is there already is not written again.
Settings and segments are live at once; customers in flight keep the version that they entered with.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignBody
from campaigns.live import WORKSPACE
from campaigns.pausing import end_journeys
from campaigns.segments.syntax import SegmentDefinition
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.ids import new_id
from core.machines.campaign import CAMPAIGN, START, STOP, CampaignState
from core.transitions import IllegalTransition
from core.transitions import apply as moved
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing
from storage.store import Store
from storage.tables import Audit, Campaign, CampaignVersion, Segment, Setting

_audit, _campaigns, _versions = table(Audit), table(Campaign), table(CampaignVersion)
_segments, _settings = table(Segment), table(Setting)

Action = Literal["add", "change", "start", "stop", "remove", "keep"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between folder and store. ``subject`` is workspace, segment or campaign.

    ``keep`` is a campaign that is no longer in the folder and goes on as it is: a report, not a change.
    """

    action: Action
    subject: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.action} {self.subject}" + (f" {self.name}" if self.name else "")
        return f"{text}: {self.detail}" if self.detail else text


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done. ``versions`` are the hashes in force by campaign name."""

    changes: tuple[Change, ...]
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return any(change.action != "keep" for change in self.changes)


def version_hash(body: CampaignBody) -> str:
    """The version of a campaign: SHA-256 (hex) of its canonical JSON."""
    return _digest(body.as_json())


async def diff(store: Store, workspace: Workspace, *, stop_removed: bool = False) -> tuple[Change, ...]:
    """What :func:`apply` would do now; nothing is written."""
    async with store.read() as connection:
        return _changes(await _state(connection), workspace, stop_removed=stop_removed)


async def apply(
    store: Store, workspace: Workspace, actor: Actor, now: datetime, *, stop_removed: bool = False
) -> Applied:
    """Bring the store to what the workspace says, in one transaction; a campaign that is a draft is started.

    A campaign that is no longer in the folder goes on as it is, unless ``stop_removed``.

    Raises:
        StoreUnavailable: then nothing was written.
    """
    async with store.write() as connection:
        state = await _state(connection)
        changes = _changes(state, workspace, stop_removed=stop_removed)
        await _write_settings(connection, state, workspace, now)
        await _write_segments(connection, state, workspace)
        for name, body in workspace.campaigns.items():
            await _write_campaign(connection, state.campaigns.get(name), body, actor, now)
        for change in changes:
            if change.action == "stop":
                await _stop(connection, state.campaigns[change.name], now)
        await _write_audit(connection, changes, actor, now)
    return Applied(changes, {name: version_hash(body) for name, body in workspace.campaigns.items()})


@dataclass(frozen=True, slots=True)
class _State:
    workspace: Any
    segments: Mapping[str, str]
    campaigns: Mapping[str, Any]


async def _state(connection: AsyncConnection) -> _State:
    workspace = await connection.scalar(select(_settings.c.value).where(_settings.c.name == WORKSPACE))
    segments = {row.name: row.hash for row in await connection.execute(select(_segments.c.name, _segments.c.hash))}
    rows = await connection.execute(
        select(_campaigns.c.id, _campaigns.c.name, _campaigns.c.state, _campaigns.c.version)
    )
    return _State(workspace, segments, {row.name: row for row in rows})


def _changes(state: _State, workspace: Workspace, *, stop_removed: bool) -> tuple[Change, ...]:
    found: list[Change] = []
    config = _config(workspace)
    if state.workspace is None:
        found.append(Change("add", "workspace", "", str(config["brand"]["name"])))
    elif state.workspace != config:
        keys = sorted(key for key in config if state.workspace.get(key) != config[key])
        found.append(Change("change", "workspace", "", ", ".join(keys)))
    for name, segment in workspace.segments.items():
        if name not in state.segments:
            found.append(Change("add", "segment", name))
        elif state.segments[name] != _segment_hash(segment):
            found.append(Change("change", "segment", name))
    found += [Change("remove", "segment", name) for name in state.segments if name not in workspace.segments]
    for name, body in workspace.campaigns.items():
        found += _campaign_changes(state.campaigns.get(name), name, version_hash(body))
    for name, row in state.campaigns.items():
        if name not in workspace.campaigns and row.state in (_S.DRAFT, _S.ACTIVE, _S.PAUSED):
            detail = "no longer in the folder" if stop_removed else f"no longer in the folder; goes on ({row.state})"
            found.append(Change("stop" if stop_removed else "keep", "campaign", name, detail))
    return tuple(found)


_S = CampaignState


def _campaign_changes(row: Any, name: str, version: str) -> list[Change]:
    short = f"version {version[:8]}"
    if row is None:
        return [Change("add", "campaign", name, short), Change("start", "campaign", name)]
    found = []
    if row.version != version:
        found.append(Change("change", "campaign", name, f"{short}; those in flight keep theirs"))
    if row.state == _S.DRAFT:
        found.append(Change("start", "campaign", name))
    elif found and row.state in (_S.STOPPED, _S.ENDED, _S.ARCHIVED):
        detail = f"it is {row.state} and stays so; give it a new name to run again"
        found.append(Change("keep", "campaign", name, detail))
    return found


async def _write_settings(connection: AsyncConnection, state: _State, workspace: Workspace, now: datetime) -> None:
    config = _config(workspace)
    if state.workspace == config:
        return
    statement = insert_into(connection, _settings).values(name=WORKSPACE, value=config, updated_at=now)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": config, "updated_at": now})
    )


async def _write_segments(connection: AsyncConnection, state: _State, workspace: Workspace) -> None:
    for name, segment in workspace.segments.items():
        digest = _segment_hash(segment)
        if state.segments.get(name) == digest:
            continue
        values = {"definition": segment.source, "description": segment.description, "hash": digest}
        statement = insert_into(connection, _segments).values(name=name, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    gone = [name for name in state.segments if name not in workspace.segments]
    if gone:
        await connection.execute(delete(_segments).where(_segments.c.name.in_(gone)))


async def _write_campaign(
    connection: AsyncConnection, row: Any, body: CampaignBody, actor: Actor, now: datetime
) -> None:
    version = version_hash(body)
    id_ = row.id if row is not None else new_id()
    if row is None:
        started = moved(CAMPAIGN, CampaignState.DRAFT, START.event)
        values = {"id": id_, "name": body.definition.name, "state": started, "version": version, "started_at": now}
        await connection.execute(insert_into(connection, _campaigns).values(**values, created_at=now, updated_at=now))
    else:
        new: dict[str, Any] = {}
        if row.version != version:
            new["version"] = version
        if row.state == CampaignState.DRAFT:
            new |= {"state": moved(CAMPAIGN, row.state, START.event), "started_at": now}
        if new:
            await connection.execute(update(_campaigns).where(_campaigns.c.id == id_).values(**new, updated_at=now))
    kept = {"hash": version, "campaign_id": id_, "body": body.as_json(), "applied_by": str(actor), "created_at": now}
    if row is None or row.version != version:
        await insert_missing(connection, _versions, [kept])


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
        if change.action != "keep"
    ]  # fmt: skip
    if rows:
        await connection.execute(insert_into(connection, _audit), rows)


def _config(workspace: Workspace) -> dict[str, Any]:
    data = workspace.config.model_dump(mode="json")
    for policy in data["channels"].values():
        policy["countries"] = sorted(policy["countries"])  # a set has no order, a comparison needs one
    return data


def _segment_hash(segment: SegmentDefinition) -> str:
    return _digest([segment.source, segment.description])


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
