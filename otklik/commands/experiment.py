"""``otklik experiment``: what the variants of a campaign came to."""

from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.experiments.results import ExperimentResult

app = typer.Typer(name="experiment", help="Look at a campaign's experiment.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``show`` a word of its own while it is the only one."""


@app.command("show")
def show(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    lang: Annotated[str, typer.Option(help="Language: en, ru or fa.")] = "en",
) -> None:
    """Show every variant and the held out, with intervals; the winner, once the time that was set is over.

    Example: `otklik experiment show winback`
    """
    from rich.console import Console

    from otklik.experiment_report import print_experiment
    from otklik.running import run_async

    with plainly():
        result = run_async(_result(campaign))
    print_experiment(Console(), result, lang)


async def _result(campaign: str) -> "ExperimentResult":
    from campaigns.experiments.results import experiment_result
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    now = make_clock(configuration).now()
    async with open_store(configuration) as store, store.read() as connection:
        return await experiment_result(connection, campaign, now)
