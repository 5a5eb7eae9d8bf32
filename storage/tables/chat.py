"""The web chat's own mailbox: what stands in a visitor's window, whichever process serves it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from core.ids import new_id
from storage.types import Id, Instant, Json

_UNSEEN = text("direction = 'out' AND seen_at IS NULL AND mailed_at IS NULL")


class ChatLine(SQLModel, table=True):
    """One line in a visitor's window, ``in`` (theirs) or ``out`` (ours).

    Unique by (visitor, key): a repeat adds nothing. ``visitor`` is the address of their identity. ``key`` is the
    window's own for their lines, our message's id for ours. ``content`` holds how the text looks and its buttons.
    ``at`` is business time.
    """

    __tablename__ = "chat_lines"
    __table_args__ = (
        UniqueConstraint("visitor", "key"),
        Index("ix_chat_lines_visitor", "visitor", "id"),
        Index("ix_chat_lines_unseen", "at", sqlite_where=_UNSEEN, postgresql_where=_UNSEEN),
    )

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    visitor: str
    direction: str
    key: str
    text: str = ""
    content: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = Field(sa_type=Instant)
    got_at: datetime | None = Field(default=None, sa_type=Instant)
    seen_at: datetime | None = Field(default=None, sa_type=Instant)
    mailed_at: datetime | None = Field(default=None, sa_type=Instant)
