"""Column types that keep the store honest: instants with a zone, enums by their words, JSON alike on both databases."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from core.clock import from_micros, to_micros
from core.ids import ID_LENGTH

WORD_LENGTH = 24


class Instant(TypeDecorator[datetime]):
    """An instant as BIGINT microseconds since the epoch, so that both databases shift and compare it alike.

    Refuses naive values.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class Word(TypeDecorator[StrEnum]):
    """A ``StrEnum`` kept as its word; reading gives the member."""

    impl = String
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__(WORD_LENGTH)
        self.words = words

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


Id = String(ID_LENGTH, collation=None)
"""One of our ids (``core.ids``)."""

Json: Any = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Bytes = LargeBinary
