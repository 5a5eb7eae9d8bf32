"""Forecasts and simulations, in a process of their own: they reckon for seconds, and the desk may not stand still.

The process gets what it needs on its standard input, answers once on its standard output and is killed when it takes
too long.
"""

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bot.flows.loading import Flows
from campaigns.applying import Change
from campaigns.composing.links import Addresses
from campaigns.forecast.figures import Figures
from campaigns.forecast.planning import CampaignPlan
from campaigns.simulation.results import SimulationFigures
from campaigns.workspace.loader import Workspace
from core.errors import Refused

SECONDS = 60.0
"""The longest that anybody waits for a forecast or a simulation."""


@dataclass(frozen=True, slots=True)
class PlanAsked:
    """What applying ``workspace`` would do to one campaign, by the customers of the store at ``database_url``."""

    workspace: Workspace
    name: str
    now: datetime
    database_url: str = field(repr=False)
    addresses: Addresses = field(repr=False)
    unserved: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """The answer: the campaign's plan with its forecast as rows."""

    plan: CampaignPlan
    forecast: Figures
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class PlayAsked:
    """One campaign of ``workspace``, played for ``days`` with so many made-up customers, and ``flows``.

    ``behaviour`` is the file that says how they behave; without one they do as usual.
    """

    workspace: Workspace
    name: str
    begins: datetime
    days: int
    customers: int
    flows: Flows = field(default_factory=Flows)
    behaviour: Path | None = None


Asked = PlanAsked | PlayAsked
Answer = Planned | SimulationFigures


class TookTooLong(Exception):
    """It was not done within :data:`SECONDS`."""


class Companion:
    """Asks one thing at a time: a second core is not taken for granted."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._turn = asyncio.Semaphore(1)

    async def plan(self, asked: PlanAsked) -> Planned:
        """The campaign's plan.

        Raises:
            TookTooLong: if others and this one took too long.
            Refused: in the words of the one who reckoned.
        """
        answer = await self._ask(asked)
        assert isinstance(answer, Planned)  # noqa: S101  as it is asked, it is answered
        return answer

    async def play(self, asked: PlayAsked) -> SimulationFigures:
        """What the simulation came to; raises as :meth:`plan` does."""
        answer = await self._ask(asked)
        assert isinstance(answer, SimulationFigures)  # noqa: S101  as above
        return answer

    async def _ask(self, asked: Asked) -> Answer:
        lean = replace(asked, workspace=replace(asked.workspace, contents={}, tests={}))
        if isinstance(lean, PlayAsked):
            lean = replace(lean, flows=replace(lean.flows, tests={}))
        try:
            async with asyncio.timeout(self._seconds), self._turn:
                return await _answered(pickle.dumps(lean))
        except TimeoutError:
            raise TookTooLong from None


async def _answered(asked: bytes) -> Answer:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "desk.campaigns.editing.companion_process", stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
        start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        told, _ = await process.communicate(asked)
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    answer = pickle.loads(told) if process.returncode == 0 else "it ended without an answer"  # noqa: S301  our own
    if isinstance(answer, str):
        raise Refused(answer)
    return answer  # type: ignore[no-any-return]
