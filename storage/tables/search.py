"""What a search looks through: the words of messages, brought to one form."""

from typing import Any

from sqlmodel import Field, SQLModel

from storage.types import Id

INDEX = "search_words"
"""SQLite's full-text index over :class:`SearchText`, and what its own tables' names begin with; no table of ours."""


def is_told(name: str | None, *_: Any) -> bool:
    """Whether a table or an index of a store is one that the tables here tell of: not a full-text index."""
    return not (name or "").startswith((INDEX, "ix_search_texts_words"))


class SearchText(SQLModel, table=True):
    """The words of a message that a customer or one of our people wrote, folded, with one space between them.

    ``number`` rises with the order of reading, which is that of writing. Each database keeps its full-text index over
    ``text`` by itself (SQLite by triggers), so that it never says anything else than these rows.
    """

    __tablename__ = "search_texts"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    message_id: str = Field(sa_type=Id, foreign_key="messages.id", unique=True)
    text: str = ""
