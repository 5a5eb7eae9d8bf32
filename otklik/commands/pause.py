"""``otklik pause``, ``resume`` and ``stop``: let a campaign stand still, go on, or end."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.operating.pausing import Paused, Resumed

Name = Annotated[str, typer.Argument(help="The campaign's name.", metavar="CAMPAIGN")]


class CatchUpChoice(StrEnum):
    """What happens with what fell into the pause."""

    SHIFT = "shift"
    SPREAD = "spread"
    DROP = "drop"


def pause(campaign: Name) -> None:
    """Let a campaign stand still: nobody enters, nothing leaves, and its clocks are frozen.

    Example: `otklik pause winback`
    """
    from otklik.running import run_async

    with plainly():
        done = run_async(_pause(campaign))
    typer.echo(
        f"Paused: {counted(done.journeys, 'journey stands', 'journeys stand')} still, "
        f"{counted(done.messages, 'planned message waits', 'planned messages wait')}. "
        f"Go on: otklik resume {campaign}"
    )


def resume(
    campaign: Name,
    *,
    catch_up: Annotated[
        CatchUpChoice,
        typer.Option(
            "--catch-up",
            help="shift: everything comes later by the length of the pause. spread: so, too, and what is overdue is "
            "spread over --hours. drop: messages whose time has passed are not sent, the rest keeps its dates.",
        ),
    ] = CatchUpChoice.SHIFT,
    hours: Annotated[float, typer.Option("--hours", help="How long a spread lasts.", min=0.1, max=720)] = 6.0,
) -> None:
    """Let a paused campaign go on.

    Example: `otklik resume winback --catch-up spread --hours 12`
    """
    from otklik.running import run_async

    with plainly():
        done = run_async(_resume(campaign, catch_up.value, hours))
    paused = f"Resumed after {_words(done.length.total_seconds())}"
    if catch_up is CatchUpChoice.DROP:
        dropped = counted(done.dropped, "message whose time has passed is", "messages whose time has passed are")
        typer.echo(f"{paused}: {dropped} not sent.")
    else:
        journeys, messages = counted(done.journeys, "journey"), counted(done.messages, "planned message")
        typer.echo(f"{paused}: {journeys} and {messages} come later by that.")


def stop(
    campaign: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End a campaign before its time: everybody in flight exits, what was planned is cancelled. For good.

    Example: `otklik stop winback`
    """
    from otklik.running import run_async

    with plainly():
        if not yes:
            typer.confirm(f"Stop {campaign} for good? (`otklik pause {campaign}` only lets it stand still)", abort=True)
        ended = run_async(_stop(campaign))
    typer.echo(f"Stopped: {counted(ended, 'journey')} ended.")


async def _pause(name: str) -> "Paused":
    from campaigns.operating.pausing import drain
    from campaigns.operating.pausing import pause as pause_campaign
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        async with store.write() as connection:
            done = await pause_campaign(connection, name, operator(), make_clock(configuration).now())
        await drain(store)
        return done


async def _resume(name: str, catch_up: str, hours: float) -> "Resumed":
    from datetime import timedelta

    from campaigns.operating.pausing import CatchUp
    from campaigns.operating.pausing import resume as resume_campaign
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.unhurried() as connection:
        now = make_clock(configuration).now()
        return await resume_campaign(connection, name, operator(), now, CatchUp(catch_up), over=timedelta(hours=hours))


async def _stop(name: str) -> int:
    from campaigns.operating.pausing import drain
    from campaigns.operating.pausing import stop as stop_campaign
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        async with store.unhurried() as connection:
            ended = await stop_campaign(connection, name, operator(), make_clock(configuration).now())
        await drain(store)
        return ended


def _words(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return counted(round(seconds), "second")
