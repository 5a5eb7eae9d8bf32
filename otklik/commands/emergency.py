"""``otklik emergency``: stop everything at once, and let it go again."""

from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.operating.emergency import EmergencyStop

app = typer.Typer(
    help="Stop every campaign at once. Answers to people who write still go; what has left cannot be called back.",
    no_args_is_help=True,
)


@app.command()
def stop(
    reason: Annotated[str, typer.Option("--reason", help="Why: it stands in the audit.")] = "",
) -> None:
    """Let no campaign's message leave from now on, not even one that is claimed already.

    Example: `otklik emergency stop --reason "wrong prices"`
    """
    from otklik.running import run_async

    with plainly():
        new = run_async(_stop(reason))
    typer.echo("Stopped: no campaign sends." if new else "The emergency stop stood already.")
    typer.echo("Lift it by: otklik emergency lift")


@app.command()
def lift() -> None:
    """End the emergency stop. What was held goes as its sending hours allow; what is too old is planned anew.

    Example: `otklik emergency lift`
    """
    from otklik.running import run_async

    with plainly():
        stood = run_async(_lift())
    if stood is None:
        typer.echo("There was no emergency stop.")
    else:
        why = f" ({stood.reason})" if stood.reason else ""
        typer.echo(f"Lifted what {stood.actor or 'somebody'} had stopped at {stood.at:%Y-%m-%d %H:%M} UTC{why}.")


async def _stop(reason: str) -> bool:
    from campaigns.operating.emergency import stop_everything
    from campaigns.operating.pausing import drain
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        async with store.write() as connection:
            new = await stop_everything(connection, operator(), reason, make_clock(configuration).now())
        await drain(store)
        return new


async def _lift() -> "EmergencyStop | None":
    from campaigns.operating.emergency import lift as lift_stop
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.write() as connection:
        return await lift_stop(connection, operator(), make_clock(configuration).now())
