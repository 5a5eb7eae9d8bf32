"""The process that reckons forecasts and simulations: one question on standard input, one answer on standard output."""

import asyncio
import os
import pickle
import sys
from dataclasses import replace
from datetime import timedelta

from bot.flows.applying import FlowsPart
from bot.flows.simulated import SimulatedFlows
from bot.flows.supposing import assumable
from campaigns.applying import apply
from campaigns.composing.links import MessageLinks
from campaigns.forecast.figures import figures
from campaigns.forecast.planning import plan_workspace
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.people import populate
from campaigns.simulation.playing import Play
from campaigns.simulation.reading import read_behaviour
from campaigns.simulation.results import SimulationFigures
from campaigns.simulation.results import figures as played
from campaigns.simulation.scratch import scratch_store
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import OtklikError
from desk.campaigns.editing.companion import Answer, Asked, PlanAsked, Planned, PlayAsked
from storage.store import Store

SEED = 1


async def _answer(asked: Asked) -> Answer:
    return await (_plan(asked) if isinstance(asked, PlanAsked) else _play(asked))


async def _plan(asked: PlanAsked) -> Planned:
    async with await Store.open(asked.database_url) as store:
        found = await plan_workspace(
            store, asked.workspace, asked.now, only=asked.name, unserved=dict(asked.unserved),
            links=MessageLinks(asked.addresses),
        )  # fmt: skip
    plan = found.campaigns[0]
    return Planned(plan, figures(plan.tally, plan.body.definition, weekly=plan.entrance.stream), found.changes)


async def _play(asked: PlayAsked) -> SimulationFigures:
    # nobody has to approve what is only played, and made-up customers are on no list
    config = asked.workspace.config.model_copy(update={"approval": False, "mode": "live"})
    workspace = replace(
        asked.workspace, config=config, campaigns={asked.name: asked.workspace.campaigns[asked.name]}
    )  # fmt: skip
    behaviour, until = Behaviour(), asked.begins + timedelta(days=asked.days)
    if asked.behaviour is not None:
        talks = assumable({**asked.flows.own, **asked.flows.bodies})
        behaviour = await asyncio.to_thread(read_behaviour, asked.behaviour, workspace.segments, talks)
    async with scratch_store() as store:
        await populate(store, asked.customers, SEED, config, behaviour.reach, asked.begins)
        parts = [FlowsPart(asked.flows)]
        await apply(store, workspace, Actor("operator", "simulation"), asked.begins, parts=parts)
        clock = VirtualClock(asked.begins)
        flows = SimulatedFlows(store, clock, behaviour, SEED)
        await Play(store, clock, behaviour, SEED, talks=flows).run(until)
        async with store.read() as connection:
            return await played(
                connection, asked.begins, until, customers=asked.customers, seed=SEED, names=[asked.name], talks=flows
            )


def main() -> None:
    """Answer what is asked on standard input. Whatever prints goes to standard error."""
    os.nice(10)  # those who wait for the desk's pages go first
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: Asked = pickle.load(sys.stdin.buffer)  # noqa: S301  whoever started us
    answer: Answer | str
    try:
        answer = asyncio.run(_answer(asked))
    except OtklikError as error:
        answer = str(error)
    pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
    answers.close()


if __name__ == "__main__":
    main()
