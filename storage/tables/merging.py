"""One person, many addresses: merges, what each moved, who is not the same, codes that prove an address."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from core.ids import new_id
from storage.types import Id, Instant, Json


class Merge(SQLModel, table=True):
    """One customer became another: ``merged_id`` went into ``survivor_id`` at ``at`` (business time), by ``actor``.

    ``detail`` counts what moved, by table. ``undone_at`` and ``undone_by`` say that they are two again.
    """

    __tablename__ = "merges"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    merged_id: str = Field(sa_type=Id, index=True)
    survivor_id: str = Field(sa_type=Id, index=True)
    at: datetime = Field(sa_type=Instant)
    actor: str
    source: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    undone_at: datetime | None = Field(default=None, sa_type=Instant)
    undone_by: str = ""


class MergeMove(SQLModel, table=True):
    """One row that a merge changed, in the order of the ids: undoing goes through them backwards.

    ``place`` is the table, ``row`` the values of its primary key. ``was`` are the columns before, ``became`` those
    after; a row that was removed has no ``became``, and ``was`` is the whole of it. Values are as JSON has them: an
    instant in microseconds.
    """

    __tablename__ = "merge_moves"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    merge_id: str = Field(sa_type=Id, foreign_key="merges.id", index=True)
    place: str
    row: list[Any] = Field(sa_type=Json)
    was: dict[str, Any] = Field(sa_type=Json)
    became: dict[str, Any] | None = Field(default=None, sa_type=Json)


class MergedCustomer(SQLModel, table=True):
    """The tombstone of a customer who was merged: their id and the shop's number for them lead to the survivor."""

    __tablename__ = "merged_customers"

    id: str = Field(sa_type=Id, primary_key=True)
    survivor_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    external_id: str | None = Field(default=None, unique=True)
    merge_id: str = Field(sa_type=Id)
    at: datetime = Field(sa_type=Instant)


class DistinctPair(SQLModel, table=True):
    """Two customers of whom somebody said that they are not the same person; ``one_id < other_id``."""

    __tablename__ = "distinct_pairs"
    __table_args__ = (Index("ix_distinct_pairs_other", "other_id"),)

    one_id: str = Field(sa_type=Id, primary_key=True)
    other_id: str = Field(sa_type=Id, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    actor: str = ""


class AddressProof(SQLModel, table=True):
    """A code that was sent to an address, which whoever reads it there may say in a chat. ``code`` is a keyed hash.

    ``key`` is the address's hash (as a suppression's), ``identity_id`` where it went. ``ended`` says how it went:
    proven, wrong (too many tries), replaced; expired ones just stand past ``expires_at`` (business time).
    """

    __tablename__ = "address_proofs"
    __table_args__ = (
        Index("ix_address_proofs_customer", "customer_id", "at"),
        Index("ix_address_proofs_key", "key", "at"),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id")
    identity_id: str = Field(sa_type=Id, foreign_key="identities.id")
    key: str
    channel: str
    code: str
    tries: int = 0
    at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    ended: str = ""
