"""``otklik chat``: talk to a flow in the terminal, as a customer on one of the channels would."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from bot.flows.talking import Talk
    from otklik.workspace import Whole


def chat(
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    channel: Annotated[str, typer.Option(help="Seen as on this channel: telegram, whatsapp, sms …")] = "telegram",
    locale: Annotated[str, typer.Option(help="What the customer reads; default: the workspace's.")] = "",
    script: Annotated[
        Path | None, typer.Option(help="What the customer types, one line each, in place of the keyboard.")
    ] = None,
) -> None:
    """Talk to a flow. Nothing is sent and nothing is stored; what the flow would do besides is told.

    Type what a customer would. A line of /wait 2h lets time go by, /file NAME sends a file, an empty line ends it.

    Example: otklik chat support shop --channel sms --locale ru
    """
    with plainly():
        talk = _talk(flow, folder, channel, locale)
        lines = script.read_text(encoding="utf-8").splitlines() if script is not None else None
        _tell(talk, talk.begin())
        while talk.is_open:
            line = _next(lines)
            if not line:
                typer.echo("the customer goes away")
                return
            if lines is not None:
                typer.secho(f"> {line}", fg=typer.colors.CYAN)
            _tell(talk, _said(talk, line))
    ended = talk.run.state.value.replace("_", " ") if talk.run is not None else ""
    typer.secho(f"the flow is over: {ended}", fg=typer.colors.GREEN)


def _talk(flow: str, folder: Path | None, channel: str, locale: str) -> "Talk":
    from bot.flows.builtin import BUILT_IN, built_in
    from bot.flows.effects import Facts
    from bot.flows.speaking import Surroundings
    from bot.flows.talking import Talk
    from core.clock import machine_now
    from core.installed import channel_names
    from core.reading.problems import did_you_mean
    from otklik.workspace import load_whole

    whole: Whole = load_whole(workspace_folder(folder))
    body = whole.flows.bodies.get(flow) or built_in(flow)
    if body is None:
        names = (*whole.flows.bodies, *BUILT_IN)
        near, known = did_you_mean(flow, names), ", ".join(names)
        raise typer.BadParameter(f"there is no flow {flow!r}{near or f' (there are: {known})'}")
    if channel not in channel_names():
        raise typer.BadParameter(f"{channel!r} is not a channel{did_you_mean(channel, channel_names())}")
    config = whole.workspace.config
    around = Surroundings(
        brand=config.brand, channel=channel, locale=locale or config.locale, default_locale=config.locale,
        currency=config.currency, zone=config.zone,
    )  # fmt: skip
    return Talk(body, Facts(around), machine_now())


def _next(lines: list[str] | None) -> str:
    """The next line of the script, or of the keyboard; empty where there is none."""
    if lines is not None:
        return lines.pop(0).strip() if lines else ""
    if sys.stdin.isatty():
        typer.secho("> ", fg=typer.colors.CYAN, nl=False)
    return sys.stdin.readline().strip()


def _said(talk: "Talk", line: str) -> list[str]:
    try:
        return talk.take(line)
    except ValueError as error:
        typer.echo(str(error), err=True)
        return []


def _tell(talk: "Talk", said: list[str]) -> None:
    for text in said:
        typer.echo(text)
        typer.echo()
    for note in talk.notes:
        typer.secho(f"  ({note})", dim=True)
    talk.notes.clear()
