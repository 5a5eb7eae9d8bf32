"""``otklik check``: everything that is wrong with a workspace, at once."""

from pathlib import Path
from typing import Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly


def check(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
) -> None:
    """Say what is wrong with a workspace, as file:line: what to write instead. Nothing is written.

    Example: otklik check shop
    """
    from campaigns.reading.problems import WorkspaceInvalid
    from campaigns.workspace.loader import load_workspace

    with plainly():
        where = workspace_folder(folder)
        try:
            workspace = load_workspace(where)
        except WorkspaceInvalid as error:
            for problem in error.problems:
                typer.echo(str(problem))
            count = len(error.problems)
            typer.secho(f"{count} problem{'s' if count != 1 else ''} in {where}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
    files = [_locale(path) for body in workspace.campaigns.values() for path in body.templates]
    languages = sorted(set(files) - {""})
    typer.echo(
        f"{where} is in order: {len(workspace.campaigns)} campaigns, {len(workspace.segments)} segments"
        + (f", also in {', '.join(languages)}" if languages else "")
    )


def _locale(path: str) -> str:
    from campaigns.templates.sources import file_parts

    parts = file_parts(path)
    return parts[1] if parts else ""
