"""What the system keeps about itself: settings in force, workers, audit, blobs, commands, cursors."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from storage.types import Bytes, Id, Instant, Json


class Setting(SQLModel, table=True):
    """A live value by name: ``workspace`` (the applied otklik.yaml), ``emergency_stop``, ``clock`` (virtual)."""

    __tablename__ = "settings"

    name: str = Field(primary_key=True)
    value: Any = Field(sa_type=Json)
    updated_at: datetime = Field(sa_type=Instant)


class Worker(SQLModel, table=True):
    """A process that sends. ``journal`` is the path of its local journal, trusted only under ``boot_id``.

    ``seen_at`` (the database's clock) is its last sign of life, ``standing`` how its accounts stood then
    (:mod:`core.standing`).
    """

    __tablename__ = "workers"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    host: str
    boot_id: str
    journal: str
    started_at: datetime = Field(sa_type=Instant)
    stopped_at: datetime | None = Field(default=None, sa_type=Instant)
    seen_at: datetime | None = Field(default=None, sa_type=Instant)
    standing: dict[str, Any] | None = Field(default=None, sa_type=Json)


class Audit(SQLModel, table=True):
    """Who did what, append-only."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject", "subject_id"),)

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    actor: str
    action: str
    subject: str
    subject_id: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class Blob(SQLModel, table=True):
    """Bytes under their SHA-256 (hex): raw mail, attachments."""

    __tablename__ = "blobs"

    hash: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    media_type: str = ""
    content: bytes = Field(sa_type=Bytes)
    created_at: datetime = Field(sa_type=Instant)


class BlobOwner(SQLModel, table=True):
    """Whose a blob is, so that erasing a customer erases what nobody else owns."""

    __tablename__ = "blob_owners"

    hash: str = Field(primary_key=True, foreign_key="blobs.hash")
    owner: str = Field(primary_key=True)
    owner_id: str = Field(primary_key=True, sa_type=Id)


class Command(SQLModel, table=True):
    """An effect whose owner is a higher room; written with the batch, consumed once by its handler.

    One that failed is tried again at ``retry_at`` (machine time); ``error`` says why.
    """

    __tablename__ = "commands"
    __table_args__ = (
        Index("ix_commands_open", "id", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    kind: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    created_at: datetime = Field(sa_type=Instant)
    tries: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=Instant)
    error: str = ""
    done_at: datetime | None = Field(default=None, sa_type=Instant)


class Cursor(SQLModel, table=True):
    """How far a poller has read: a Telegram offset, an IMAP (UIDVALIDITY, UID)."""

    __tablename__ = "cursors"

    account: str = Field(primary_key=True)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    updated_at: datetime = Field(sa_type=Instant)


class RateSlot(SQLModel, table=True):
    """When the next message may leave an account (``recipient`` empty), or go to one of its recipients.

    ``recipient`` is a hash of the address. ``next_at`` is the database's clock in microseconds.
    """

    __tablename__ = "rate_slots"

    account: str = Field(primary_key=True)
    recipient: str = Field(default="", primary_key=True)
    next_at: int = Field(sa_type=BigInteger)
