"""Clocks. Three kinds of time that are never compared with each other.

*Business time* (:class:`Clock`) decides waits, windows, sending hours and caps; it is virtual in simulation and demo.
*Machine time* (:func:`machine_now`, :func:`uptime`) decides back-off, rates and time-outs.
*Lease time* is the database's clock and lives in ``storage``.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Business time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """Business time that is the machine's time."""

    def now(self) -> datetime:
        return machine_now()


class VirtualClock:
    """Business time that moves only when it is told to, and never backwards."""

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        """Move to ``instant``; an earlier one leaves the clock where it is."""
        self._now = max(self._now, as_utc(instant))


def machine_now() -> datetime:
    """The machine's wall clock, aware, in UTC."""
    return datetime.now(UTC)


def uptime() -> float:
    """Seconds since boot, sleep included where the system can tell: what a lease is measured against locally."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boottime) if boottime is not None else time.monotonic()


def as_utc(instant: datetime) -> datetime:
    """``instant`` in UTC.

    Raises:
        ValueError: if it has no zone. A naive time is a question, not an instant.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone")
    return instant.astimezone(UTC)


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z: how the store keeps an instant."""
    if instant.tzinfo is None:
        instant = as_utc(instant)  # says what is wrong
    since = instant - EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The inverse of :func:`to_micros`."""
    return EPOCH + timedelta(microseconds=micros)
