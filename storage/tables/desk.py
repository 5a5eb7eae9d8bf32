"""The desk: who answers, how they signed in, what they did with a conversation, and what they say often."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from core.agents import Presence, Role
from core.ids import new_id
from storage.types import Id, Instant, Json, Word

_NOTES = text("event = 'NoteAdded'")


class Agent(SQLModel, table=True):
    """A person of ours. ``email`` is how they sign in, lower-case; ``password`` an Argon2 hash, empty before the first.

    ``languages`` are two-letter codes, ``skills`` the names of queues they answer (none: every queue). ``capacity`` is
    how many chats they hold at once. ``shift`` is from weekday ("0" is Monday) to ["HH:MM", "HH:MM"]; empty: whenever
    they are online. ``presence_at`` is the last sign from their browser (machine time), ``given_at`` when they last got
    a chat. ``totp`` is sealed. ``telegram`` is their user id there, by which topics know them. ``password_until`` is
    when a password runs out that somebody else gave them (machine time); None: it is their own.
    """

    __tablename__ = "agents"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    name: str
    email: str = Field(unique=True)
    role: Role = Field(default=Role.AGENT, sa_type=Word(Role))
    locale: str = "en"
    zone: str = ""
    languages: list[str] = Field(default_factory=list, sa_type=Json)
    skills: list[str] = Field(default_factory=list, sa_type=Json)
    shift: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    capacity: int = 8
    presence: Presence = Field(default=Presence.OFFLINE, sa_type=Word(Presence))
    presence_at: datetime | None = Field(default=None, sa_type=Instant)
    given_at: datetime | None = Field(default=None, sa_type=Instant)
    telegram: str | None = Field(default=None, unique=True)
    password: str = ""
    password_until: datetime | None = Field(default=None, sa_type=Instant)
    totp: str = ""
    totp_step: int = 0
    wrong_passwords: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)


class AgentSession(SQLModel, table=True):
    """A signed-in browser. ``hash`` is the SHA-256 (hex) of its cookie's token. Times are machine time."""

    __tablename__ = "agent_sessions"

    hash: str = Field(primary_key=True)
    agent_id: str = Field(sa_type=Id, foreign_key="agents.id", index=True)
    browser: str = ""
    created_at: datetime = Field(sa_type=Instant)
    seen_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)


class AgentRecoveryCode(SQLModel, table=True):
    """A code that stands in once for an agent's second factor. ``hash`` is keyed with the workspace's secret."""

    __tablename__ = "agent_recovery_codes"

    hash: str = Field(primary_key=True)
    agent_id: str = Field(sa_type=Id, foreign_key="agents.id", index=True)


class ConversationEvent(SQLModel, table=True):
    """What became of a conversation: its transitions by their events, notes, missed promises. Append-only.

    ``text`` is a note's, or the reason. ``detail`` says the rest, such as to whom it went.
    """

    __tablename__ = "conversation_events"
    __table_args__ = (
        Index("ix_conversation_events", "conversation_id", "id"),
        Index("ix_conversation_notes", "id", sqlite_where=_NOTES, postgresql_where=_NOTES),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    conversation_id: str = Field(sa_type=Id, foreign_key="conversations.id")
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    at: datetime = Field(sa_type=Instant)
    actor: str
    event: str
    text: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class CannedReply(SQLModel, table=True):
    """What is said often: ``/name`` in the composer. ``locale`` empty: any. The text may have customers' variables."""

    __tablename__ = "canned_replies"
    __table_args__ = (Index("ux_canned_replies", "name", "locale", unique=True),)

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    name: str
    locale: str = ""
    text: str
    author: str = ""
    updated_at: datetime = Field(sa_type=Instant)
