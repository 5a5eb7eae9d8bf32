"""Dates and times as people write them: ISO 8601, dd.mm.yyyy, slashes in the order told, Jalali years, Unix time."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from core.clock import EPOCH, to_micros
from core.text import latin_digits

DateOrder = Literal["", "dmy", "mdy"]
"""How dates with slashes are read; empty: such a row is rejected, because nobody can know."""

_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ]\s*(.+))?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:,?\s+(.+))?", re.ASCII)
_CLOCK = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_ISO = re.compile(r"(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
"""What nearly every machine writes; read by a short cut that a property test holds equal to the long way."""
_UNIX = re.compile(r"\d{10}(?:\d{3})?", re.ASCII)
_JALALI_YEARS = range(1250, 1500)
_YEARS = range(1900, 2201)
_MICROSECOND = timedelta(microseconds=1)


def instant_micros(text: str, zone: ZoneInfo, order: DateOrder = "") -> int:
    """Microseconds since the epoch of a date (its midnight) or a date with a time; without an offset it is ``zone``'s.

    Raises:
        ValueError: in words for people.
    """
    if len(text) > 16 and text[13] == ":" and _ISO.fullmatch(text):
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            return _read_micros(text, zone, order)
        return ((instant.replace(tzinfo=zone) if instant.tzinfo is None else instant) - EPOCH) // _MICROSECOND
    return _read_micros(text, zone, order)


@lru_cache(maxsize=16384)
def _read_micros(text: str, zone: ZoneInfo, order: DateOrder) -> int:
    """:func:`instant_micros` without its short cut."""
    clean = latin_digits(text).strip()
    if _UNIX.fullmatch(clean):
        return int(clean) * (1_000_000 if len(clean) == 10 else 1_000)
    day, rest = _split(clean, order)
    moment = _clock(rest) if rest else time()
    instant = datetime.combine(day, moment)
    return to_micros(instant if instant.tzinfo else instant.replace(tzinfo=zone))


@lru_cache(maxsize=4096)
def iso_date(text: str, order: DateOrder = "") -> str:
    """A date as ``YYYY-MM-DD``.

    Raises:
        ValueError: in words for people.
    """
    return _split(latin_digits(text).strip(), order)[0].isoformat()


def _split(text: str, order: DateOrder) -> tuple[date, str]:
    if found := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, rest = found.groups()
    elif found := _YEAR_LAST.fullmatch(text):
        first, mark, second, year, rest = found.groups()
        if mark != "." and not order:
            raise ValueError(f"{text!r} can be read two ways; say --date-order dmy or mdy")
        day, month = (second, first) if mark != "." and order == "mdy" else (first, second)
    else:
        raise ValueError(f"{text!r} is not a date; write 2026-03-31, 2026-03-31 14:30, 31.03.2026 or 1405/01/11")
    return _date(text, int(year), int(month), int(day)), rest or ""


def _date(text: str, year: int, month: int, day: int) -> date:
    try:
        if year in _JALALI_YEARS:
            import jdatetime

            return jdatetime.date(year, month, day).togregorian()  # type: ignore[no-any-return]
        found = date(year, month, day)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date: {error}") from None
    if year not in _YEARS:
        raise ValueError(f"{text!r} is not a date: the year is out of range")
    return found


def _clock(text: str) -> time:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a time of day; write 14:30 or 14:30:05+03:00")
    hour, minute, second, fraction, half, offset = found.groups()
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    zone = _offset(offset) if offset else None
    try:
        return time(hours, int(minute), int(second or 0), int((fraction or "0")[:6].ljust(6, "0")), tzinfo=zone)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time of day: {error}") from None


def _offset(text: str) -> tzinfo | None:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    return datetime.strptime(text if len(text) != 3 else text + "00", "%z").tzinfo
