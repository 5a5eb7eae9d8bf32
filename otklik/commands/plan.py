"""``otklik plan``: what applying the folder would change, and what would come of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.forecast.planning import WorkspacePlan

CHANGES = 2
"""The exit code where applying the folder would change something."""


def plan(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    campaign: Annotated[str, typer.Option("--campaign", help="Only this one.", metavar="NAME")] = "",
    lang: Annotated[str, typer.Option(help="Language: en, ru or fa.")] = "en",
) -> None:
    """Say what applying a workspace would change, whom it would reach, what would be sent each week and what it costs.

    The forecast is the engine's own walk over your customers as they are now. Nothing is written. Exit code 0: nothing
    would change, 2: something would, 1: the workspace has problems.

    Example: otklik plan shop --campaign winback
    """
    from rich.console import Console

    from otklik.planning import print_plan
    from otklik.running import run_async

    with plainly():
        found = run_async(_plan(folder, campaign))
    print_plan(Console(highlight=False), found, lang)
    if found.changed:
        raise typer.Exit(CHANGES)


async def _plan(folder: Path | None, campaign: str) -> "WorkspacePlan":
    import asyncio

    from campaigns.composing.links import MessageLinks
    from campaigns.forecast.planning import plan_workspace
    from otklik.accounts import make_accounts, unserved_countries
    from otklik.settings import load_settings
    from otklik.wiring import addresses, make_clock, open_store
    from otklik.workspace import load_campaigns

    workspace = await asyncio.to_thread(lambda: load_campaigns(workspace_folder(folder)))
    configuration = load_settings()
    async with open_store(configuration) as store:
        return await plan_workspace(
            store,
            workspace,
            make_clock(configuration).now(),
            only=campaign,
            unserved=unserved_countries(make_accounts(configuration)),
            links=MessageLinks(addresses(configuration)),
        )
