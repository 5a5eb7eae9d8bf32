"""Messages in and out, the attempts to send them, and what providers said of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from core.machines.message import MessageState
from core.outcomes import OutcomeKind
from core.purposes import Purpose
from storage.types import Bytes, Id, Instant, Json, Word

_PLANNED = text("state = 'planned' AND direction = 'out'")
_BULK = text("state = 'planned' AND direction = 'out' AND lane = 1")
_IN_FLIGHT = text("state IN ('claimed', 'dispatching') AND direction = 'out'")
_UNKNOWN = text("state = 'unknown'")
_QUARANTINED = text("state = 'quarantined'")
_SAID = text("conversation_id IS NOT NULL")

_PAID = text("budget <> ''")
_SHARED = text("shared_budget <> ''")


class Message(SQLModel, table=True):
    """A message, ``out`` or ``in``. An outgoing one is the outbox row itself.

    Unique by (enrolment, step, leg), by (conversation, client token) and by the provider's id within its account.
    ``send_at`` is the planned business instant after deferrals; it leaves only while
    ``not_before ≤ business time < not_after``. ``owner_token`` is the conversation's when it was written by the owner
    then; it leaves only while that is still so. ``retry_at`` is machine time. ``fence`` rises with every claim,
    ``lease_until`` is the database's time. ``sent_at`` is the business
    instant at which its attempt began. ``lane`` 0 (replies) goes before 1 (bulk, always a campaign's).
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("enrolment_id", "step", "leg"),
        UniqueConstraint("conversation_id", "client_token"),
        Index("ux_messages_provider", "account", "provider_id", unique=True,
              sqlite_where=text("provider_id IS NOT NULL"), postgresql_where=text("provider_id IS NOT NULL")),
        # not_after is there for the sweep, which looks for missed windows in the index alone
        Index("ix_messages_planned", "channel", "lane", "not_before", "not_after",
              sqlite_where=_PLANNED, postgresql_where=_PLANNED),
        # for turns between campaigns: each one's next message
        Index("ix_messages_bulk", "channel", "campaign_id", "not_before",
              sqlite_where=_BULK, postgresql_where=_BULK),
        Index("ix_messages_in_flight", "lease_until", sqlite_where=_IN_FLIGHT, postgresql_where=_IN_FLIGHT),
        # few, and looked for by people and by every reconciliation
        Index("ix_messages_unknown", "id", sqlite_where=_UNKNOWN, postgresql_where=_UNKNOWN),
        Index("ix_messages_customer", "customer_id", "created_at"),
        Index("ix_messages_campaign", "campaign_id", "step", "state"),
        # what is new in conversations, whatever bulk is planned beside them
        Index("ix_messages_said", "id", "conversation_id", sqlite_where=_SAID, postgresql_where=_SAID),
    )  # fmt: skip

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    direction: str = "out"
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id")
    identity_id: str = Field(sa_type=Id, foreign_key="identities.id")
    channel: str
    account: str = ""
    purpose: Purpose = Field(default=Purpose.CONVERSATION, sa_type=Word(Purpose))
    state: MessageState = Field(default=MessageState.PLANNED, sa_type=Word(MessageState))
    reason: str = ""

    campaign_id: str | None = Field(default=None, sa_type=Id)
    enrolment_id: str | None = Field(default=None, sa_type=Id, foreign_key="enrolments.id")
    version: str = ""
    step: str = ""
    leg: str = ""
    template: str = ""
    conversation_id: str | None = Field(default=None, sa_type=Id)
    client_token: str | None = None
    owner_token: int | None = None

    lane: int = 1
    send_at: datetime | None = Field(default=None, sa_type=Instant)
    not_before: datetime | None = Field(default=None, sa_type=Instant)
    not_after: datetime | None = Field(default=None, sa_type=Instant)
    retry_at: datetime | None = Field(default=None, sa_type=Instant)
    tries: int = 0
    fence: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    worker: str = ""

    provider_id: str | None = None
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    subject: str = ""
    body: str = ""
    content: dict[str, Any] | None = Field(default=None, sa_type=Json)
    raw_blob: str = ""
    created_at: datetime = Field(sa_type=Instant)


class MessageChoice(SQLModel, table=True):
    """What an answer to a message may mean: the choice of that ``number`` (from 1), its words and what they stand for.

    Written before the message leaves; a message without choices has none.
    """

    __tablename__ = "message_choices"

    message_id: str = Field(sa_type=Id, foreign_key="messages.id", primary_key=True)
    number: int = Field(primary_key=True)
    label: str
    value: str


class Attempt(SQLModel, table=True):
    """One try to send, committed before the socket is used. ``started_at`` and ``ended_at`` are machine time."""

    __tablename__ = "attempts"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    message_id: str = Field(sa_type=Id, foreign_key="messages.id", index=True)
    fence: int
    worker: str
    started_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: OutcomeKind | None = Field(default=None, sa_type=Word(OutcomeKind))
    code: str = ""
    detail: str = ""


class Hold(SQLModel, table=True):
    """A reservation of money for a message, at the price ceiling: held, spent or released. Micro-units.

    ``budget`` (empty: none) gave it, in its period that began at ``period_from``; where that stands within a shared
    budget, ``shared_budget`` gave it as well. ``parts`` counts SMS segments; ``actual_micros`` is what the provider
    says that it cost, once it is known.
    """

    __tablename__ = "holds"
    __table_args__ = (
        Index("ix_holds_budget", "budget", "period_from", sqlite_where=_PAID, postgresql_where=_PAID),
        Index("ix_holds_shared_budget", "shared_budget", "shared_from", sqlite_where=_SHARED, postgresql_where=_SHARED),
    )

    message_id: str = Field(sa_type=Id, foreign_key="messages.id", primary_key=True)
    customer_id: str = Field(sa_type=Id, index=True)
    budget: str = ""
    period_from: datetime | None = Field(default=None, sa_type=Instant)
    shared_budget: str = ""
    shared_from: datetime | None = Field(default=None, sa_type=Instant)
    amount_micros: int = Field(default=0, sa_type=BigInteger)
    actual_micros: int | None = Field(default=None, sa_type=BigInteger)
    parts: int = 1
    currency: str = ""
    send_at: datetime = Field(sa_type=Instant)
    state: str = "held"


class ReceiptRow(SQLModel, table=True):
    """What a provider said of a message, append-only. Parked (no message yet) while ``message_id`` is null."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("account", "key"),
        Index("ix_receipts_parked", "account", "provider_id"),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    account: str
    key: str
    provider_id: str
    message_id: str | None = Field(default=None, sa_type=Id, index=True)
    status: MessageState = Field(sa_type=Word(MessageState))
    code: str = ""
    detail: str = ""
    sent_raw: str = ""
    at: datetime = Field(sa_type=Instant)


class Inbound(SQLModel, table=True):
    """A provider's delivery as it came: stored before it is acknowledged, processed after. Unique by (account, key).

    ``state``: stored, processed, quarantined (``error`` says why; it is never tried for ever).
    """

    __tablename__ = "inbound"
    __table_args__ = (
        UniqueConstraint("account", "key"),
        Index("ix_inbound_stored", "id", sqlite_where=text("state = 'stored'"),
              postgresql_where=text("state = 'stored'")),
        Index("ix_inbound_quarantined", "id", sqlite_where=_QUARANTINED, postgresql_where=_QUARANTINED),
    )  # fmt: skip

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    account: str
    channel: str
    key: str
    payload: bytes = Field(sa_type=Bytes)
    meta: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    state: str = "stored"
    error: str = ""
    tries: int = 0
    received_at: datetime = Field(sa_type=Instant)
    processed_at: datetime | None = Field(default=None, sa_type=Instant)


class Link(SQLModel, table=True):
    """A target that a tracking link may lead to; ``id`` is hashed from the target. No row, no redirect."""

    __tablename__ = "links"

    id: str = Field(primary_key=True)
    url: str
    created_at: datetime = Field(sa_type=Instant)
