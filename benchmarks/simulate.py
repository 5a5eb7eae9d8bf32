"""A simulation of many customers: how long ``otklik simulate`` takes, and how many journeys a second it decides about.

    python benchmarks/simulate.py --customers 100000 --days 60

Everybody is in the audience; four steps on three channels, modest rates of replies, clicks and orders. Made-up people,
the play and the report's figures are timed apart; CPU seconds say what it takes where others share the machine.
"""

import argparse
import os
import time
from datetime import UTC, datetime, timedelta

from campaigns.applying import apply
from campaigns.definition import (
    Brand,
    CampaignBody,
    CampaignDefinition,
    ChannelPolicy,
    Goal,
    Leg,
    SendStep,
    WorkspaceConfig,
)
from campaigns.periods import Period
from campaigns.segments.reading import read_stored
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.people import populate
from campaigns.simulation.playing import Play
from campaigns.simulation.results import figures
from campaigns.simulation.scratch import scratch_store
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.clock import VirtualClock
from otklik.running import configure_logs, run_async, spare_collections

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
GRAIN = timedelta(minutes=1)


def workspace() -> Workspace:
    """One campaign of four steps for everybody."""

    def send(name: str, channel: str, days: int, otherwise: str = "") -> SendStep:
        other = Leg(channel=otherwise, template="t") if otherwise else None
        return SendStep(id=name, main=Leg(channel=channel, template="t"), otherwise=other, wait=Period(days, "d"))

    steps = (
        send("one", "email", 5), send("two", "whatsapp", 5, "telegram"), send("three", "email", 7),
        send("four", "telegram", 5, "email"),
    )  # fmt: skip
    definition = CampaignDefinition(
        name="everybody", audience="everyone", goal=Goal(event="order", within=Period(60, "d")), steps=steps
    )
    prices = {"email": ChannelPolicy(price="0.001"), "whatsapp": ChannelPolicy(price="0.06")}
    return Workspace(
        config=WorkspaceConfig(brand=Brand(name="Shop"), zone="Europe/London", currency="GBP", channels=prices),
        segments={"everyone": read_stored("everyone", {"where": {"field": "id", "is_set": True}})},
        campaigns={"everybody": CampaignBody(definition=definition, templates={})},
    )


async def measure(customers: int, days: int) -> None:
    """Play it once and print the times."""
    behaviour, shop = Behaviour(), workspace()
    marks = [(time.perf_counter(), sum(os.times()[:2]))]

    def mark(what: str) -> tuple[float, float]:
        marks.append((time.perf_counter(), sum(os.times()[:2])))
        wall, cpu = (after - before for before, after in zip(marks[-2], marks[-1], strict=True))
        print(f"{what:<22}{wall:8.1f} s wall {cpu:8.1f} s CPU")
        return wall, cpu

    async with scratch_store() as store:
        await populate(store, customers, 1, shop.config, behaviour.reach, NOW)
        await apply(store, shop, Actor("operator", "benchmark"), NOW)
        mark("customers made")
        play = Play(store, VirtualClock(NOW), behaviour, 1, GRAIN)
        spare_collections()
        await play.run(NOW + timedelta(days=days))
        wall, cpu = mark("played")
        async with store.read() as connection:
            await figures(connection, NOW, NOW + timedelta(days=days), customers=customers, seed=1)
        mark("figures")
    print(f"{play.decided:,} decisions, {play.arrived:,} messages, {play.instants:,} instants")
    print(f"{play.decided / wall:,.0f} decisions/s wall, {play.decided / cpu:,.0f} decisions/s CPU")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=60)
    options = parser.parse_args()
    configure_logs("error")
    run_async(measure(options.customers, options.days))
