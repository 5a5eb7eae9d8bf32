"""Several campaigns that meet the same customers: the forecast is what the runner plans of all of them."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import func, select

from campaigns.applying import apply
from campaigns.forecast import entrances, foresight
from campaigns.forecast.displaced import displaced
from campaigns.forecast.planning import CampaignPlan, plan_workspace
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.playing import Play
from campaigns.workspace.loader import Workspace, load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from otklik.planning import print_plan
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Message
from tests.campaigns.forecast.conftest import Shop
from tests.conftest import NOW

MESSAGES, CAMPAIGNS = table(Message), table(Campaign)
SETTINGS = "staff: {agents: 1, reply_rate: 0%}\ncaps: [1/week]"
ONE = """campaign: {name}
audience: {audience}
priority: {priority}
template: winback
goal: order
{more}steps:
  - send: {channel}
    id: letter
    wait: 3d
    expires: 24h
"""


def two(shop: Shop, folder: Path, settings: str = SETTINGS, **second: Any) -> Workspace:
    """A first campaign to everybody, and a second one to some of them."""
    shop("", settings)
    for path in (folder / "campaigns").iterdir():
        path.unlink()
    with (folder / "segments.yaml").open("a") as stream:
        stream.write("everyone: {where: {field: id, is_set: true}}\n")
    named = {"audience": "dormant", "channel": "email", "more": ""}
    more = {"audience": "everyone", "more": second.get("more", "")}
    (folder / "campaigns" / "one.yaml").write_text(ONE.format(name="first", priority=2, **named | more))
    (folder / "campaigns" / "two.yaml").write_text(ONE.format(name="second", priority=1, **named | second))
    return load_workspace(folder)


async def plans(store: Store, workspace: Workspace, only: str = "") -> dict[str, CampaignPlan]:
    found = (await plan_workspace(store, workspace, NOW, only=only)).campaigns
    return {plan.body.definition.name: plan for plan in found}


def sends(plan: CampaignPlan) -> float:
    return round(sum(plan.tally.messages.values()), 6)


async def played(store: Store) -> Counter[str]:
    await Play(store, VirtualClock(NOW), Behaviour(rates={})).run(NOW + entrances.STREAM)
    async with store.read() as connection:
        rows = await connection.execute(
            select(CAMPAIGNS.c.name, func.count().label("number"))
            .join(MESSAGES, MESSAGES.c.campaign_id == CAMPAIGNS.c.id)
            .group_by(CAMPAIGNS.c.name)
        )
        return Counter({row.name: row.number for row in rows})


async def test_caps_are_shared_as_the_runner_shares_them(town: Store, shop: Shop, folder: Path) -> None:
    workspace = two(shop, folder)
    found = await plans(town, workspace)
    first, second = found["first"], found["second"]
    taken = displaced(second.tally, second.alone, weekly=False)
    assert not displaced(first.tally, first.alone, weekly=False)
    assert taken.fewer > 5
    assert taken.by == ["first"]
    assert all(reason.startswith("cap") for _, reason, _ in taken.gates)
    assert sends(second) == pytest.approx(sum(second.alone.messages.values()) - taken.fewer)
    assert sends((await plans(town, workspace, "second"))["second"]) == sends(second)
    await apply(town, workspace, Actor("operator", "ann"), NOW)
    assert await played(town) == Counter({name: sends(plan) for name, plan in found.items() if sends(plan)})


async def test_a_budget_is_spent_once(town: Store, shop: Shop, folder: Path) -> None:
    settings = "staff: {agents: 1, reply_rate: 0%}\nbudgets: {marketing: {amount: 0.02 GBP, per: month}}"
    found = await plans(town, two(shop, folder, settings, more="budget: marketing\n"))
    spent = [sum(plan.tally.cost.values()) for plan in found.values()]
    assert sum(spent) <= 20_000 < sum(sum(plan.alone.cost.values()) for plan in found.values())
    taken = displaced(found["second"].tally, found["second"].alone, weekly=False)
    assert taken.fewer >= 1
    assert any(reason.startswith("budget") for _, reason, _ in taken.gates)


async def test_a_small_sample_meets_those_whom_the_others_sample_left_out(
    town: Store, shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Companions: the first campaign's sample is of all, the second's are others of them."""
    workspace = two(shop, folder)
    all_of_them = (await plans(town, workspace))["second"]
    whole = displaced(all_of_them.tally, all_of_them.alone, weekly=False)
    for module in (entrances, foresight):
        monkeypatch.setattr(module, "SAMPLE", 15)
    seen = (await plans(town, workspace))["second"]
    some = displaced(seen.tally, seen.alone, weekly=False)
    assert some.fewer == pytest.approx(whole.fewer, rel=0.35)
    screen = io.StringIO()
    for lang in ("en", "ru", "fa"):
        print_plan(Console(file=screen, width=100), await plan_workspace(town, workspace, NOW), lang)
    assert "Because of other campaigns" in screen.getvalue()
    assert "Из-за других кампаний" in screen.getvalue()
    assert "به سبب کارزارهای دیگر" in screen.getvalue()
