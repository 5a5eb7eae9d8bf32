"""``otklik plan`` as the terminal shows it, in every language, for the example workspace and for one with everything.

``OTKLIK_TEST_GOLDEN=write`` writes the files anew: read what changed before it is committed.
"""

import io
import os
from pathlib import Path

from rich.console import Console

from campaigns.applying import apply
from campaigns.forecast.planning import plan_workspace
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.catalogue import LANGUAGES
from core.clock import VirtualClock
from otklik.planning import print_plan
from storage.store import Store
from tests.campaigns.forecast.conftest import Shop
from tests.conftest import NOW

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = """
staff: {agents: 1, answers_per_hour: 1, reply_rate: 10%}
caps: [3/week]
budgets: {marketing: {amount: 300 GBP, per: month}}
"""
EVERYTHING = """
campaign: winback
audience: dormant
start: {cron: "0 10 1 * *", zone: customer}
reentry: after 6mo
goal: {event: order, within: 30d}
template: winback
edits: migrate
experiment: {holdout: 10%, metric: reply}
pace: 10/h
budget: {amount: 0.50 GBP, within: marketing}
steps:
  - send: best
    id: letter
    wait: 3d
  - task: call
    max: 2/day
    expires: 7d
  - send: sms
    id: nudge
    wait: 2d
"""


async def _compared(name: str, store: Store, workspace: Workspace) -> None:
    plan = await plan_workspace(store, workspace, NOW)
    for lang in LANGUAGES:
        screen = io.StringIO()
        print_plan(Console(file=screen, width=100, color_system=None, highlight=False), plan, lang)
        shown = "\n".join(line.rstrip() for line in screen.getvalue().splitlines()) + "\n"
        file = GOLDEN / f"{name}.{lang}.txt"
        if os.environ.get("OTKLIK_TEST_GOLDEN") == "write":
            file.parent.mkdir(exist_ok=True)
            file.write_text(shown)
        assert shown == file.read_text()


async def test_the_example_before_it_is_applied(town: Store, shop: Shop) -> None:
    await _compared("example", town, shop())


async def test_a_change_with_people_in_flight(town: Store, shop: Shop) -> None:
    await apply(town, shop(), Actor("operator", "ann"), NOW)
    await Scheduler(town, VirtualClock(NOW)).tick()
    await _compared("change", town, shop(EVERYTHING, SETTINGS))
