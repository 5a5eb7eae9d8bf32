"""What a provider does, and what ``send`` must make of it."""

from dataclasses import dataclass
from typing import Any

from core.errors import (
    ChannelFault,
    PermanentFailure,
    PermanentKind,
    TransientFailure,
    UnknownOutcome,
)

FAILURES: dict[str, type[Exception]] = {
    "transient": TransientFailure,
    "permanent": PermanentFailure,
    "unknown": UnknownOutcome,
    "fault": ChannelFault,
}


@dataclass(frozen=True)
class Expected:
    """What ``send`` must do: give a receipt whose id holds ``receipt``, or raise one of :data:`FAILURES`.

    ``kind`` belongs to permanent failures, ``retry_after`` (seconds) to transient ones.
    """

    receipt: str = ""
    failure: str = ""
    kind: PermanentKind | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class Fact:
    """One thing a provider does, named; ``script`` makes the driver's provider do it.

    ``source`` is where that is documented and the day it was read, such as ``example.com/errors, 2026-11-22``.
    """

    name: str
    script: Any
    expected: Expected
    source: str = ""


def accepted(receipt: str) -> Expected:
    """The provider took the message and calls it ``receipt``."""
    return Expected(receipt=receipt)


def transient(retry_after: float | None = None) -> Expected:
    """Proven not sent; the provider may have said when to come again."""
    return Expected(failure="transient", retry_after=retry_after)


def permanent(kind: PermanentKind) -> Expected:
    """Refused for good."""
    return Expected(failure="permanent", kind=kind)


UNKNOWN = Expected(failure="unknown")
"""It may have been taken."""
FAULT = Expected(failure="fault")
"""The account cannot send at all."""

ACCEPTED = "accepted"
SILENT = "silence after the request"
DROPPED = "dropped after the request"
REQUIRED = (ACCEPTED, "throttled", SILENT, DROPPED, "wrong credentials", "content refused")
"""Names of the facts that every driver shows, unless its ``lacks`` says why there is none."""
REFUSED_CONNECTION = "a refused connection"
"""A driver may lack it: then a send that reaches nobody is of unknown outcome."""
CHECK = "a check that sends nothing"
"""A driver may lack it: then ``check`` can only read the settings."""
