"""What customers asked the bot, and what became of it."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from storage.types import Id, Instant

_OPEN = text("answer = ''")


class Question(SQLModel, table=True):
    """A message that asked the bot something. ``answer`` is the key of what was said; empty: nothing was sure.

    ``words`` are the question's stems in order, by which alike questions are put together; what was written stands in
    the message. ``nearest`` came nearest, with ``certainty`` of 0 to 100. ``helped`` is what the customer said of the
    answer. A second answer, after the first did not help, is a row of the message that said so.
    """

    __tablename__ = "questions"
    __table_args__ = (
        Index("ix_questions_at", "at"),
        Index("ix_questions_unanswered", "at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    message_id: str = Field(sa_type=Id, foreign_key="messages.id", primary_key=True)
    customer_id: str = Field(sa_type=Id, foreign_key="customers.id", index=True)
    channel: str
    language: str
    words: str
    answer: str = ""
    nearest: str = ""
    certainty: int = 0
    helped: bool | None = None
    at: datetime = Field(sa_type=Instant)
