"""``otklik check``: everything that is wrong with a workspace, at once."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.reading.problems import Problem
    from campaigns.workspace.loader import Workspace


def check(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
) -> None:
    """Say what is wrong with a workspace, with file and line: what to write instead. Nothing is written.

    Problems keep it from being applied (exit code 1); warnings do not.

    Example: otklik check shop
    """
    from campaigns.reading.problems import WorkspaceInvalid
    from campaigns.workspace.loader import load_workspace
    from otklik.commands.problems import summary

    with plainly():
        where = workspace_folder(folder)
        shown = where if where.name else where.resolve().name
        try:
            workspace = load_workspace(where)
        except WorkspaceInvalid as error:
            _say(error.problems, error.warnings)
            found = summary(len(error.problems), len(error.warnings))
            typer.secho(f"{found} in {shown}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
    _say((), workspace.warnings)
    typer.echo(f"{shown} is in order: {_contents(workspace)}")


def _say(problems: "Sequence[Problem]", warnings: "Sequence[Problem]") -> None:
    from otklik.commands.problems import by_file, one_each

    if not sys.stdout.isatty():
        for line in one_each(problems, warnings):
            typer.echo(line)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for part in by_file(problems, warnings, console.width):
        console.print(part)


def _contents(workspace: "Workspace") -> str:
    from campaigns.templates.sources import file_parts
    from otklik.commands.problems import counted

    paths = [file_parts(path) for body in workspace.campaigns.values() for path in body.templates]
    languages = sorted({parts[1] for parts in paths if parts} - {""})
    parts = [counted(len(workspace.campaigns), "campaign"), counted(len(workspace.segments), "segment")]
    parts += [counted(len(workspace.offers), "offer")] if workspace.offers else []
    parts += [f"also in {', '.join(languages)}"] if languages else []
    parts += [counted(len(workspace.warnings), "warning")] if workspace.warnings else []
    return ", ".join(parts)
