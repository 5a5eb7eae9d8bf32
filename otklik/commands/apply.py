"""``otklik apply``, ``approve`` and ``versions``: from the folder to the store, and back to what was there before."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.operator import operator
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.applying import Applied, AppliedVersion

Who = Annotated[str, typer.Option("--as", help="Who does it; default: the user of this machine.", metavar="NAME")]


def apply(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    stop_removed: Annotated[
        bool, typer.Option("--stop-removed", help="Stop campaigns that are no longer in the folder.")
    ] = False,
    texts: Annotated[bool, typer.Option("--texts", help="Templates only; refuse if anything else differs.")] = False,
    campaign: Annotated[str, typer.Option("--campaign", help="Of which campaign --version is.", metavar="NAME")] = "",
    version: Annotated[
        int | None, typer.Option("--version", help="Take --campaign back to this version (see otklik versions).")
    ] = None,
    who: Who = "",
) -> None:
    """Check a workspace and bring the store to it, whole or not at all. Applying twice changes nothing.

    Example: otklik apply shop --dry-run
    """
    with plainly():
        if (version is None) != (not campaign):
            raise typer.BadParameter("--campaign and --version go together: --campaign winback --version 3")
        if version is not None:
            back = asyncio.run(_roll_back(campaign, version, who))
            typer.echo(f"campaign {campaign}: version {back.number} ({back.hash[:8]}), {back.standing}")
            return
        done = asyncio.run(_apply(folder, dry_run=dry_run, stop_removed=stop_removed, texts=texts, who=who))
    for change in done.changes:
        typer.echo(f"  {change}")
    if not done.changed:
        typer.echo("nothing to change: the store is as the folder says")
    else:
        typer.echo("nothing was written: --dry-run" if dry_run else "applied")


def approve(
    campaign: Annotated[str, typer.Argument(help="The campaign whose version waits.")], *, who: Who = ""
) -> None:
    """Put a version in force that another person applied, where the workspace says approval: true.

    Example: otklik approve winback --as maria
    """
    with plainly():
        version = asyncio.run(_approve(campaign, who))
    typer.echo(f"campaign {campaign}: version {version[:8]} is in force")


def versions(campaign: Annotated[str, typer.Argument(help="The campaign.")]) -> None:
    """List a campaign's versions: who applied and approved which, and when.

    Example: otklik versions winback
    """
    with plainly():
        found = asyncio.run(_versions(campaign))
    for one in found:
        approved = f", approved by {one.approved_by} {one.approved_at:%Y-%m-%d %H:%M}" if one.approved_at else ""
        told = f"applied by {one.applied_by} {one.applied_at:%Y-%m-%d %H:%M} UTC{approved}"
        typer.echo(f"{one.number:>3}  {one.hash[:8]}  {told}{f'  ({one.standing})' if one.standing else ''}")


async def _apply(folder: Path | None, *, dry_run: bool, stop_removed: bool, texts: bool, who: str) -> "Applied":
    from bot.flows.applying import FlowsPart
    from campaigns.applying import Applied, diff
    from campaigns.applying import apply as apply_workspace
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from otklik.workspace import load_whole

    whole = await asyncio.to_thread(lambda: load_whole(workspace_folder(folder)))
    parts = [FlowsPart(whole.flows)]
    configuration = load_settings()
    async with open_store(configuration) as store:
        if dry_run:
            return Applied(await diff(store, whole.workspace, stop_removed=stop_removed, parts=parts))
        now = make_clock(configuration).now()
        return await apply_workspace(
            store, whole.workspace, operator(who), now, stop_removed=stop_removed, texts_only=texts, parts=parts
        )


async def _roll_back(campaign: str, number: int, who: str) -> "AppliedVersion":
    from campaigns.applying import roll_back
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        return await roll_back(store, campaign, number, operator(who), make_clock(configuration).now())


async def _approve(campaign: str, who: str) -> str:
    from campaigns.applying import approve as approve_version
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        return await approve_version(store, campaign, operator(who), make_clock(configuration).now())


async def _versions(campaign: str) -> "list[AppliedVersion]":
    from campaigns.applying import versions_of
    from otklik.settings import load_settings
    from otklik.wiring import open_store

    async with open_store(load_settings()) as store, store.read() as connection:
        return await versions_of(connection, campaign)
