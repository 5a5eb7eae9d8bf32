"""Customers, where they are reached, what they agreed to and what they did."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.clock import machine_now
from core.draws import customer_draw
from core.ids import new_id
from storage.types import Id, Instant, Json

_CHANGED = text("changed_at IS NOT NULL")


class Customer(SQLModel, table=True):
    """One person. ``external_id`` is the shop's own number; ``draw`` is hashed from the id and never changes.

    ``zone`` is the customer's own IANA zone, ``zone_guess`` the single zone of the phone's country, if there is one.
    ``birthday`` is an ISO date. ``hours`` is when they want to be written to, such as ``10:00-13:00``, of the
    organisation's sending hours; empty: any of them. ``search`` is the folded name, for look-ups. ``locale_by`` says
    who chose the language: ``agent`` (what they write never changes it), ``detected``, else empty.
    """

    __tablename__ = "customers"
    __table_args__ = (Index("ix_customers_created", "created_at"), Index("ix_customers_updated", "updated_at"))

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    external_id: str | None = Field(default=None, unique=True)
    first_name: str = ""
    last_name: str = ""
    search: str = Field(default="", index=True)
    locale: str = ""
    zone: str = ""
    zone_guess: str = ""
    country: str = ""
    city: str = ""
    gender: str = ""
    birthday: str | None = None
    stage: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    draw: int = 0
    content_hash: str = ""
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)
    not_now_until: datetime | None = Field(default=None, sa_type=Instant)
    hours: str = Field(default="", sa_column_kwargs={"server_default": ""})
    locale_by: str = Field(default="", sa_column_kwargs={"server_default": ""})

    def model_post_init(self, context: Any) -> None:
        """Give a new customer its draw."""
        if not self.draw:
            self.draw = customer_draw(self.id)


class Identity(SQLModel, table=True):
    """An address on a channel. ``key`` is the hash that a suppression remembers after the address is erased.

    ``reachable`` false ends sending here; ``unreachable_reason`` is a ``PermanentKind``. ``window_from`` is the last
    inbound on a channel with a service window (WhatsApp). ``changed_at`` is machine time, null until the first change:
    every UPDATE sets it by itself, those that are written as text set it themselves.
    """

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("channel", "scope", "address"),
        Index("ix_identities_changed", "changed_at", sqlite_where=_CHANGED, postgresql_where=_CHANGED),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    channel: str
    scope: str = ""
    address: str
    key: str = Field(index=True)
    verified: bool = False
    reachable: bool = True
    unreachable_reason: str = ""
    unreachable_at: datetime | None = Field(default=None, sa_type=Instant)
    window_from: datetime | None = Field(default=None, sa_type=Instant)
    source: str = ""
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime | None = Field(default=None, sa_type=Instant, sa_column_kwargs={"onupdate": machine_now})


class Consent(SQLModel, table=True):
    """What an identity agreed to now, one row a purpose; how it came about is in :class:`ConsentRecord`.

    ``document`` names the version of what was agreed to, such as ``privacy-2026-01``.
    """

    __tablename__ = "consents"

    identity_id: str = Field(sa_type=Id, foreign_key="identities.id", primary_key=True)
    purpose: str = Field(primary_key=True)
    granted: bool
    at: datetime = Field(sa_type=Instant)
    source: str = ""
    wording: str = ""
    document: str = Field(default="", sa_column_kwargs={"server_default": ""})


class ConsentRecord(SQLModel, table=True):
    """The consent ledger: append-only proof of every grant and withdrawal."""

    __tablename__ = "consent_records"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    identity_id: str = Field(sa_type=Id, foreign_key="identities.id", index=True)
    customer_id: str = Field(sa_type=Id, index=True)
    purpose: str
    granted: bool
    at: datetime = Field(sa_type=Instant)
    source: str = ""
    wording: str = ""
    document: str = Field(default="", sa_column_kwargs={"server_default": ""})
    actor: str = ""


class Suppression(SQLModel, table=True):
    """An address we never write to, kept as a hash so that it outlives the customer.

    ``purpose`` ``*`` means everything.
    """

    __tablename__ = "suppressions"

    key: str = Field(primary_key=True)
    purpose: str = Field(default="*", primary_key=True)
    reason: str = ""
    at: datetime = Field(sa_type=Instant)


class Event(SQLModel, table=True):
    """What a customer did. An order is an event named ``order`` with an amount in micro-units.

    ``at`` is when it happened (business time), ``recorded_at`` when we learnt of it. Unique by (source, external id).
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        # what segments ask of events, customer by customer and by time, in the index alone
        Index("ix_events_name", "name", "customer_id", "at", "amount_micros"),
        Index("ix_events_when", "name", "at", "customer_id", "amount_micros"),
        Index("ix_events_timeline", "customer_id", "at"),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id")
    name: str
    at: datetime = Field(sa_type=Instant)
    amount_micros: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = ""
    source: str
    external_id: str
    properties: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    content_hash: str = ""
    recorded_at: datetime = Field(sa_type=Instant)
