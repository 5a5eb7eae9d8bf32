"""``otklik search``: the index behind the desk's search."""

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

app = typer.Typer(name="search", help="Look after the index behind the desk's search.", no_args_is_help=True)


@app.command("rebuild")
def rebuild() -> None:
    """Read all that customers and agents said into the index again; Otklik may run meanwhile.

    The index keeps up by itself: this is for a store that was changed by other hands.

    Example: otklik search rebuild
    """
    from otklik.running import run_async

    with plainly():
        messages = run_async(_rebuild())
    typer.echo(f"{counted(messages, 'message')} can be found")


@app.callback()
def _group() -> None:
    """A group with one command stays a group."""


async def _rebuild() -> int:
    from desk.search.indexing import rebuild as read_again
    from otklik.settings import load_settings
    from otklik.wiring import open_store

    async with open_store(load_settings()) as store:
        return await read_again(store)
