"""Flows in a simulation: held against a tree that is known, and against the bot's own run with the same answers."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import select

from bot.flows.applying import FlowsPart
from bot.flows.simulated import SimulatedFlows
from campaigns.applying import apply
from campaigns.simulation.behaviour import REPLY, Behaviour, Deed, Delay, Reach, Rule, Talking
from campaigns.simulation.page import page
from campaigns.simulation.people import populate
from campaigns.simulation.playing import Play
from campaigns.simulation.results import SimulationFigures, as_json, figures
from campaigns.simulation.scratch import scratch_store
from core.actors import Actor
from core.clock import VirtualClock
from core.messages import SMS, TELEGRAM
from otklik.simulating import print_simulation
from otklik.workspace import load_whole
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import CustomerTag, Event, FlowRun, Hold, Message
from tests.bot.flows.campaign_stage import CampaignShop
from tests.bot.scene import Scene

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
SOON = Delay(timedelta(minutes=10), timedelta(hours=3))
CONFIG = """
brand: {name: Paper Boat, url: https://shop.example.com, postal_address: 1 Quay}
zone: UTC
locale: en
currency: EUR
channels: {telegram: {price: 0.001}, sms: {price: 0.05}}
"""
CAMPAIGN = """
campaign: survey
audience: everyone
steps:
  - {flow: stars, of: [CHANNEL], wait: 5d, until: [flow]}
"""
TREE = """
flow: stars
steps:
  - ask: stars
    type: choice
    say: How was it?
    choices: {low: Low, middle: Middle, high: High}
  - branch:
      - when: {answers.stars: {is: low}}
        steps:
          - ask: why
            say: What went wrong?
            no_answer: closing
          - tag: unhappy
          - handoff: true
            id: desk
      - when: {answers.stars: {is: high}}
        steps:
          - event: praised
            data: {stars: "{{ answers.stars }}"}
            then: end
      - else:
          - say: Thank you for telling us.
            id: thanks
            then: end
  - end: true
    id: closing
"""
ROUND = """
flow: stars
steps:
  - ask: stars
    type: choice
    say: How was it?
    choices: {low: Low, high: High}
    then: {low: stars}
  - end: true
"""


def _folder(path: Path, flow: str = TREE, channel: str = TELEGRAM, campaign: str = CAMPAIGN) -> Path:
    files = {
        "otklik.yaml": CONFIG, "segments.yaml": "everyone: {where: {field: id, is_set: true}}\n",
        "campaigns/survey.yaml": campaign.replace("CHANNEL", channel), "flows/stars.yaml": flow,
    }  # fmt: skip
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def _behaviour(talking: Talking, channel: str = TELEGRAM, **more: Any) -> Behaviour:
    """Everybody replies to the first words."""
    given: dict[str, Any] = {"rates": {"*": {REPLY: 1.0}}, "delays": {REPLY: SOON}, **more}
    return Behaviour(reach=Reach({channel: 1.0}, 1.0), flows={"stars": talking}, **given)


async def _play(store: Store, folder: Path, behaviour: Behaviour, customers: int) -> SimulationFigures:
    whole = load_whole(folder)
    await populate(store, customers, 1, whole.workspace.config, behaviour.reach, NOW)
    await apply(store, whole.workspace, Actor("operator", "test"), NOW, parts=[FlowsPart(whole.flows)])
    clock = VirtualClock(NOW)
    talks = SimulatedFlows(store, clock, behaviour, 1)
    until = NOW + timedelta(days=12)
    await Play(store, clock, behaviour, 1, talks=talks).run(until)
    async with store.read() as connection:
        return await figures(connection, NOW, until, customers=customers, seed=1, talks=talks)


def _ends(found: SimulationFigures) -> dict[tuple[str, str], int]:
    return {(end.state, end.step): end.number for end in found.flows[0].ends}


def _is_near(number: int, whole: int, share: float) -> bool:
    """Within three standard deviations of a binomial draw; the seed is fixed, so that it holds each time or never."""
    return abs(number - whole * share) <= 3 * sqrt(whole * share * (1 - share))


async def test_talks_end_as_the_tree_says(tmp_path: Path) -> None:
    customers = 240
    talking = Talking(abandons={"why": 0.2}, answers={"stars": {"low": 0.5, "high": 0.3}})
    async with scratch_store() as store:
        found = await _play(store, _folder(tmp_path), _behaviour(talking), customers)
        async with store.read() as connection:
            tagged = len((await connection.scalars(select(table(CustomerTag).c.tag))).all())
            praised = (await connection.execute(select(table(Event)).where(table(Event).c.name == "praised"))).all()
            holds = (await connection.execute(select(table(Hold)))).all()
    (flow,), stars = found.flows, found.flows[0].answers["stars"]
    low, middle, high = stars["low"], stars["middle"], stars["high"]
    assert (flow.flow, flow.entered, low + middle + high) == ("stars", customers, customers)
    assert _is_near(low, customers, 0.5)
    assert _is_near(middle, customers, 0.2)
    assert _is_near(high, customers, 0.3)
    explained = flow.answers["why"][""]
    assert _is_near(explained, low, 0.8)
    assert flow.silent == {"why": low - explained}
    ends = _ends(found)
    assert ends["handed_over", "desk"] == explained == tagged
    assert ends["finished", "closing"] == low - explained
    assert ends["finished", "thanks"] == middle
    assert sum(ends.values()) == customers
    assert len(praised) == high
    assert {row.properties["stars"] for row in praised} == {"high"}
    assert flow.asked == {"event": high, "handoff": explained}
    # "What went wrong?" to the low, "Thank you" to the middle; the first words are the campaign's
    assert [(one.channel, one.sent, one.micros) for one in flow.spoken] == [
        (TELEGRAM, low + middle, (low + middle) * 1000)
    ]
    assert found.campaigns[0].outcomes == {"answered": customers}, "until: flow, and all came to the end"
    assert found.campaigns[0].steps[0].replied == customers
    assert found.micros == sum(row.amount_micros for row in holds) == sum(day.micros for day in found.days)
    assert sum(day.sent[TELEGRAM] for day in found.days if day.sent) == customers + low + middle
    assert found.campaigns[0].unplayed == ()


async def test_whoever_never_answers_falls_silent_and_answers_no_step(tmp_path: Path) -> None:
    nobody = _behaviour(Talking(), rates={"*": {}})
    async with scratch_store() as store:
        found = await _play(store, _folder(tmp_path), nobody, 12)
    assert _ends(found) == {("silent", "stars"): 12}
    assert found.flows[0].silent == {"stars": 12}
    assert found.flows[0].spoken == ()
    assert found.campaigns[0].outcomes == {"exhausted": 12}


async def test_the_same_seed_plays_the_same(tmp_path: Path) -> None:
    talking = Talking(abandon=0.3)
    async with scratch_store() as one, scratch_store() as two:
        folder = _folder(tmp_path)
        first, second = [await _play(store, folder, _behaviour(talking), 25) for store in (one, two)]
    assert first == second
    assert len(first.flows[0].answers["stars"]) == 3, "everybody answered the same: it says little"


async def test_the_talks_are_told_in_every_language(tmp_path: Path) -> None:
    async with scratch_store() as store:
        found = await _play(store, _folder(tmp_path), _behaviour(Talking()), 6)
    for lang, title in (("en", "Flow stars"), ("ru", "Сценарий stars"), ("fa", "گفت‌وگوی خودکار stars")):
        assert title in page(found, lang)
        console = Console(file=StringIO(), width=200)
        print_simulation(console, found, lang)
        assert isinstance(console.file, StringIO)
        assert title in console.file.getvalue()
        assert "simulate.flow" not in console.file.getvalue(), "every text has its words"
    assert as_json(found)["flows"][0]["entered"] == 6


async def test_sms_are_counted_by_their_parts(tmp_path: Path) -> None:
    long = TREE.replace("Thank you for telling us.", "Thank you. " * 20)
    talking = Talking(answers={"stars": {"middle": 1.0}})
    async with scratch_store() as store:
        found = await _play(store, _folder(tmp_path, long, SMS), _behaviour(talking, SMS), 3)
    assert [(one.channel, one.sent, one.micros) for one in found.flows[0].spoken] == [(SMS, 3, 3 * 2 * 50_000)]


async def test_a_flow_that_goes_round_is_broken_off_and_told(tmp_path: Path) -> None:
    talking = Talking(abandon=0.0, answers={"stars": {"low": 1.0}})
    async with scratch_store() as store:
        found = await _play(store, _folder(tmp_path, ROUND), _behaviour(talking), 2)
    assert found.flows[0].circles == 2
    assert _ends(found) == {("left", "stars"): 2}


CALLS = """
flow: stars
steps:
  - ask: number
    say: Which order?
  - webhook: https://shop.example.com/order
    id: lookup
    into: parcel
    failed: sorry
  - say: Found it.
    id: fine
    then: end
  - say: We cannot look it up now.
    id: sorry
"""


@pytest.mark.parametrize(("share", "step"), [(0.0, "fine"), (1.0, "sorry")])
async def test_a_webhook_is_counted_and_answers_as_it_is_assumed(tmp_path: Path, share: float, step: str) -> None:
    talking = Talking(fails={"lookup": share})
    async with scratch_store() as store:
        found = await _play(store, _folder(tmp_path, CALLS), _behaviour(talking), 4)
    assert _ends(found) == {("finished", step): 4}
    assert found.flows[0].asked == {"webhook": 4}


SAID = {
    "to the person": ("1", "it came late"),
    "praise": ("high",),
    "by number and in words of no use, twice": ("7", "whatever", "Middle"),
    "never understood": ("no", "nope", "none"),
    "silent at the second question": ("low",),
    "to a person by the word": ("human",),
    "stopped": ("low", "menu", "middle"),
}


@pytest.mark.parametrize("said", list(SAID.values()), ids=list(SAID))
async def test_the_bot_comes_to_the_same_end_with_the_same_answers(
    scene: Scene, tmp_path: Path, said: tuple[str, ...]
) -> None:
    """Once by the simulation's script, once through the real bot: a person who types the same words."""
    shop = CampaignShop(scene, tmp_path / "real")
    person = await shop.person(SMS)
    campaign = CAMPAIGN.replace("CHANNEL", SMS)
    await shop.apply(campaign.replace("audience: everyone", "start: {event: order}"), stars=TREE)
    await shop.happens(person)
    await shop.settle()
    for text in said:
        await shop.write(SMS, text)
    await shop.wait(timedelta(days=7))
    (real,) = await shop.rows(FlowRun)
    real_said = [row.content["text"] for row in await shop.rows(Message, direction="out") if row.content]

    script = tuple(
        Rule(Deed(REPLY, says=text), timedelta(minutes=number), SMS, 1) for number, text in enumerate(said, 1)
    )
    async with scratch_store() as store:
        behaviour = _behaviour(Talking(), SMS, scripts={"sim-000000": script})
        await _play(store, _folder(tmp_path / "simulated", TREE, SMS), behaviour, 1)
        async with store.read() as connection:
            (run,) = (await connection.execute(select(table(FlowRun)))).all()
            rows = table(Message)
            messages = select(rows).where(rows.c.client_token.like("flow:%")).order_by(rows.c.id)
            played_said = [row.content["text"] for row in (await connection.execute(messages)).all()]
    assert (run.state, run.step, run.answers, run.tries) == (real.state, real.step, real.answers, real.tries)
    assert played_said == real_said
