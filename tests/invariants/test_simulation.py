"""Invariant 8: a simulation and a run with the same behaviour of customers plan the same messages for the same times.

The run is the service's own path over a store: scheduler, runner, outbox with its gates, desk. The simulation's answers
are given by other code, set-based, and its deliveries by one statement: here they are held against what they stand for.
"""

import asyncio
import os
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from campaigns.definition import CampaignBody, Start
from campaigns.simulation.behaviour import Behaviour, Chats, Deed, Delay, Rule
from campaigns.simulation.playing import Play
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Customer, Enrolment, Message, metadata
from tests.databases import open_unsynced
from tests.invariants.campaigns import CHANNELS, GOAL, VISIT, Shop, shops
from tests.invariants.reality import Reality
from tests.invariants.test_machine import STARTS
from tests.invariants.world import World

MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
LENGTH = timedelta(days=24)
BY_THEMSELVES = (GOAL, f"event:{VISIT}", "reply", "opt_out")
ABOUT = ("reply", "click", "open", "order", "auto_reply", "opt_out", "complaint", "bounce", f"event:{VISIT}")
_MESSAGES, _ENROLMENTS, _CUSTOMERS, _CAMPAIGNS = table(Message), table(Enrolment), table(Customer), table(Campaign)

_AFTER = st.one_of(
    st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(days=7)]),
    st.integers(1, 14 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes, seconds=7)),
)
_RULES = st.one_of(
    st.builds(lambda kind, after: Rule(Deed(kind), after), st.sampled_from(BY_THEMSELVES), _AFTER),
    st.builds(
        lambda kind, after, channel, nth: Rule(Deed(kind), after, channel, nth),
        st.sampled_from(ABOUT), _AFTER, st.sampled_from(CHANNELS), st.integers(1, 3),
    ),
)  # fmt: skip
_SCRIPTS = st.fixed_dictionaries({f"c{number}": st.lists(_RULES, max_size=4).map(tuple) for number in range(4)})
_SPANS = st.sampled_from([timedelta(minutes=10), timedelta(hours=4), timedelta(days=2)])
_CHATS = st.builds(lambda a, b: Chats(Delay(a, a), Delay(b, b)), _SPANS, _SPANS)
_BEGINNINGS = st.sampled_from(
    [
        Start(),
        Start(),
        Start(kind="event", event=VISIT),
        Start(kind="event", event=GOAL),
        Start(kind="cron", cron="30 2 * * *", zone="customer"),
        Start(kind="cron", cron="0 12 * * 3"),
    ]
)


def _beginning(body: CampaignBody, start: Start) -> CampaignBody:
    return body.model_copy(update={"definition": body.definition.model_copy(update={"start": start})})


TOWNS = st.builds(
    lambda shop, first, second: Shop(
        shop.config, (_beginning(shop.bodies[0], first), _beginning(shop.bodies[1], second)), ()
    ),
    shops(), _BEGINNINGS, _BEGINNINGS,
)  # fmt: skip
PLAYS = {"shop": TOWNS, "scripts": _SCRIPTS, "chats": _CHATS, "start": st.sampled_from(STARTS)}


async def _settled(store: Store, begins: datetime, shop: Shop) -> World:
    world = World(store, begins, shop)
    await world.set_up()
    async with store.write() as connection:
        await connection.execute(update(_CAMPAIGNS).values(started_at=begins))
    return world


async def _planned(store: Store) -> tuple[list[Any], list[Any]]:
    """Every message and every journey, by names that two stores share."""
    messages = (
        select(
            _CUSTOMERS.c.external_id, _CAMPAIGNS.c.name, _ENROLMENTS.c.round, _MESSAGES.c.step, _MESSAGES.c.leg,
            _MESSAGES.c.channel, _MESSAGES.c.send_at, _MESSAGES.c.sent_at, _MESSAGES.c.state, _MESSAGES.c.reason,
        )
        .join(_ENROLMENTS, _ENROLMENTS.c.id == _MESSAGES.c.enrolment_id)
        .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _MESSAGES.c.customer_id)
    )  # fmt: skip
    journeys = (
        select(
            _CUSTOMERS.c.external_id, _CAMPAIGNS.c.name, _ENROLMENTS.c.round, _ENROLMENTS.c.state, _ENROLMENTS.c.reason,
            _ENROLMENTS.c.step, _ENROLMENTS.c.entered_at, _ENROLMENTS.c.closed_at, _ENROLMENTS.c.variant,
        )
        .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _ENROLMENTS.c.customer_id)
    )  # fmt: skip
    async with store.read() as connection:
        return (
            sorted(tuple(map(str, row)) for row in await connection.execute(messages)),
            sorted(tuple(map(str, row)) for row in await connection.execute(journeys)),
        )


async def _simulated(url: str, shop: Shop, behaviour: Behaviour, begins: datetime) -> tuple[list[Any], list[Any]]:
    async with await open_unsynced(url, throw_away=True) as store:
        world = await _settled(store, begins, shop)
        await Play(store, world.clock, behaviour).run(begins + LENGTH)
        return await _planned(store)


async def _run(url: str, shop: Shop, behaviour: Behaviour, begins: datetime) -> tuple[list[Any], list[Any]]:
    async with await open_unsynced(url, pool_size=2, throw_away=True) as store:
        if store.dialect == "postgresql":
            names = ", ".join(f'"{each.name}"' for each in metadata.sorted_tables)
            async with store.write() as connection:
                await connection.execute(text(f"TRUNCATE {names}"))
        world = await _settled(store, begins, shop)
        await Reality(world, behaviour).run(begins + LENGTH)
        return await _planned(store)


async def _compare(empty: Path, real_url: str, shop: Shop, behaviour: Behaviour, begins: datetime) -> int:
    """Play both; gives how many messages there were."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        for name in ("simulated", "real"):
            shutil.copy(empty, Path(folder) / name)
        simulated = await _simulated(f"sqlite:///{folder}/simulated", shop, behaviour, begins)
        real = await _run(real_url or f"sqlite:///{folder}/real", shop, behaviour, begins)
    for ours, theirs in zip(simulated, real, strict=True):
        assert ours == theirs, "invariant 8"
    return len(real[0])


def _settings(examples: int) -> settings:
    number = int(os.environ.get("OTKLIK_TEST_EXAMPLES", examples))
    return settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def _hold(empty: Path, url: str, examples: int) -> None:
    planned = 0

    @_settings(examples)
    @given(**PLAYS)
    def same(shop: Shop, scripts: dict[str, tuple[Rule, ...]], chats: Chats, start: str) -> None:
        nonlocal planned
        behaviour = Behaviour(scripts=scripts, chats=chats)
        planned += asyncio.run(_compare(empty, url, shop, behaviour, datetime.fromisoformat(start)))

    same()
    assert planned > examples, "nearly nothing was planned: the comparison says little"


@pytest.mark.timeout(900)
def test_a_simulation_plans_what_a_run_on_sqlite_plans(migrated_sqlite: Path) -> None:
    _hold(migrated_sqlite, "", 30)


@pytest.mark.timeout(900)
def test_a_simulation_plans_what_a_run_on_postgresql_plans(migrated_sqlite: Path, postgres_url: str) -> None:
    _hold(migrated_sqlite, postgres_url, 6)
