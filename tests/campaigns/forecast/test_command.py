"""``otklik plan`` at the command line: what it shows, and its exit code."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from otklik.cli import app


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> CliRunner:
    """A runner that stands beside a copy of the example workspace, ``shop``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTKLIK_DATABASE_URL", f"sqlite:///{tmp_path}/store.sqlite3")
    return CliRunner()


def test_the_exit_code_says_if_anything_changes(run: CliRunner, folder: Path) -> None:
    before = run.invoke(app, ["plan", "shop"])
    assert (before.exit_code, "campaign winback is new" in before.stdout) == (2, True)
    assert run.invoke(app, ["apply", "shop"]).exit_code == 0
    after = run.invoke(app, ["plan", "shop"])
    assert (after.exit_code, "Nothing: the store is as the folder says." in after.stdout) == (0, True)
    file = folder / "campaigns" / "winback.yaml"
    file.write_text(file.read_text().replace("wait: 3d", "wait: 4d"))
    changed = run.invoke(app, ["plan", "shop", "--campaign", "winback", "--lang", "ru"])
    assert (changed.exit_code, "шаг letter: wait 3d → 4d" in changed.stdout) == (2, True)


def test_problems_are_told_and_nothing_is_planned(run: CliRunner, folder: Path) -> None:
    (folder / "segments.yaml").write_text("dormant: {where: {evnt: order}}\n")
    told = run.invoke(app, ["plan", "shop"])
    assert (told.exit_code, told.stdout) == (1, "")
    assert "segments.yaml:1: 'evnt' begins no condition" in told.stderr


def test_a_campaign_that_is_not_there(run: CliRunner) -> None:
    told = run.invoke(app, ["plan", "shop", "--campaign", "winbak"])
    assert (told.exit_code, "the folder has no campaign 'winbak'" in told.stderr) == (1, True)


def test_what_several_campaigns_need_of_one_budget(run: CliRunner, folder: Path) -> None:
    config = folder / "otklik.yaml"
    config.write_text(f"{config.read_text()}\nbudgets: {{marketing: 300 GBP}}\n")
    first = folder / "campaigns" / "winback.yaml"
    first.write_text(f"budget: marketing\n{first.read_text()}")
    assert "Together" not in run.invoke(app, ["plan", "shop"]).stdout
    (folder / "campaigns" / "again.yaml").write_text(first.read_text().replace("campaign: winback", "campaign: again"))
    told = run.invoke(app, ["plan", "shop"]).stdout.partition("Together")[2]
    assert "Budget marketing: £0.00 of the £300.00 that are left" in told
