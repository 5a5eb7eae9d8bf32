"""The command line: quick to answer, and every command shows how it is used."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from otklik.cli import app

HEAVY = (
    "aiogram",
    "twilio",
    "sqlalchemy",
    "sqlmodel",
    "babel",
    "alembic",
    "aiohttp",
    "fastapi",
    "phonenumbers",
    "mjml",
)


def _commands(group: click.Command | None = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    group = group or typer.main.get_command(app)
    inner = getattr(group, "commands", None)
    if inner is None:
        yield path
        return
    for name, command in inner.items():
        yield from _commands(command, (*path, name))


@pytest.mark.parametrize("path", list(_commands()), ids=" ".join)
def test_help_shows_an_example(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert told.exit_code == 0
    assert f"otklik {' '.join(path)}" in told.output.partition("Example:")[2]


def test_help_imports_nothing_heavy() -> None:
    """Help answers at once: what a command needs is imported when it runs."""
    program = (
        "import sys\nfrom otklik.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.stderr.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    assert "Usage" in told.stdout
    assert told.stderr == ""
