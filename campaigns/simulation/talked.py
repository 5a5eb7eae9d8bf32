"""What came of the flows of a simulation: plain figures, by flow over all campaigns that start it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.simulation.delivery import ACCOUNT
from campaigns.simulation.talks import FLOW_TOKEN, Tally
from core.ids import ID_LENGTH
from core.machines.flow_run import OPEN_RUNS
from core.statuses import SENT
from storage.outbox.columns import table
from storage.tables import FlowRun, Hold, Message

_RUNS, _MESSAGES, _HOLDS = table(FlowRun), table(Message), table(Hold)
OPEN = "open"
"""The end of talks that had none when the simulation was over."""
said_by_flow = _MESSAGES.c.client_token.like(f"{FLOW_TOKEN}%")
"""Whether a message is a flow's, beyond the first words, which are the campaign's."""


@dataclass(frozen=True, slots=True)
class EndFigures:
    """How many talks ended so: ``state`` finished, handed_over, left, silent or open, at that ``step``."""

    state: str
    step: str
    number: int


@dataclass(frozen=True, slots=True)
class SpokenFigures:
    """What a flow said on one channel, beyond its first words. ``micros`` is what it cost."""

    channel: str
    sent: int
    micros: int


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """One flow. ``silent`` counts, by question, those that were not answered in time; ``answers`` by question and
    answer (empty: one among many); ``asked`` what others were asked for (handoff, webhook, start, event, proof,
    answer); ``circles`` talks that were broken off because they did not end."""

    flow: str
    entered: int
    ends: Sequence[EndFigures] = ()
    silent: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    misunderstood: int = 0
    asked: Mapping[str, int] = field(default_factory=dict)
    circles: int = 0
    spoken: Sequence[SpokenFigures] = ()

    @property
    def micros(self) -> int:
        """What its messages cost, the first words left out, which are the campaign's."""
        return sum(one.micros for one in self.spoken)


async def flow_figures(
    connection: AsyncConnection, begins: datetime, tallies: Mapping[str, Tally]
) -> Sequence[FlowFigures]:
    """The figures of every flow that anybody entered since ``begins``."""
    ends, spoken = await _ends(connection, begins), await _spoken(connection, begins)
    return [
        FlowFigures(
            name, tally.entered, ends.get(name, ()), tally.silent, tally.answers, tally.misunderstood,
            dict(sorted(tally.asked.items())), tally.circles, spoken.get(name, ()),
        )
        for name, tally in sorted(tallies.items())
    ]  # fmt: skip


async def _ends(connection: AsyncConnection, begins: datetime) -> Mapping[str, Sequence[EndFigures]]:
    state = case((_RUNS.c.state.in_(sorted(OPEN_RUNS)), OPEN), else_=_RUNS.c.state).label("end")
    number = func.count().label("number")
    found = defaultdict(list)
    for row in await connection.execute(
        select(_RUNS.c.flow, state, _RUNS.c.step, number)
        .where(_RUNS.c.began_at >= begins)
        .group_by(_RUNS.c.flow, state, _RUNS.c.step)
        .order_by(_RUNS.c.flow, number.desc(), state, _RUNS.c.step)
    ):
        found[row.flow].append(EndFigures(str(row.end), row.step, row.number))
    return found


async def _spoken(connection: AsyncConnection, begins: datetime) -> Mapping[str, Sequence[SpokenFigures]]:
    run_id = func.substr(_MESSAGES.c.client_token, len(FLOW_TOKEN) + 1, ID_LENGTH)
    found = defaultdict(list)
    for row in await connection.execute(
        select(
            _RUNS.c.flow, _MESSAGES.c.channel, func.count().label("number"),
            func.coalesce(func.sum(_HOLDS.c.amount_micros), 0).label("micros"),
        )
        .join(_RUNS, _RUNS.c.id == run_id)
        .outerjoin(_HOLDS, _HOLDS.c.message_id == _MESSAGES.c.id)
        .where(
            said_by_flow, _MESSAGES.c.account == ACCOUNT, _MESSAGES.c.state.in_(SENT), _MESSAGES.c.sent_at >= begins
        )
        .group_by(_RUNS.c.flow, _MESSAGES.c.channel)
        .order_by(_RUNS.c.flow, _MESSAGES.c.channel)
    ):  # fmt: skip
        found[row.flow].append(SpokenFigures(row.channel, row.number, int(row.micros)))
    return found
