"""``otklik unknown``: sends whose outcome nobody knows, and settling them."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.ids import ID_LENGTH
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.operating.unknowns import UnknownSend, Verdict

PIPED_WIDTH = 240
"""Columns where no terminal says how wide it is: one line a message, so that it can be searched and cut."""

app = typer.Typer(
    help="List and settle sends that may or may not have left: Otklik never repeats them by itself.",
    no_args_is_help=True,
)


@app.command("list")
def list_() -> None:
    """List them, the oldest first.

    Example: `otklik unknown list`
    """
    from otklik.running import run_async

    with plainly():
        total, sends = run_async(_list())
    if not sends:
        typer.echo("No unknown sends: the outcome of every message is known.")
        return
    from rich.console import Console
    from rich.table import Column, Table

    # the id is what `settle` is given: it is never cut or broken, the rest may wrap
    headings = ("when (UTC)", "channel", "to", "customer", "campaign", "step", "why")
    ids = Column("message", no_wrap=True, min_width=ID_LENGTH)
    shown = Table(ids, *(Column(name, overflow="fold") for name in headings), box=None)
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for send in sends:
        when = send.sent_at.strftime("%Y-%m-%d %H:%M") if send.sent_at else ""
        step = f"{send.step} {send.leg}"
        shown.add_row(send.id, when, send.channel, send.address, send.customer, send.campaign, step, send.reason)
    console.print(shown)
    if total > len(sends):
        console.print(f"… and {total - len(sends)} more.")
    console.print("Ask the provider, then: otklik unknown settle MESSAGE --as sent|not-sent|resend")


@app.command()
def settle(
    messages: Annotated[list[str], typer.Argument(help="Message ids, as `otklik unknown list` shows them.")],
    as_: Annotated[
        str, typer.Option("--as", help="sent, not-sent (the journey goes on), or resend (a new try, all gates again).")
    ],
) -> None:
    """Say what became of unknown sends; all of them or none.

    Example: `otklik unknown settle 06h01mnh55o01b7tcrmh4tt140 --as sent`
    """
    from otklik.running import run_async

    verdicts: dict[str, Verdict] = {"sent": "sent", "not-sent": "not-sent", "resend": "resend"}
    if as_ not in verdicts:
        raise typer.BadParameter("write sent, not-sent or resend", param_hint="--as")
    with plainly():
        number = run_async(_settle(messages, verdicts[as_]))
    typer.echo(f"{number} settled as {as_}.")


async def _list() -> "tuple[int, list[UnknownSend]]":
    from campaigns.operating.unknowns import unknown_sends
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        return await unknown_sends(connection)


async def _settle(messages: list[str], verdict: "Verdict") -> int:
    import getpass

    from campaigns.operating.unknowns import settle as settle_sends
    from core.actors import Actor
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.write() as connection:
        actor = Actor("operator", getpass.getuser())
        return await settle_sends(connection, messages, verdict, actor, make_clock(configuration).now())
