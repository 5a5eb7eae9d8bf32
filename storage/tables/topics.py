"""Topics of the desk's groups in Telegram: one a conversation."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from storage.types import Id, Instant, Json


class DeskTopic(SQLModel, table=True):
    """A conversation's topic in a group, from the wish for one on.

    ``thread_id`` is empty until it is there; ``making``: somebody began to make it. ``closed``: no message is taken
    until it is opened again. What has an id up to ``mirrored`` stands in it, and so do those in ``recent``, which are
    younger. ``notice`` is what staff are to be told there, ``strangers`` the Telegram users who were told that they are
    no agents. ``busy_until`` is a lease by the database's clock.
    """

    __tablename__ = "desk_topics"
    __table_args__ = (
        Index("ux_desk_topics_thread", "chat_id", "thread_id", unique=True,
              sqlite_where=text("thread_id IS NOT NULL"), postgresql_where=text("thread_id IS NOT NULL")),
        Index("ix_desk_topics_closed", "closed"),
    )  # fmt: skip

    conversation_id: str = Field(sa_type=Id, foreign_key="conversations.id", primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    chat_id: str
    thread_id: int | None = Field(default=None, sa_type=BigInteger)
    making: bool = False
    closed: bool = False
    mirrored: str = ""
    recent: list[str] = Field(default_factory=list, sa_type=Json)
    notice: str = ""
    strangers: list[str] = Field(default_factory=list, sa_type=Json)
    busy_until: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=Instant)
