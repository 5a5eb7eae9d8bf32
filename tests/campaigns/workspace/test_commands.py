"""init, check, apply, segment and schema at the command line: what a marketer sees."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from otklik.commands import apply, check, init, schema, segment


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A runner that stands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTKLIK_DATABASE_URL", f"sqlite:///{tmp_path}/store.sqlite3")
    return CliRunner()


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command("init")(init.init)
    app.command("check")(check.check)
    app.command("apply")(apply.apply)
    app.command("schema")(schema.schema)
    app.add_typer(segment.app)
    return app


def test_from_init_to_a_segment(run: CliRunner, tmp_path: Path) -> None:
    app = _app()
    assert run.invoke(app, ["init", "shop"]).exit_code == 0
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    made = (tmp_path / ".env").read_text()
    again = run.invoke(app, ["init", "shop"])
    assert (again.exit_code, "not empty" in again.stderr) == (1, True)
    assert (tmp_path / ".env").read_text() == made
    checked = run.invoke(app, ["check"])  # by OTKLIK_WORKSPACE in .env
    assert (checked.exit_code, "in order" in checked.stdout) == (0, True)
    assert "nothing was written" in run.invoke(app, ["apply", "shop", "--dry-run"]).stdout
    assert run.invoke(app, ["apply"]).stdout.endswith("applied\n")
    assert run.invoke(app, ["apply"]).stdout == "nothing to change: the store is as the folder says\n"
    assert "dormant" in run.invoke(app, ["segment", "list"]).stdout
    shown = run.invoke(app, ["segment", "show", "dormant", "--sql"])
    assert (shown.exit_code, "SELECT" in shown.stdout) == (0, True)
    wrong = run.invoke(app, ["segment", "show", "domant"])
    assert (wrong.exit_code, "did you mean 'dormant'?" in wrong.stderr) == (1, True)


def test_problems_are_listed_and_nothing_is_applied(run: CliRunner, tmp_path: Path) -> None:
    app = _app()
    run.invoke(app, ["init", "shop"])
    (tmp_path / "shop" / "segments.yaml").write_text("dormant: {where: {evnt: order}}\n")
    checked = run.invoke(app, ["check", "shop"])
    assert checked.exit_code == 1
    assert checked.stdout.startswith("segments.yaml:1: 'evnt' begins no condition; did you mean 'event'?\n")
    applied = run.invoke(app, ["apply", "shop"])
    assert (applied.exit_code, "segments.yaml:1:" in applied.stderr) == (1, True)
    assert not (tmp_path / "store.sqlite3").exists()


def test_schemas_are_json(run: CliRunner) -> None:
    for part in ("campaign", "workspace", "segments", "offers"):
        assert json.loads(run.invoke(_app(), ["schema", part]).stdout)["title"] == f"Otklik {part}"


@pytest.mark.parametrize(
    "command", [["init"], ["check"], ["apply"], ["schema"], ["segment", "list"], ["segment", "show"]]
)
def test_help_shows_an_example(run: CliRunner, command: list[str]) -> None:
    assert "Example: otklik" in run.invoke(_app(), [*command, "--help"]).stdout
