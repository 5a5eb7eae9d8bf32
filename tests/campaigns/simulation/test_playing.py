"""A simulation: the same seed plays the same, its batched acts mean what the single ones of reality mean."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from campaigns.applying import apply
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.responding.answers import record_click, record_reply
from campaigns.responding.attribution import attribute_link
from campaigns.simulation.acting import Act, act
from campaigns.simulation.behaviour import CLICK, REPLY, Behaviour, Deed, Rule, on_grid
from campaigns.simulation.delivery import Arrived, deliver
from campaigns.simulation.people import populate
from campaigns.simulation.playing import Play
from campaigns.simulation.results import as_json, figures
from campaigns.simulation.scratch import copy_of, scratch_store
from campaigns.workspace.loader import Workspace, load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Enrolment, EnrolmentHistory, Message, Response

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
ENROLMENTS, RESPONSES, MESSAGES = table(Enrolment), table(Response), table(Message)
OPERATOR = Actor("operator", "test")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return load_workspace(Path(str(files("otklik") / "starter")))


async def _played(
    workspace: Workspace, *, days: int = 12, seed: int = 5, customers: int = 120, behaviour: Behaviour | None = None
) -> dict[str, Any]:
    behaviour = behaviour or Behaviour()
    async with scratch_store() as store:
        await populate(store, customers, seed, workspace.config, behaviour.reach, NOW)
        await apply(store, workspace, OPERATOR, NOW)
        play = Play(store, VirtualClock(NOW), behaviour, seed)
        until = NOW + timedelta(days=days)
        await play.run(until)
        async with store.read() as connection:
            return as_json(await figures(connection, NOW, until, customers=customers, seed=seed))


async def test_the_same_seed_plays_the_same_and_another_does_not(workspace: Workspace) -> None:
    first = await _played(workspace)
    assert first == await _played(workspace)
    other = await _played(workspace, seed=6)
    assert {**first, "seed": 0} != {**other, "seed": 0}


async def test_everybody_who_entered_comes_to_an_end_and_all_money_is_counted(workspace: Workspace) -> None:
    found = await _played(workspace, days=30)
    (campaign,) = found["campaigns"]
    assert campaign["entered"] == sum(campaign["outcomes"].values()) > 20
    assert not {"waiting", "held"} & set(campaign["outcomes"])
    assert sum(step["micros"] for step in campaign["steps"]) == sum(day["micros"] for day in found["days"])
    assert sum(sum(day["sent"].values()) for day in found["days"]) == sum(step["sent"] for step in campaign["steps"])
    assert sum(day["entered"] for day in found["days"]) == campaign["entered"]


async def test_silent_customers_get_every_step_and_scripts_replace_rates(workspace: Workspace) -> None:
    silent = Behaviour(rates={"email": {}})
    found = await _played(workspace, behaviour=silent, days=30)
    assert set(found["campaigns"][0]["outcomes"]) == {"exhausted"}
    always = Behaviour(rates={"*": {REPLY: 1.0}, "email": {REPLY: 1.0}, "sms": {REPLY: 1.0}})
    found = await _played(workspace, behaviour=always, days=30)
    assert set(found["campaigns"][0]["outcomes"]) <= {"answered", "exhausted"}
    assert found["campaigns"][0]["outcomes"]["answered"] > 20
    scripts = {f"sim-{number:06}": (Rule(Deed("order", 20.0), timedelta(hours=3)),) for number in range(120)}
    found = await _played(workspace, behaviour=Behaviour(scripts=scripts), days=30)
    outcomes = found["campaigns"][0]["outcomes"]
    assert set(outcomes) <= {"converted", "exhausted"}  # the latter can be reached nowhere
    assert outcomes["converted"] > 20


async def _delivered(store: Store, workspace: Workspace) -> list[Arrived]:
    """A store in which the first step has just reached everybody."""
    await populate(store, 60, 1, workspace.config, Behaviour().reach, NOW)
    await apply(store, workspace, OPERATOR, NOW)
    clock = VirtualClock(NOW)
    play = Play(store, clock, Behaviour(rates={"email": {}}))
    await play.run(NOW + timedelta(hours=1))
    async with store.read() as connection:
        rows = await connection.execute(
            select(
                MESSAGES.c.id, MESSAGES.c.customer_id, table(Customer).c.external_id, MESSAGES.c.enrolment_id,
                MESSAGES.c.campaign_id, MESSAGES.c.version, MESSAGES.c.step, MESSAGES.c.leg, MESSAGES.c.channel,
            )
            .join(table(Customer), table(Customer).c.id == MESSAGES.c.customer_id)
            .order_by(table(Customer).c.external_id)
        )  # fmt: skip
        return [
            Arrived(r.id, r.customer_id, r.external_id, r.enrolment_id, r.campaign_id, "winback", 1, r.version, r.step,
                    r.leg, r.channel)
            for r in rows
        ]  # fmt: skip


async def _state(store: Store) -> tuple[list[Any], list[Any], list[Any]]:
    """What came of it, in words that two stores share."""
    history, customers = table(EnrolmentHistory), table(Customer)
    async with store.read() as connection:
        journeys = await connection.execute(
            select(customers.c.external_id, ENROLMENTS.c.state, ENROLMENTS.c.reason, ENROLMENTS.c.closed_at)
            .join(customers, customers.c.id == ENROLMENTS.c.customer_id)
            .order_by(customers.c.external_id)
        )
        responses = await connection.execute(
            select(customers.c.external_id, RESPONSES.c.kind, RESPONSES.c.channel, RESPONSES.c.step,
                   RESPONSES.c.answered, RESPONSES.c.attributed_by)
            .join(customers, customers.c.id == RESPONSES.c.customer_id)
            .order_by(customers.c.external_id, RESPONSES.c.kind)
        )  # fmt: skip
        lines = await connection.execute(
            select(customers.c.external_id, history.c.event, history.c.step, history.c.detail)
            .join(ENROLMENTS, ENROLMENTS.c.id == history.c.enrolment_id)
            .join(customers, customers.c.id == ENROLMENTS.c.customer_id)
            .order_by(customers.c.external_id, history.c.id)
        )
        return [tuple(r) for r in journeys], [tuple(r) for r in responses], [tuple(r) for r in lines]


async def test_acts_in_a_batch_mean_what_single_ones_mean(workspace: Workspace) -> None:
    """Replies and clicks as the simulation writes them, beside the functions that the service calls."""
    at = NOW + timedelta(hours=2)
    async with scratch_store() as store:
        arrived = await _delivered(store, workspace)
        kinds = [(REPLY, CLICK)[place % 2] for place in range(len(arrived))]
        acts = [Act(m.customer_id, Deed(k), m, m.key) for m, k in zip(arrived, kinds, strict=True)]
        async with store.write() as connection:
            await act(connection, acts, await workspace_config(connection), at)
        batched = await _state(store)
    async with scratch_store() as store:
        arrived = await _delivered(store, workspace)
        for message, kind in zip(arrived, kinds, strict=True):
            async with store.write() as connection:
                config = await workspace_config(connection)
                if kind == CLICK:
                    await record_click(connection, message.id, "link", at=at, now=at)
                    continue
                found = await attribute_link(connection, message.id)
                credited = type(found)(**{**_fields(found), "by": "last_message"})
                since = config.attribution_window.before(at, zone_named(config.zone))
                await record_reply(
                    connection, key=message.key, customer_id=message.customer_id, channel=message.channel, at=at,
                    now=at, since=since, attribution=credited,
                )  # fmt: skip
        single = await _state(store)
    assert len(batched[1]) > 20
    assert batched == single


def _fields(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__slots__}


async def test_nothing_is_delivered_outside_its_window(workspace: Workspace) -> None:
    night = datetime(2026, 12, 1, 2, tzinfo=UTC)
    async with scratch_store() as store:
        await populate(store, 60, 1, workspace.config, Behaviour().reach, night)
        await apply(store, workspace, OPERATOR, night)
        play = Play(store, VirtualClock(night), Behaviour(rates={"email": {}}))
        await play.run(night + timedelta(minutes=1))
        assert not await deliver(store, night + timedelta(minutes=1))
        await play.run(night + timedelta(days=1))
        async with store.read() as connection:
            rows = (
                await connection.execute(select(MESSAGES.c.sent_at, MESSAGES.c.not_before, MESSAGES.c.not_after))
            ).all()
        assert rows
        assert all(row.not_before <= row.sent_at < row.not_after for row in rows if row.sent_at)


async def test_a_snapshot_leaves_the_real_store_as_it_was(store: Store, store_url: str, workspace: Workspace) -> None:
    async with store.session() as session:
        session.add(Customer(external_id="real", created_at=NOW, updated_at=NOW))
    async with copy_of(store, store_url) as copy:
        await apply(copy, workspace, OPERATOR, NOW)
        await Play(copy, VirtualClock(NOW), Behaviour()).run(NOW + timedelta(days=1))
        async with copy.read() as connection:
            names = list(await connection.scalars(select(table(Customer).c.external_id)))
        assert names == ["real"]
    async with store.read() as connection:
        assert (await connection.execute(ENROLMENTS.select())).first() is None
        assert await connection.run_sync(migrate.current_revision) == migrate.HEAD


def test_people_act_on_the_grid_and_never_before_the_message() -> None:
    for minutes in (0, 6, 7, 8, 36, 37, 38):
        at = NOW + timedelta(minutes=minutes)
        assert at <= on_grid(at) < at + timedelta(hours=1)
        assert on_grid(at).minute == 7
