"""``otklik report``: what a campaign did."""

from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.experiments.results import ExperimentResult
    from campaigns.reporting.report import CampaignReport


def report(
    campaign: Annotated[str, typer.Argument(help="The campaign's name; without it, every campaign.")] = "",
    lang: Annotated[str, typer.Option(help="Language of the report: en, ru or fa.")] = "en",
) -> None:
    """Show what was sent, delivered, answered, escalated and not sent, by step and channel.

    Example: `otklik report winback`
    """
    from rich.console import Console

    from otklik.experiment_report import print_experiment
    from otklik.reporting import print_report
    from otklik.running import run_async

    with plainly():
        reports = run_async(_reports(campaign))
    if not reports:
        typer.echo("No campaign was applied yet. Write one, then: otklik apply DIR")
    for found, experiment in reports:
        print_report(Console(), found, lang)
        if experiment is not None:
            print_experiment(Console(), experiment, lang)


async def _reports(campaign: str) -> "list[tuple[CampaignReport, ExperimentResult | None]]":
    from sqlalchemy import select

    from campaigns.experiments.results import result_if_any
    from campaigns.reporting.report import campaign_report
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from storage.outbox.columns import table
    from storage.tables import Campaign

    configuration = load_settings()
    campaigns, now = table(Campaign), make_clock(configuration).now()
    async with open_store(configuration) as store, store.read() as connection:
        names = [campaign] if campaign else sorted(await connection.scalars(select(campaigns.c.name)))
        return [
            (await campaign_report(connection, name, now=now), await result_if_any(connection, name, now))
            for name in names
        ]
