"""What ``otklik check`` prints, held against golden files: for a program that reads along, and at a terminal.

Written anew with ``OTKLIK_GOLDEN=write``; look at the difference before it is kept.
"""

import os
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from campaigns.workspace.loader import load_workspace
from core.reading.problems import WorkspaceInvalid
from otklik.commands.check import check
from otklik.commands.problems import by_file, summary

GOLDEN = Path(__file__).parent / "golden"


def held(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("OTKLIK_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "code"), [("broken", 1), ("warned", 0)])
def test_a_program_reads_one_line_each(name: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    app = typer.Typer()
    app.command()(check)
    done = CliRunner().invoke(app, [name])
    assert done.exit_code == code
    held(f"{name}.txt", done.stdout + done.stderr)


@pytest.mark.parametrize("name", ["broken", "warned"])
def test_a_person_reads_by_file(name: str) -> None:
    try:
        found: WorkspaceInvalid | None = None
        warnings = load_workspace(GOLDEN / name).warnings
    except WorkspaceInvalid as error:
        found, warnings = error, error.warnings
    written = StringIO()
    console = Console(file=written, width=100, highlight=False, no_color=True)
    for part in by_file(found.problems if found else (), warnings, console.width):
        console.print(part)
    held(f"{name}.terminal.txt", "".join(line.rstrip() + "\n" for line in written.getvalue().splitlines()))


def test_counts_are_english() -> None:
    assert [summary(1, 0), summary(2, 1), summary(0, 3)] == ["1 problem", "2 problems and 1 warning", "3 warnings"]
