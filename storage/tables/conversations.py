"""Conversations and responses: what came back."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from core.machines.conversation import ConversationState
from storage.types import Id, Instant, Json, Word


class Conversation(SQLModel, table=True):
    """The thread with one customer over all channels; one unresolved at a time.

    ``verified`` is false while its only tie to the customer is a mail's ``From:``. ``token`` is the owner's fence: it
    rises with every change of owner. ``priority`` is 0 (low) to 3 (urgent). ``waiting_since`` is the first message of
    theirs that nobody has answered; ``answer_due`` and ``resolve_due`` are what was promised, empty once kept;
    ``alerted_at`` when the desk was told that a promise broke. ``language`` is the customer's in this conversation.
    ``resolved_at`` is its last end, which a bot that talks again leaves: campaigns rest after a live chat all the same.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ux_conversations_open", "customer_id", "verified", unique=True,
              sqlite_where=text("state <> 'resolved'"), postgresql_where=text("state <> 'resolved'")),
        Index("ix_conversations_state", "state", "last_at"),
        Index("ix_conversations_agent", "agent", "state", "last_at"),
    )  # fmt: skip

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    state: ConversationState = Field(default=ConversationState.BOT, sa_type=Word(ConversationState))
    verified: bool = True
    channel: str = ""
    agent: str = ""
    token: int = 0
    opened_at: datetime = Field(sa_type=Instant)
    last_at: datetime = Field(sa_type=Instant)
    last_text: str = ""
    queue: str = ""
    priority: int = 1
    language: str = ""
    queued_at: datetime | None = Field(default=None, sa_type=Instant)
    waiting_since: datetime | None = Field(default=None, sa_type=Instant)
    answer_due: datetime | None = Field(default=None, sa_type=Instant)
    resolve_due: datetime | None = Field(default=None, sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    alerted_at: datetime | None = Field(default=None, sa_type=Instant)
    snoozed_until: datetime | None = Field(default=None, sa_type=Instant)
    blocked_at: datetime | None = Field(default=None, sa_type=Instant)
    resolved_at: datetime | None = Field(default=None, sa_type=Instant)


class Response(SQLModel, table=True):
    """What a customer did about a message: reply, auto_reply, click, open, conversion, opt_out, complaint.

    ``attributed_by`` says how it was tied to ``message_id`` (token, in_reply_to, references, last_message, link);
    empty where it was not. ``answered`` says whether it closed the enrolment. ``key`` drops repeats.
    """

    __tablename__ = "responses"
    __table_args__ = (Index("ix_responses_campaign", "campaign_id", "step", "kind"),)

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    key: str = Field(unique=True)
    kind: str
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    channel: str = ""
    message_id: str | None = Field(default=None, sa_type=Id, index=True)
    inbound_message_id: str | None = Field(default=None, sa_type=Id)
    enrolment_id: str | None = Field(default=None, sa_type=Id, index=True)
    campaign_id: str | None = Field(default=None, sa_type=Id)
    step: str = ""
    attributed_by: str = ""
    answered: bool = False
    at: datetime = Field(sa_type=Instant)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
