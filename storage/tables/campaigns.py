"""Campaigns, their versions, the segments they ask and the journeys through them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from storage.types import Id, Instant, Json, Word

_OPEN = text("closed_at IS NULL")
_HELD = text("state = 'held'")


class Segment(SQLModel, table=True):
    """A named condition as it was applied; always live, never pinned by a campaign."""

    __tablename__ = "segments"

    name: str = Field(primary_key=True)
    definition: Any = Field(sa_type=Json)
    description: str = ""
    hash: str
    refreshed_at: datetime | None = Field(default=None, sa_type=Instant)


class SegmentMembership(SQLModel, table=True):
    """Who was in a segment from when to when; open while ``left_at`` is null."""

    __tablename__ = "segment_memberships"
    __table_args__ = (
        Index("ux_memberships_open", "segment", "customer_id", unique=True,
              sqlite_where=text("left_at IS NULL"), postgresql_where=text("left_at IS NULL")),
        Index("ix_memberships_entered", "segment", "entered_at"),
        Index("ix_memberships_left", "segment", "left_at",
              sqlite_where=text("left_at IS NOT NULL"), postgresql_where=text("left_at IS NOT NULL")),
    )  # fmt: skip

    segment: str = Field(primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", primary_key=True)
    entered_at: datetime = Field(sa_type=Instant, primary_key=True)
    left_at: datetime | None = Field(default=None, sa_type=Instant)


class Campaign(SQLModel, table=True):
    """A campaign by name; ``version`` is the hash that new enrolments take, ``pending`` one that waits for approval.

    ``topic`` is that of the version in force: what a customer refuses with it, empty for its own name.
    """

    __tablename__ = "campaigns"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    name: str = Field(unique=True)
    state: CampaignState = Field(default=CampaignState.DRAFT, sa_type=Word(CampaignState))
    version: str
    pending: str = ""
    topic: str = Field(default="", sa_column_kwargs={"server_default": ""})
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)


class CampaignVersion(SQLModel, table=True):
    """What was applied: the campaign with its templates, whole, under its hash. Never changed."""

    __tablename__ = "campaign_versions"

    hash: str = Field(primary_key=True)
    campaign_id: str = Field(sa_type=Id, foreign_key="campaigns.id", index=True)
    body: dict[str, Any] = Field(sa_type=Json)
    applied_by: str = ""
    approved_by: str = ""
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)


class Pause(SQLModel, table=True):
    """An interval in which a campaign stood still. ``catch_up``: how it was resumed, empty while it stands still."""

    __tablename__ = "pauses"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    campaign_id: str = Field(sa_type=Id, foreign_key="campaigns.id", index=True)
    from_at: datetime = Field(sa_type=Instant)
    to_at: datetime | None = Field(default=None, sa_type=Instant)
    actor: str = ""
    catch_up: str = ""


class Occurrence(SQLModel, table=True):
    """One firing of a schedule in a zone; its key lets two schedulers fire it only once.

    ``outcome``: fired, or skipped (missed by more than the misfire time).
    """

    __tablename__ = "occurrences"

    schedule: str = Field(primary_key=True)
    zone: str = Field(primary_key=True)
    instant: datetime = Field(sa_type=Instant, primary_key=True)
    outcome: str
    at: datetime = Field(sa_type=Instant)
    enrolled: int = 0


class Enrolment(SQLModel, table=True):
    """One customer's journey. ``step`` is the id of the step it stands at.

    A step that was planned keeps its message in ``message_id``; ``due_at`` is when the engine looks again, null when
    only an event can move it; ``step_at`` is when the journey came to its step. ``event_id`` is the event that started
    it. A ``ghost`` is held out: it walks, sends nothing and is counted.
    """

    __tablename__ = "enrolments"
    __table_args__ = (
        UniqueConstraint("campaign_id", "customer_id", "round"),
        Index("ux_enrolments_open", "campaign_id", "customer_id", unique=True,
              sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_enrolments_due", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_enrolments_customer", "customer_id"),
        Index("ix_enrolments_held", "customer_id", sqlite_where=_HELD, postgresql_where=_HELD),
    )  # fmt: skip

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    campaign_id: str = Field(sa_type=Id, foreign_key="campaigns.id")
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id")
    round: int = 1
    version: str = Field(foreign_key="campaign_versions.hash")
    state: EnrolmentState = Field(default=EnrolmentState.WAITING, sa_type=Word(EnrolmentState))
    reason: str = ""
    variant: str = ""
    ghost: bool = False
    step: str = ""
    leg: str = ""
    step_at: datetime | None = Field(default=None, sa_type=Instant)
    message_id: str | None = Field(default=None, sa_type=Id)
    event_id: str | None = Field(default=None, sa_type=Id)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    entered_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    revision: int = 0


class EnrolmentHistory(SQLModel, table=True):
    """What happened on a journey, in order; append-only."""

    __tablename__ = "enrolment_history"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    enrolment_id: str = Field(sa_type=Id, foreign_key="enrolments.id", index=True)
    at: datetime = Field(sa_type=Instant)
    event: str
    step: str = ""
    leg: str = ""
    detail: str = ""
