"""Chats and rendering in a simulation: agents end what handoffs begin, and what cannot be said is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from bot.conversations import log_inbound
from bot.senders import Sender
from campaigns.applying import apply
from campaigns.composing.links import Addresses
from campaigns.definition import (
    Brand,
    CampaignBody,
    CampaignDefinition,
    FlowStep,
    FlowVersion,
    HandoffStep,
    Leg,
    SendStep,
    WaitStep,
    WebhookStep,
    WorkspaceConfig,
)
from campaigns.periods import Period
from campaigns.segments.reading import read_stored
from campaigns.simulation.behaviour import Behaviour, Chats, Delay, Reach
from campaigns.simulation.chats import write_in
from campaigns.simulation.people import populate
from campaigns.simulation.playing import Play
from campaigns.simulation.rendering import Rendering
from campaigns.simulation.results import CampaignFigures, figures
from campaigns.simulation.scratch import scratch_store
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.machines.conversation import ConversationState
from core.messages import EMAIL, Address, InboundMessage
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer, Identity, Message

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
OPERATOR = Actor("operator", "test")
EVERYBODY = Behaviour(rates={"*": {}}, reach=Reach({EMAIL: 1.0}, 1.0))
CONVERSATIONS, MESSAGES = table(Conversation), table(Message)


def _workspace(*steps: Any, text: str = "Subject: Hello\n\nHello. {{ links.unsubscribe }}") -> Workspace:
    definition = CampaignDefinition(name="hello", audience="everyone", steps=steps)
    return Workspace(
        config=WorkspaceConfig(brand=Brand(name="Shop"), zone="Europe/London", currency="GBP"),
        segments={"everyone": read_stored("everyone", {"where": {"field": "id", "is_set": True}})},
        campaigns={"hello": CampaignBody(definition=definition, templates={"t/email.txt": text})},
    )


def _send(name: str, wait: Period | None = None) -> SendStep:
    return SendStep(id=name, main=Leg(channel=EMAIL, template="t"), wait=wait)


async def _play(store: Store, workspace: Workspace, behaviour: Behaviour, *, render: bool = False) -> CampaignFigures:
    await populate(store, 5, 1, workspace.config, behaviour.reach, NOW)
    await apply(store, workspace, OPERATOR, NOW)
    clock = VirtualClock(NOW)
    rendering = Rendering(store, clock, Addresses("https://shop.example.com", "secret")) if render else None
    await Play(store, clock, behaviour, rendering=rendering).run(NOW + timedelta(days=10))
    async with store.read() as connection:
        found = await figures(connection, NOW, NOW + timedelta(days=10), customers=5, seed=0)
    return found.campaigns[0]


async def test_an_agent_resolves_what_a_handoff_opened_and_campaigns_hold_until_a_day_later() -> None:
    behaviour = Behaviour(
        rates={"*": {}}, reach=Reach({EMAIL: 1.0}, 1.0),
        chats=Chats(Delay(timedelta(minutes=10), timedelta(minutes=10)), Delay(timedelta(hours=4), timedelta(hours=4))),
    )  # fmt: skip
    steps = (HandoffStep(id="desk"), WebhookStep(id="hook", url="https://example.org/x"), _send("letter"))
    async with scratch_store() as store:
        found = await _play(store, _workspace(*steps), behaviour)
        async with store.read() as connection:
            chats = (await connection.execute(select(CONVERSATIONS))).all()
            sent = set(await connection.scalars(select(MESSAGES.c.sent_at)))
    assert {(chat.state.value, chat.agent, chat.resolved_at) for chat in chats} == {
        ("resolved", "simulation", NOW + timedelta(hours=4, minutes=10))
    }
    assert len(chats) == 5
    assert sent == {NOW + timedelta(hours=28, minutes=10)}
    assert found.asked == {"handoff": 5, "webhook": 5}
    assert found.outcomes == {"exhausted": 5}


async def test_a_journey_that_comes_to_a_send_during_a_chat_is_held_and_goes_on() -> None:
    behaviour = Behaviour(
        rates={"*": {}}, reach=Reach({EMAIL: 1.0}, 1.0),
        chats=Chats(Delay(timedelta(), timedelta()), Delay(timedelta(hours=30), timedelta(hours=30))),
    )  # fmt: skip
    wait = WaitStep(id="rest", period=Period(2, "h"))
    async with scratch_store() as store:
        found = await _play(store, _workspace(HandoffStep(id="desk"), wait, _send("letter")), behaviour)
    assert ("live_chat", "held", 5) in {(gate.gate, gate.verdict, gate.number) for gate in found.gates}
    assert found.outcomes == {"exhausted": 5}


async def test_a_message_that_cannot_be_rendered_is_refused_as_a_run_refuses_it() -> None:
    text = "Subject: Hello\n\n{% if customer.attributes.size > 3 %}Big{% endif %} {{ links.unsubscribe }}"
    async with scratch_store() as store:
        workspace = _workspace(_send("letter"), text=text)
        plain = await _play(store, workspace, EVERYBODY)
    assert plain.steps[0].sent == 5
    async with scratch_store() as store:
        found = await _play(store, workspace, EVERYBODY, render=True)
    assert (found.steps[0].sent, found.steps[0].not_sent) == (0, 5)
    (reason,) = found.refused
    assert reason.startswith("template: ")
    async with scratch_store() as store:
        whole = await _play(store, _workspace(_send("letter")), EVERYBODY, render=True)
        async with store.read() as connection:
            links = (await connection.exec_driver_sql("SELECT count(*) FROM links")).scalar_one()
    assert (whole.steps[0].sent, whole.refused, links) == (5, {}, 0)


async def test_it_says_which_talks_were_not_played() -> None:
    from rich.console import Console

    from campaigns.simulation.page import page
    from otklik.simulating import print_simulation

    plain = _workspace(_send("letter"))
    body = plain.campaigns["hello"]
    asks = body.definition.model_copy(update={"on_answer": (FlowStep(id="ask", flow=FlowVersion(name="nps")),)})
    workspace = replace(plain, campaigns={"hello": body.model_copy(update={"definition": asks})})
    async with scratch_store() as store:
        assert (await _play(store, plain, EVERYBODY)).unplayed == []
    async with scratch_store() as store:
        found = await _play(store, workspace, EVERYBODY)
        async with store.read() as connection:
            whole = await figures(connection, NOW, NOW + timedelta(days=10), customers=5, seed=0)
    assert found.unplayed == ["nps"]
    assert "Not played: the talk after the first words of nps" in page(whole, "en")
    console = Console(file=StringIO(), width=300)
    print_simulation(console, whole, "en")
    assert isinstance(console.file, StringIO)
    assert "Not played" in console.file.getvalue()


@pytest.mark.parametrize("before", ["nothing", "bot", "queued", "resolved"])
async def test_who_writes_in_a_simulation_opens_what_the_inbox_opens(before: str) -> None:
    """The batch beside the function that the service calls."""
    found = []
    for batched in (True, False):
        async with scratch_store() as store:
            config = _workspace(_send("letter")).config
            await populate(store, 1, 1, config, Reach({EMAIL: 1.0}, 1.0), NOW)
            at = NOW + timedelta(hours=1)
            async with store.write() as connection:
                customer = await connection.scalar(select(table(Customer).c.id))
                identity = await connection.scalar(select(table(Identity).c.id))
                if before != "nothing":
                    row = Conversation(
                        customer_id=customer, state=ConversationState(before), agent="ann", opened_at=NOW, last_at=NOW,
                        resolved_at=NOW if before == "resolved" else None,
                    )  # fmt: skip
                    await connection.execute(CONVERSATIONS.insert(), row.model_dump())
                if batched:
                    await write_in(connection, [(customer, EMAIL)], at)
                else:
                    inbound = InboundMessage("account", "1", Address(EMAIL, "x@example.org"), "")
                    config = WorkspaceConfig(brand=Brand(name="Paper Boat"))
                    context: Any = SimpleNamespace(received_at=at, now=at, config=config)
                    await log_inbound(connection, inbound, Sender(customer, identity, verified=True), context)
                columns = [column for column in CONVERSATIONS.c if column.name not in ("id", "customer_id", "channel")]
                found.append((await connection.execute(select(*columns))).all())
    assert found[0] == found[1]
    assert len(found[0]) == 1
