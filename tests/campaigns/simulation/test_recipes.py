"""Every recipe in every language comes alive in a small town, each by itself and all of them together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.applying import apply
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.people import populate
from campaigns.simulation.playing import Play
from campaigns.simulation.reading import read_behaviour
from campaigns.simulation.results import CampaignFigures, figures
from campaigns.simulation.scratch import scratch_store
from campaigns.workspace.loader import Workspace, load_workspace
from core.actors import Actor
from core.catalogue import LANGUAGES
from core.clock import VirtualClock
from otklik.recipes import RECIPES, written_out

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
CUSTOMERS, LENGTH = 36, timedelta(days=32)
"""Long enough for what somebody bought to run out."""


def _read(folder: Path, recipe: str, lang: str) -> tuple[Workspace, Behaviour]:
    for path, text in written_out(recipe, lang):
        (folder / recipe / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / recipe / path).write_text(text, encoding="utf-8")
    workspace = load_workspace(folder / recipe)
    return workspace, read_behaviour(folder / recipe / "behaviour.yaml", workspace.segments)


async def _played(workspace: Workspace, behaviour: Behaviour) -> Sequence[CampaignFigures]:
    async with scratch_store() as store:
        await populate(store, CUSTOMERS, 3, workspace.config, behaviour.reach, NOW)
        await apply(store, workspace, Actor("operator", "test"), NOW)
        await Play(store, VirtualClock(NOW), behaviour, 3).run(NOW + LENGTH)
        async with store.read() as connection:
            return (await figures(connection, NOW, NOW + LENGTH, customers=CUSTOMERS, seed=3)).campaigns


def _alive(found: CampaignFigures) -> None:
    """Somebody came, and of every step something is known: messages that left, or what kept them."""
    assert found.entered > 0, f"nobody came into {found.name}"
    assert sum(found.outcomes.values()) == found.entered
    sent = sum(step.sent for step in found.steps)
    assert sent or found.gates or set(found.outcomes) - {"waiting"}, f"{found.name}: nothing was sent, nobody knows why"
    assert not found.refused


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_a_recipe_sends_to_a_small_town(recipe: str, lang: str, tmp_path: Path) -> None:
    (found,) = await _played(*_read(tmp_path, recipe, lang))
    _alive(found)
    assert sum(step.sent for step in found.steps) > 0


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_all_recipes_live_together(lang: str, tmp_path: Path) -> None:
    read = [_read(tmp_path, recipe, lang) for recipe in RECIPES]
    first, behaviour = read[0]
    town = replace(
        first,
        segments={name: segment for one, _ in read for name, segment in one.segments.items()},
        campaigns={name: body for one, _ in read for name, body in one.campaigns.items()},
    )
    together = replace(behaviour, shopping=tuple(habit for _, one in read for habit in one.shopping))
    campaigns = await _played(town, together)
    assert {found.name for found in campaigns} == set(RECIPES)
    for found in campaigns:
        _alive(found)
    gates = {gate.gate for found in campaigns for gate in found.gates}
    assert len(gates) > 2, "six campaigns at once stand in nobody's way"
