"""``otklik answers``: what the bot would answer and why, what it had no answer to, what its answers came to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.counting import counted
from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from bot.answers.index import Index
    from bot.answers.unanswered import Tally, Unanswered

app = typer.Typer(help="Try what the bot answers; list what it had no answer to.", no_args_is_help=True)
Days = Annotated[int, typer.Option("--days", help="How many days to look back.", min=1, max=3650)]


@app.command("try")
def try_(
    question: Annotated[str, typer.Argument(help="A question as a customer writes it.", show_default=False)],
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    locale: Annotated[str, typer.Option("--locale", help="What the customer reads.", metavar="LOCALE")] = "",
    applied: Annotated[bool, typer.Option("--applied", help="The answers in force, not the folder's.")] = False,
) -> None:
    """Say what would be answered to a question, and why: how sure each answer is. Nothing is written or sent.

    Example: otklik answers try "Where is my parcel?"
    """
    from bot.answers.index import THRESHOLD
    from bot.answers.looking import look_up
    from core.formatting import plain
    from core.marks import parsed
    from otklik.running import run_async

    with plainly():
        index = run_async(_applied()) if applied else _of_folder(workspace_folder(folder))
    if not len(index):
        where = "otklik apply brings them from answers/" if applied else "write some: answers/delivery.md"
        typer.echo(f"There are no answers; {where}")
        raise typer.Exit(1)
    finding = look_up(index, question, locale)
    if finding.best is not None:
        typer.secho(f"{finding.best.id} ({finding.best.locale})", bold=True)
        typer.echo(plain(parsed(finding.best.body)))
        typer.echo("")
    else:
        said = "no answer is sure enough; a person is asked" if finding.words else "this asks nothing"
        typer.secho(said, fg=typer.colors.YELLOW)
    if finding.found:
        from rich.console import Console
        from rich.table import Table

        shown = Table("sure", "answer", "in", "spoken of", "near", "nearest way to ask", "by the words", box=None)
        for one in finding.found:
            shown.add_row(
                f"{one.score:.0%}", one.answer.id, one.answer.locale, f"{one.covered:.0%}", f"{one.nearness:.0%}",
                one.nearest, " ".join(word for word in one.words if not word.startswith("?")),
            )  # fmt: skip
        Console(highlight=False, markup=False).print(shown)
        typer.echo(f"An answer is given from {THRESHOLD:.0%} on.")


@app.command()
def unanswered(
    *,
    days: Days = 90,
    language: Annotated[str, typer.Option("--language", help="Only questions in it.", metavar="LANGUAGE")] = "",
    limit: Annotated[int, typer.Option("--limit", help="How many at most.", min=1, max=1000)] = 30,
) -> None:
    """List what customers asked and got no answer to, or none that helped; alike questions together, most asked first.

    Example: otklik answers unanswered --days 30 --language ru
    """
    from otklik.running import run_async

    with plainly():
        found = run_async(_unanswered(days, language, limit))
    if not found:
        typer.echo(f"Nothing was left unanswered in the last {counted(days, 'day')}.")
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table("asked", "by", "not helped", "in", "on", "last", "question", "nearest answer", box=None)
    for one in found:
        nearest = f"{one.nearest} ({one.certainty}%)" if one.nearest else ""
        shown.add_row(
            f"{one.times:,}", f"{one.customers:,}", f"{one.not_helped:,}" if one.not_helped else "", one.language,
            ", ".join(one.channels), f"{one.last_at:%Y-%m-%d}", one.question, nearest,
        )  # fmt: skip
    Console(highlight=False, markup=False).print(shown)


@app.command("list")
def list_(*, days: Days = 90) -> None:
    """List the answers that were given, with how often they helped.

    Example: otklik answers list --days 30
    """
    from otklik.running import run_async

    with plainly():
        found = run_async(_tallies(days))
    if not found:
        typer.echo(f"No answer was given in the last {counted(days, 'day')}.")
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table("answer", "given", "helped", "did not", "last", box=None)
    for one in found:
        shown.add_row(one.answer, f"{one.said:,}", f"{one.helped:,}", f"{one.not_helped:,}", f"{one.last_at:%Y-%m-%d}")
    Console(highlight=False, markup=False).print(shown)


def _of_folder(folder: Path) -> "Index":
    from bot.answers.index import Index
    from campaigns.workspace.loader import load_workspace

    return Index.build(load_workspace(folder).answers)


async def _applied() -> "Index":
    from bot.answers.live import LiveAnswers
    from otklik.settings import load_settings
    from otklik.wiring import open_store

    async with open_store(load_settings()) as store:
        return await LiveAnswers().refresh(store)


async def _unanswered(days: int, language: str, limit: int) -> "list[Unanswered]":
    from datetime import timedelta

    from bot.answers.unanswered import unanswered as questions
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.read() as connection:
        since = make_clock(configuration).now() - timedelta(days=days)
        return await questions(connection, since, language=language, limit=limit)


async def _tallies(days: int) -> "list[Tally]":
    from datetime import timedelta

    from bot.answers.unanswered import tallies
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.read() as connection:
        return await tallies(connection, make_clock(configuration).now() - timedelta(days=days))
