"""``otklik apply``: the only way from the folder to the store."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.apply import Applied


def apply(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    stop_removed: Annotated[
        bool, typer.Option("--stop-removed", help="Stop campaigns that are no longer in the folder.")
    ] = False,
) -> None:
    """Check a workspace and bring the store to it, whole or not at all. Applying twice changes nothing.

    Example: otklik apply shop --dry-run
    """
    with plainly():
        done = asyncio.run(_apply(folder, dry_run=dry_run, stop_removed=stop_removed))
    for change in done.changes:
        typer.echo(f"  {change}")
    if not done.changed:
        typer.echo("nothing to change: the store is as the folder says")
    else:
        typer.echo("nothing was written: --dry-run" if dry_run else "applied")


async def _apply(folder: Path | None, *, dry_run: bool, stop_removed: bool) -> "Applied":
    import getpass

    from campaigns.apply import Applied, diff
    from campaigns.apply import apply as apply_workspace
    from campaigns.workspace.loader import load_workspace
    from core.actors import Actor
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    workspace = await asyncio.to_thread(lambda: load_workspace(workspace_folder(folder)))
    configuration = load_settings()
    try:
        operator = getpass.getuser()
    except (KeyError, OSError):  # a container without a user name
        operator = ""
    async with open_store(configuration) as store:
        if dry_run:
            return Applied(await diff(store, workspace, stop_removed=stop_removed))
        now = make_clock(configuration).now()
        return await apply_workspace(store, workspace, Actor("operator", operator), now, stop_removed=stop_removed)
