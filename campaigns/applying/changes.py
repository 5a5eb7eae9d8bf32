"""What the folder would change in the store: a workspace compared with what is applied.

A campaign's version is the SHA-256 of its body as canonical JSON.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.applying.answers import applied_answers, difference
from campaigns.definition import CampaignBody
from campaigns.definition.answers import Answer
from campaigns.live import WORKSPACE
from campaigns.segments.syntax import SegmentDefinition
from campaigns.workspace.loader import Workspace
from core.machines.campaign import CampaignState
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, Segment, Setting

_campaigns, _enrolments = table(Campaign), table(Enrolment)
_segments, _settings = table(Segment), table(Setting)

Action = Literal["add", "change", "propose", "start", "stop", "remove", "keep"]
REPORTED = frozenset({"keep"})
"""Actions that are told and change nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between folder and store. ``subject`` is workspace, segment, answers or campaign.

    ``propose`` is a version that waits for another person's approval. ``keep`` is a campaign that is no longer in the
    folder and goes on as it is: a report, not a change.
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
        return any(change.action not in REPORTED for change in self.changes)


def version_hash(body: CampaignBody) -> str:
    """The version of a campaign: SHA-256 (hex) of its canonical JSON."""
    return _digest(body.as_json())


@dataclass(frozen=True, slots=True)
class State:
    """What the store has: the workspace's settings, hashes of segments, campaigns' rows by name, answers by key.

    ``in_flight`` counts the open journeys by the campaign's id.
    """

    workspace: Any
    segments: Mapping[str, str]
    campaigns: Mapping[str, Any]
    in_flight: Mapping[str, int]
    answers: Mapping[str, Answer] = field(default_factory=dict)


async def applied_state(connection: AsyncConnection) -> State:
    """What is applied now."""
    workspace = await connection.scalar(select(_settings.c.value).where(_settings.c.name == WORKSPACE))
    segments = {row.name: row.hash for row in await connection.execute(select(_segments.c.name, _segments.c.hash))}
    rows = await connection.execute(
        select(
            _campaigns.c.id, _campaigns.c.name, _campaigns.c.state, _campaigns.c.version, _campaigns.c.pending,
            _campaigns.c.started_at,
        )
    )  # fmt: skip
    journeys = await connection.execute(
        select(_enrolments.c.campaign_id, func.count().label("number"))
        .where(_enrolments.c.closed_at.is_(None))
        .group_by(_enrolments.c.campaign_id)
    )
    in_flight = {row.campaign_id: row.number for row in journeys}
    answers = {one.key: one for one in await applied_answers(connection)}
    return State(workspace, segments, {row.name: row for row in rows}, in_flight, answers)


def changes_of(state: State, workspace: Workspace, *, stop_removed: bool = False) -> tuple[Change, ...]:
    """Every difference, in the order in which it is applied."""
    found: list[Change] = []
    config = config_data(workspace)
    if state.workspace is None:
        found.append(Change("add", "workspace", "", str(config["brand"]["name"])))
    elif state.workspace != config:
        keys = sorted(key for key in config if state.workspace.get(key) != config[key])
        found.append(Change("change", "workspace", "", ", ".join(keys)))
    for name, segment in workspace.segments.items():
        if name not in state.segments:
            found.append(Change("add", "segment", name))
        elif state.segments[name] != segment_hash(segment):
            found.append(Change("change", "segment", name))
    found += [Change("remove", "segment", name) for name in state.segments if name not in workspace.segments]
    answers = {one.key: one for one in workspace.answers}
    if said := difference(state.answers, answers):
        action: Action = "change" if state.answers and answers else "add" if answers else "remove"
        found.append(Change(action, "answers", "", said))
    for body in workspace.campaigns.values():
        found += _campaign_changes(state, body, approval=workspace.config.approval)
    for name, row in state.campaigns.items():
        if name not in workspace.campaigns and row.state in (_S.DRAFT, _S.ACTIVE, _S.PAUSED):
            detail = "no longer in the folder" if stop_removed else f"no longer in the folder; goes on ({row.state})"
            found.append(Change("stop" if stop_removed else "keep", "campaign", name, detail))
    return tuple(found)


_S = CampaignState


def _campaign_changes(state: State, body: CampaignBody, *, approval: bool) -> list[Change]:
    name, version = body.definition.name, version_hash(body)
    short = f"version {version[:8]}"
    row = state.campaigns.get(name)
    if row is None:
        found = [Change("add", "campaign", name, short)]
    elif version not in (row.version, row.pending):
        found = [Change("change", "campaign", name, f"{short}; {_in_flight(state, row, body)}")]
    else:
        found = []
    if approval and found:
        return [Change("propose", "campaign", name, f"{short}; another person approves it: otklik approve {name}")]
    if row is None or (row.state == _S.DRAFT and not row.pending):
        found.append(Change("start", "campaign", name))
    elif found and row.state in (_S.STOPPED, _S.ENDED, _S.ARCHIVED):
        detail = f"it is {row.state} and stays so; give it a new name to run again"
        found.append(Change("keep", "campaign", name, detail))
    return found


def _in_flight(state: State, row: Any, body: CampaignBody) -> str:
    number = state.in_flight.get(row.id, 0)
    if not number:
        return "nobody is in flight"
    does = {
        "pin": "keep theirs",
        "migrate": "go on in it, where their step is still there",
        "restart": "start again in it",
    }
    return f"{number:,} in flight {does[body.definition.edits]}"


def config_data(workspace: Workspace) -> dict[str, Any]:
    """The workspace's settings as the store keeps them."""
    return workspace.config.model_dump(mode="json")


def segment_hash(segment: SegmentDefinition) -> str:
    """The hash by which a changed segment is known."""
    return _digest([segment.source, segment.description])


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
