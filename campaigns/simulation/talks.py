"""What a simulation asks of whoever plays flows, which are a higher room's: the talk behind a campaign's message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.commands import Handler
from campaigns.simulation.acting import Act

FLOW_TOKEN = "flow:"  # noqa: S105  begins the client token of what a flow says
"""How the tokens of what flows say begin."""

MOST_TURNS = 60
"""Answers and time-outs of one talk after which it is broken off: it goes round in a circle."""


class Overdue(NamedTuple):
    """Nobody answered a flow until ``due_at``: what its diary says."""

    run_id: str
    due_at: datetime


@dataclass(slots=True)
class Tally:
    """What was seen of one flow's talks, as they were played.

    ``answers`` counts by question and answer, ``silent`` the questions that were not answered in time, by question;
    ``misunderstood`` answers that were none; ``asked`` what others were asked for, by kind; ``circles`` talks that
    were broken off because they did not end.
    """

    entered: int = 0
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)
    misunderstood: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    circles: int = 0


class Talks(Protocol):
    """Plays flows with customers who answer as it is assumed. Everything happens in the caller's transactions, but for
    the ``handlers``, which carry out commands as a service's do."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By kind of command."""

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """By flow."""

    def meant(self, acts: Sequence[Act]) -> Sequence[Act]:
        """Those that are still done: who answered a question otherwise, or no more, does not answer it again."""

    async def heard(self, connection: AsyncConnection, replies: Sequence[Act], now: datetime) -> None:
        """These customers wrote; whoever is in a flow answers its question."""

    async def time_out(self, connection: AsyncConnection, overdue: Sequence[Overdue], now: datetime) -> None:
        """Nobody answered these until now."""

    def take_planned(self) -> Sequence[tuple[datetime, Act | Overdue]]:
        """What customers will answer, and by when, since this was asked last."""

    def take_handed_over(self) -> Mapping[str, str]:
        """The conversations that wait for a person since this was asked last, by customer."""
