"""Every recipe in every language is a whole workspace: no problem, no warning, its own tests pass."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.rehearsal import read_cases, rehearse
from campaigns.simulation.reading import read_behaviour
from campaigns.workspace.loader import load_workspace
from core.catalogue import LANGUAGES
from core.reading.problems import Problems
from otklik.cli import app
from otklik.recipes import RECIPES, described

EVERY = [(recipe, lang) for recipe in RECIPES for lang in LANGUAGES]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shop"


@pytest.mark.parametrize(("recipe", "lang"), EVERY)
async def test_it_is_in_order_and_its_tests_pass(recipe: str, lang: str, folder: Path) -> None:
    made = CliRunner().invoke(app, ["init", str(folder), "--recipe", recipe, "--lang", lang])
    assert made.exit_code == 0, made.output
    workspace = load_workspace(folder)
    assert not workspace.warnings, "\n".join(map(str, workspace.warnings))
    assert workspace.config.locale.partition("-")[0] == lang
    problems = Problems()
    (node,) = workspace.tests.values()
    cases = read_cases(node, workspace.files[recipe], workspace.campaigns[recipe].definition, problems)
    problems.raise_if_any()
    assert len(cases) >= 3
    failed = [verdict async for verdict in rehearse(workspace, {recipe: cases}) if not verdict.passed]
    assert not failed
    behaviour = read_behaviour(folder / "behaviour.yaml", workspace.segments)
    assert set(behaviour.rates) >= {leg for step in workspace.campaigns[recipe].definition.steps
                                    for leg in [getattr(getattr(step, "main", None), "channel", "email")]}  # fmt: skip


def test_every_recipe_says_what_it_does_in_every_language(folder: Path) -> None:
    for lang in LANGUAGES:
        listed = CliRunner().invoke(app, ["init", "--recipe", "list", "--lang", lang])
        assert listed.exit_code == 0
        for name, description in described(lang):
            assert name in listed.output
            assert description in listed.output


def test_an_unknown_recipe_is_refused_with_a_near_miss(folder: Path) -> None:
    refused = CliRunner().invoke(app, ["init", str(folder), "--recipe", "welcom"])
    assert refused.exit_code == 1
    assert "did you mean 'welcome'" in refused.output
    assert not folder.exists()
