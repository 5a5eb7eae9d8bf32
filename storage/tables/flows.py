"""Flows that are applied, and customers on their way through them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from core.machines.flow_run import FlowRunState
from storage.types import Id, Instant, Json, Word

_OPEN = text("closed_at IS NULL")


class Flow(SQLModel, table=True):
    """A flow that new conversations may begin, by name; ``version`` is the hash that they take."""

    __tablename__ = "flows"

    name: str = Field(primary_key=True)
    version: str
    updated_at: datetime = Field(sa_type=Instant)


class FlowVersion(SQLModel, table=True):
    """What was applied: the flow with its templates, whole, under its hash. Never changed."""

    __tablename__ = "flow_versions"

    hash: str = Field(primary_key=True)
    flow: str = Field(index=True)
    body: dict[str, Any] = Field(sa_type=Json)
    applied_by: str = ""
    created_at: datetime = Field(sa_type=Instant)


class FlowRun(SQLModel, table=True):
    """A customer's way through one version of a flow; one open at a time.

    ``answers`` are the flow's variables, ``said`` what the customer wrote last. ``turn`` counts what happened to it and
    names its effects. ``due_at`` is when a wait ends by itself. The identity is where it talks. ``message_id`` is the
    campaign's message that said its first words, if one did.
    """

    __tablename__ = "flow_runs"
    __table_args__ = (
        Index("ux_flow_runs_open", "customer_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ux_flow_runs_message", "message_id", unique=True),
        Index("ix_flow_runs_due", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    identity_id: str = Field(sa_type=Id, foreign_key="identities.id", index=True)
    channel: str
    flow: str
    version: str = Field(foreign_key="flow_versions.hash")
    state: FlowRunState = Field(default=FlowRunState.ASKING, sa_type=Word(FlowRunState))
    step: str = ""
    answers: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    tries: int = 0
    turn: int = 0
    said: str = ""
    began_at: datetime = Field(sa_type=Instant)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    message_id: str | None = Field(default=None, sa_type=Id)
