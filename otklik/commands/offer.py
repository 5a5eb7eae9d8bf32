"""``otklik offer``: what campaigns promise, and the codes that are left to promise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.offers.listing import OfferState
    from campaigns.offers.stock import ImportedCodes

app = typer.Typer(
    help="Look at what campaigns promise and at the codes that are left; add codes.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The offer, as offers.yaml names it.", metavar="OFFER", show_default=False)]
File = Annotated[Path, typer.Argument(help="One code a line, or in the first column of a CSV.", show_default=False)]


@app.command("import")
def import_(offer: Name, file: File) -> None:
    """Add codes to an offer that gives each customer one of their own. Codes that are there already are left alone.

    Example: `otklik offer import winter-10 codes.txt`
    """
    from otklik.running import run_async

    with plainly(), _opened(file) as (lines, total):
        outcome, states = run_async(_import(offer, file, lines, total))
    state = states[offer]
    promised = {name: other for name, other in states.items() if other.offer is not None}
    hint = _near(offer, promised) or ": name it in offers.yaml and a campaign, then: otklik apply"
    typer.echo(f"{counted(outcome.new, 'new code')} for {offer}; free now: {state.free:,} of {state.codes:,}")
    if outcome.repeated:
        typer.echo(f"there already, or twice in {file.name}: {outcome.repeated:,}")
    for problem in outcome.problems:
        typer.secho(f"{file.name}: {problem}", err=True, fg=typer.colors.YELLOW)
    if outcome.refused > len(outcome.problems):
        typer.secho(
            f"… {counted(outcome.refused, 'line was', 'lines were')} refused in all", err=True, fg=typer.colors.YELLOW
        )
    if state.offer is None:
        typer.echo(f"No applied campaign promises {offer} yet{hint}")


@app.command("list")
def list_() -> None:
    """List every offer with its stock and grants.

    Example: `otklik offer list`
    """
    from otklik.running import run_async

    with plainly():
        states = run_async(_states())
    if not states:
        typer.echo("No offers: write offers.yaml, name one in a campaign (offer: …), then: otklik apply")
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(
        "offer", "product", "codes", "free", "granted", "in force", "campaigns", box=None, header_style="bold"
    )
    for state in states.values():
        shown.add_row(
            state.name,
            state.offer.product if state.offer else "",
            _codes(state),
            _free(state),
            f"{state.granted:,}",
            f"{state.grants.get('', 0):,}",
            ", ".join(state.campaigns) or "none applied",
        )
    Console(highlight=False).print(shown)


@app.command()
def show(offer: Name) -> None:
    """Show one offer: what it promises, its stock, what became of its grants.

    Example: `otklik offer show winter-10`
    """
    from core.errors import Refused
    from otklik.running import run_async

    with plainly():
        states = run_async(_states())
        if offer not in states:
            raise Refused(f"there is no offer {offer!r}{_hint(offer, states)}")
    state = states[offer]
    typer.echo(f"{state.name}: {state.offer.title or state.offer.product if state.offer else 'in no applied campaign'}")
    if state.offer is not None:
        valid = f", good for {state.offer.valid}" if state.offer.valid else ""
        typer.echo(f"one grant a customer for the product {state.offer.product}{valid}")
    typer.echo(f"codes: {_codes(state)}" + (f", free: {_free(state)} of {state.codes:,}" if state.codes else ""))
    ended = ", ".join(f"{word or 'in force'} {number:,}" for word, number in sorted(state.grants.items()))
    typer.echo(f"granted: {state.granted:,}" + (f" ({ended})" if ended else ""))
    typer.echo(f"campaigns: {', '.join(state.campaigns) or 'none applied'}")


def _codes(state: "OfferState") -> str:
    if state.offer is None:
        return "single" if state.codes else ""
    return {"unique": "single", "same": state.offer.code, "none": "none"}[state.offer.codes]


def _free(state: "OfferState") -> str:
    if not state.codes and (state.offer is None or state.offer.codes != "unique"):
        return ""
    return f"{state.free:,}" + (" LOW" if state.is_short else "")


def _hint(name: str, known: "dict[str, OfferState]") -> str:
    return _near(name, known) or "; otklik offer list shows all"


def _near(name: str, known: "dict[str, OfferState]") -> str:
    from core.reading.problems import did_you_mean

    return did_you_mean(name, known)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[TextIOWrapper, Callable[[int], int]]]:
    from core.errors import Refused

    try:
        with file.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig") as lines:
            size = file.stat().st_size
            # how many codes there are is guessed from how far the file was read
            yield lines, lambda done: done * size // max(1, raw.tell())
    except OSError as error:
        raise Refused(f"{file}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Refused(f"{file}: this is no UTF-8 text; save it as plain text with one code a line") from None


async def _states() -> "dict[str, OfferState]":
    from campaigns.offers.listing import offer_states
    from otklik.settings import load_settings
    from otklik.wiring import open_store

    async with open_store(load_settings()) as store, store.read() as connection:
        return await offer_states(connection)


async def _import(
    offer: str, file: Path, lines: TextIOWrapper, total: Callable[[int], int]
) -> "tuple[ImportedCodes, dict[str, OfferState]]":
    from rich.console import Console

    from campaigns.offers.listing import offer_states
    from campaigns.offers.stock import import_codes
    from campaigns.reading.names import name
    from core.errors import Refused
    from otklik.commands.operator import operator
    from otklik.commands.progress import RowsBar
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    try:
        name(offer)
    except ValueError as error:
        raise Refused(str(error)) from None
    configuration = load_settings()
    async with open_store(configuration) as store:
        async with store.read() as connection:
            known = (await offer_states(connection)).get(offer)
        if known is not None and known.offer is not None and known.offer.codes != "unique":
            raise Refused(f"offer {offer} hands out no single codes; write codes: unique for it in offers.yaml")
        with RowsBar(Console(stderr=True), file.name) as bar:
            outcome = await import_codes(
                store,
                offer,
                lines,
                now=make_clock(configuration).now(),
                actor=operator(),
                progress=lambda done: bar(done, total(done)),
            )
        async with store.read() as connection:
            states = await offer_states(connection)
        if offer not in states:
            raise Refused(f"{file}: there is no code in it; write one a line")
        return outcome, states
