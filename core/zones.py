"""Time zones: which countries have only one, so that a phone number can say what time it is there."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


@lru_cache(maxsize=512)
def single_zone(country: str) -> str:
    """The IANA zone of an ISO country (CLDR's table) whose clocks all show the same time; empty where they do not."""
    from babel.core import get_global

    known = available_timezones()
    zones = [name for name in get_global("territory_zones").get(country.upper(), []) if name in known]
    return str(zones[0]) if len({_offsets(name) for name in zones}) == 1 else ""


def _offsets(name: str) -> tuple[object, ...]:
    """Offsets over some years: Büsingen keeps Berlin's time, Urumqi does not keep Shanghai's."""
    return tuple(
        datetime(year, month, 15, tzinfo=UTC).astimezone(ZoneInfo(name)).utcoffset()
        for year in (2024, 2025, 2026)
        for month in range(1, 13)
    )


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name.

    Raises:
        ValueError: in words for people.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write one such as Europe/Berlin or Asia/Tehran") from None
