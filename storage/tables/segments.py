"""What segments need beside the customers: tags, and how far each segment's memberships are kept up."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.types import Id, Instant


class CustomerTag(SQLModel, table=True):
    """A word that somebody put on a customer. Whoever adds or removes one touches the customer's ``updated_at``."""

    __tablename__ = "customer_tags"
    __table_args__ = (Index("ix_customer_tags_tag", "tag", "customer_id"),)

    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", primary_key=True)
    tag: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)


class SegmentRefresh(SQLModel, table=True):
    """How far a segment's memberships are kept up.

    ``asked`` is a hash of the condition with all that it names, and of the zone. ``at`` is the business instant that
    the memberships are right for; ``through`` is machine time: whatever was written down before it has been seen.
    ``full_at`` (machine time) is when everybody was last asked, ``customers`` how many there were. ``revision`` rises
    with every write, so that two refreshes of one segment cannot mix.
    """

    __tablename__ = "segment_refreshes"

    segment: str = Field(primary_key=True)
    asked: str = ""
    at: datetime | None = Field(default=None, sa_type=Instant)
    through: datetime | None = Field(default=None, sa_type=Instant)
    full_at: datetime | None = Field(default=None, sa_type=Instant)
    customers: int = 0
    size: int = 0
    took_ms: int = 0
    revision: int = 0
