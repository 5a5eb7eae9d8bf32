"""A campaign's test: given this customer, when they do this, expect these messages at these times, and that end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from campaigns.periods import Period
from campaigns.simulation.behaviour import Rule
from core.installed import channel_names

BEGINS = datetime(2026, 12, 1, 10)  # noqa: DTZ001  a wall clock: a Tuesday
NOT_ENTERED = "not entered"


@dataclass(frozen=True, slots=True)
class PastEvent:
    """Something that the customer did before: ``ago`` counts back from the beginning."""

    name: str
    ago: Period
    amount: float | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """The customer. ``fields`` are columns and ``attributes.NAME``. They have an address on each of ``channels`` and
    agreed to marketing on those of ``consent``."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = field(default_factory=channel_names)
    consent: tuple[str, ...] = field(default_factory=channel_names)
    tags: tuple[str, ...] = ()
    events: tuple[PastEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """A message: on which day (0: the first, by the customer's calendar), when, on which channel, of which step.

    An empty ``step`` is any.
    """

    day: int
    clock: str
    channel: str
    step: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"day {self.day}", self.clock, self.channel, self.step) if part)


@dataclass(frozen=True, slots=True)
class Case:
    """One test. ``begins`` is a wall time on the organisation's clock; it is played for ``days``.

    ``expect`` None: the messages are not looked at. ``outcome`` empty is not looked at; it is a state of the journey,
    with a reason where one is written (``exited: opted_out``), or ``not entered``. ``variant`` (empty: the first) and
    ``held_out`` say the experiment's assignment.
    """

    name: str
    file: str
    line: int
    given: Given = Given()
    when: tuple[Rule, ...] = ()
    expect: tuple[Expected, ...] | None = None
    expect_line: int = 0
    outcome: str = ""
    outcome_line: int = 0
    begins: datetime = BEGINS
    days: int = 60
    variant: str = ""
    held_out: bool = False

    @property
    def length(self) -> timedelta:
        """How long it is played."""
        return timedelta(days=self.days)


def differences(expected: Sequence[Expected], got: Sequence[Expected]) -> list[str]:
    """``- `` what was expected and did not come, ``+ `` what came unexpectedly, ``  `` what agrees; in order.

    Empty where everything agrees. An expectation without a step takes any.
    """
    left = list(got)
    lines: list[tuple[tuple[int, str], str]] = []
    wrong = False
    for one in expected:
        match = next((each for each in left if _fits(one, each)), None)
        if match is None:
            wrong = True
            lines.append(((one.day, one.clock), f"- {one}"))
        else:
            left.remove(match)
            lines.append(((match.day, match.clock), f"  {match}"))
    lines += [((one.day, one.clock), f"+ {one}") for one in left]
    return [line for _, line in sorted(lines, key=lambda pair: pair[0])] if wrong or left else []


def _fits(expected: Expected, got: Expected) -> bool:
    same = (expected.day, expected.clock, expected.channel) == (got.day, got.clock, got.channel)
    return same and expected.step in ("", got.step)
