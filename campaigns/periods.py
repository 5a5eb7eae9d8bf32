"""Periods as marketers write them: ``3d``, ``2h``, ``1mo``, ``1y``.

``s m h`` are elapsed time. ``d w mo y`` are calendar time in a zone: the same wall-clock time on another day. Where
that wall time does not exist (spring) the first valid instant after it is taken, where it exists twice (autumn) the
first.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

_FORM = re.compile(r"(\d{1,5})\s*(s|m|h|d|w|mo|y)")
_ELAPSED = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_ROUGH_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "mo": 30 * 86400, "y": 365 * 86400}


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time, elapsed or calendar, by its unit."""

    amount: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read ``3d``.

        Raises:
            ValueError: in words for the marketer.
        """
        match = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"{text!r} is not a period; write a number and s, m, h, d, w, mo or y, such as 3d")
        return cls(int(match[1]), match[2])

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant one period later, in UTC."""
        return self._shifted(instant, zone, self.amount)

    def before(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant one period earlier, in UTC."""
        return self._shifted(instant, zone, -self.amount)

    def _shifted(self, instant: datetime, zone: ZoneInfo, amount: int) -> datetime:
        if self.unit in _ELAPSED:
            return (instant + _ELAPSED[self.unit] * amount).astimezone(UTC)
        return _shifted_days(instant.astimezone(UTC), zone, amount, self.unit)

    @property
    def rough(self) -> timedelta:
        """About how long it is, for comparing and for people; never for deciding an instant."""
        return timedelta(seconds=self.amount * _ROUGH_SECONDS[self.unit])

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(value),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.str_schema(pattern=r"^\d{1,5}\s*(s|m|h|d|w|mo|y)$"),
        )


@lru_cache(maxsize=1024)
def _shifted_days(instant: datetime, zone: ZoneInfo, amount: int, unit: str) -> datetime:
    """By calendar units. ``instant`` is in UTC, where no two instants are equal; a batch's journeys share most."""
    local = instant.astimezone(zone).replace(tzinfo=None, fold=0)
    match unit:
        case "d":
            moved = local + timedelta(days=amount)
        case "w":
            moved = local + timedelta(weeks=amount)
        case "mo":
            moved = _add_months(local, amount)
        case _:
            moved = _add_months(local, 12 * amount)
    return resolve(moved, zone)


def _add_months(local: datetime, months: int) -> datetime:
    index = local.year * 12 + local.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise ValueError("the period leads out of the calendar")
    return local.replace(year=year, month=month + 1, day=min(local.day, calendar.monthrange(year, month + 1)[1]))


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a naive wall time: in a gap the first valid instant after it, in a fold the first."""
    first = local.replace(tzinfo=zone, fold=0)
    instant = first.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) == local:
        return instant
    # In a gap fold=0 reads the time with the offset before the change: it lands past the change by what was missing.
    offset_before = first.utcoffset() or timedelta()
    offset_after = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    low, high = instant - abs(offset_after - offset_before) - timedelta(hours=1), instant
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if (middle.astimezone(zone).utcoffset() or timedelta()) == offset_before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def day_of(instant: datetime, zone: ZoneInfo) -> tuple[date, datetime]:
    """The day that ``instant`` lies in on the zone's calendar, and the UTC instant at which the next one begins."""
    day = instant.astimezone(zone).date()
    return day, resolve(datetime.combine(day + timedelta(days=1), time()), zone)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The IANA zone.

    Raises:
        ValueError: if there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write one such as Europe/Berlin") from None
