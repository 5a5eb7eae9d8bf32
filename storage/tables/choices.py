"""What campaigns promise, spend and ask of people: offers' codes and grants, budgets, quotas, tasks, experiments."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from storage.types import Id, Instant, Json

_FREE = text("taken_at IS NULL")
_IN_FORCE = text("ended_at IS NULL")
_OPEN = text("state = 'open'")


class OfferCode(SQLModel, table=True):
    """A code of an offer that gives each customer one of their own; handed out once."""

    __tablename__ = "offer_codes"
    __table_args__ = (Index("ix_offer_codes_free", "offer", "code", sqlite_where=_FREE, postgresql_where=_FREE),)

    offer: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    imported_at: datetime = Field(sa_type=Instant)
    taken_at: datetime | None = Field(default=None, sa_type=Instant)
    grant_id: str | None = Field(default=None, sa_type=Id)


class Grant(SQLModel, table=True):
    """An offer that was promised to a customer. One in force a customer and product.

    ``enrolment_id`` holds it and may repeat it. ``ended_at`` and ``ended_by``: redeemed, expired, withdrawn.
    """

    __tablename__ = "grants"
    __table_args__ = (
        Index("ux_grants_in_force", "customer_id", "product", unique=True,
              sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
        Index("ix_grants_offer", "offer", "granted_at"),
        Index("ix_grants_enrolment", "enrolment_id"),
        Index("ix_grants_expiry", "expires_at", sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
    )  # fmt: skip

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id")
    product: str
    offer: str
    code: str = ""
    campaign_id: str | None = Field(default=None, sa_type=Id)
    enrolment_id: str | None = Field(default=None, sa_type=Id)
    granted_at: datetime = Field(sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_by: str = ""


class BudgetUse(SQLModel, table=True):
    """What one budget has given away in one of its periods: held and spent together. Micro-units.

    Always the sum of the holds that name it and were not released; a test holds the two against each other.
    """

    __tablename__ = "budget_uses"

    budget: str = Field(primary_key=True)
    period_from: datetime = Field(sa_type=Instant, primary_key=True)
    taken_micros: int = Field(default=0, sa_type=BigInteger)


class QuotaUse(SQLModel, table=True):
    """How many of a step's tasks or handoffs were made on a day (ISO, the organisation's)."""

    __tablename__ = "quota_uses"

    campaign_id: str = Field(sa_type=Id, foreign_key="campaigns.id", primary_key=True)
    step: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    used: int = 0


class Task(SQLModel, table=True):
    """Something that a person is to do for a customer: open, done, dropped."""

    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_open", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),)

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    campaign_id: str | None = Field(default=None, sa_type=Id)
    enrolment_id: str | None = Field(default=None, sa_type=Id)
    step: str = ""
    kind: str
    note: str = ""
    state: str = "open"
    created_at: datetime = Field(sa_type=Instant)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    done_at: datetime | None = Field(default=None, sa_type=Instant)
    done_by: str = ""


class ExperimentWeights(SQLModel, table=True):
    """The weights that entries of a day (ISO, the organisation's) are drawn with, by variant."""

    __tablename__ = "experiment_weights"

    campaign_id: str = Field(sa_type=Id, foreign_key="campaigns.id", primary_key=True)
    day: str = Field(primary_key=True)
    weights: dict[str, Any] = Field(sa_type=Json)
    at: datetime = Field(sa_type=Instant)
