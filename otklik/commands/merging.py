"""``otklik customer merge``, ``unmerge``, ``duplicates`` and ``distinct``: one person who is there twice."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.customers.duplicates import Likeness
    from campaigns.customers.merging import Merged
    from campaigns.customers.unmerging import Unmerged

Customer = Annotated[str, typer.Argument(help="External id, id, or an address.", metavar="CUSTOMER")]
_KINDS = {
    "phone": "the same number", "email": "the same mail address", "claimed": "one gave the other's address",
    "name_birthday": "name and birthday", "name_city": "name and town", "external_id": "nearly the same external id",
}  # fmt: skip


def merge(
    customer: Annotated[str, typer.Argument(help="Who goes: external id, id, or an address.", metavar="CUSTOMER")],
    into: Annotated[str, typer.Argument(help="Who stays.", metavar="INTO")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would move.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make two customers one: everything of CUSTOMER becomes INTO's; what INTO lacks is filled in.

    Of two open journeys through a campaign, of two promises of a product, the older stays. Old ids and links go on
    working. `otklik customer unmerge` makes them two again.

    Example: `otklik customer merge 1017 anna@example.org --dry-run`
    """
    from otklik.running import run_async

    with plainly():
        if dry_run:
            _tell_merged(run_async(_merge(customer, into, rehearse=True)), "Would move")
            return
        if not yes:
            typer.confirm(f"Make {customer} and {into} one customer, who stays {into}?", abort=True)
        done = run_async(_merge(customer, into, rehearse=False))
    _tell_merged(done, "Moved")
    typer.echo(f"They are one customer, {done.survivor_id}. To make them two again: otklik customer unmerge {done.id}")


def unmerge(
    merged: Annotated[str, typer.Argument(help="The merge's id, or the merged customer's id.", metavar="MERGE")],
) -> None:
    """Undo a merge: each has again what was theirs. What came since stays, unless it is about an address that goes.

    Example: `otklik customer unmerge 06h0652ko1o015m877dkan724s`
    """
    from otklik.running import run_async

    with plainly():
        done = run_async(_unmerge(merged))
    typer.echo(f"Two customers again: {done.customer_id} and {done.survivor_id}.")
    typer.echo(f"Put back: {_counted(done.restored)}.")
    if done.followed:
        typer.echo(f"Came since the merge and went with their addresses: {_counted(done.followed)}.")
    for (place, why), count in done.left.items():
        typer.echo(f"Not put back: {count:,} in {place} ({why}).")
    if done.journeys_stay_ended:
        typer.echo(
            counted(
                done.journeys_stay_ended, "journey that the merge ended stays", "journeys that the merge ended stay"
            )
            + " ended; their messages were cancelled."
        )


def duplicates(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many pairs at most.")] = 20,
) -> None:
    """List customers who may be one person, the likeliest first, with the reasons. Nobody is merged by likeness alone.

    Example: `otklik customer duplicates --limit 10`
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from otklik.running import run_async

    with plainly():
        found = run_async(_likely(limit))
    if not found:
        typer.echo("Nobody seems to be there twice.")
        return
    shown = Table("likely", "customer", "and", "because of", box=None)
    for pair in found:
        reasons = ", ".join(
            f"{_KINDS[kind]} ({shared})" if shared and not kind.startswith("name") else _KINDS[kind]
            for kind, shared in pair.reasons
        )
        shown.add_row(f"{pair.score:.0%}", *(escape(word) for word in (_who(pair.one), _who(pair.other), reasons)))
    Console(highlight=False).print(shown)
    typer.echo("The same? otklik customer merge ONE OTHER --dry-run. Two people? otklik customer distinct ONE OTHER")


def distinct(customer: Customer, other: Annotated[str, typer.Argument(metavar="OTHER")]) -> None:
    """Remember that two customers are not the same person: they are suggested no more.

    Example: `otklik customer distinct 1017 1018`
    """
    from otklik.running import run_async

    with plainly():
        run_async(_distinct(customer, other))
    typer.echo("They are two people, and not suggested any more.")


async def _merge(customer: str, into: str, *, rehearse: bool) -> "Merged":
    from campaigns.customers.merging import merge_customers
    from campaigns.reporting.story import find_customer
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        async with store.read() as connection:
            one, survivor = await find_customer(connection, customer), await find_customer(connection, into)
        now = make_clock(configuration).now()
        return await merge_customers(store, one, survivor, operator(), now, source="command line", rehearse=rehearse)


async def _unmerge(merged: str) -> "Unmerged":
    from campaigns.customers.unmerging import undo_merge
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        return await undo_merge(store, merged, operator(), make_clock(configuration).now())


async def _likely(limit: int) -> "list[Likeness]":
    from campaigns.customers.duplicates import likely_duplicates
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        return await likely_duplicates(connection, limit=limit)


async def _distinct(customer: str, other: str) -> None:
    from campaigns.customers.duplicates import keep_distinct
    from campaigns.reporting.story import find_customer
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.write() as connection:
        one, two = await find_customer(connection, customer), await find_customer(connection, other)
        await keep_distinct(connection, one, two, operator(), make_clock(configuration).now())


def _tell_merged(done: "Merged", verb: str) -> None:
    typer.echo(f"{verb}: {_counted(done.moved)}.")
    if done.journeys_ended:
        typer.echo(f"Younger of two journeys through a campaign, ended for good: {done.journeys_ended}.")
    if done.grants_ended:
        typer.echo(f"Younger of two promises of a product, ended: {done.grants_ended}.")
    if done.conversations_joined:
        typer.echo(f"Open conversations that became one: {done.conversations_joined}.")


def _counted(rows: Any) -> str:
    return ", ".join(f"{place.replace('_', ' ')} {count:,}" for place, count in rows.items()) or "nothing"


def _who(told: dict[str, Any]) -> str:
    name = f"{told['first_name']} {told['last_name']}".strip()
    return " ".join(filter(None, (name, f"({told['external_id'] or told['id']})")))
