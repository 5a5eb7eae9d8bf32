"""``otklik customer``: look at one customer, hand out what is held about them, erase them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from rich.console import Console

    from campaigns.customers.card import CustomerCard
    from campaigns.customers.erasing import Erased

app = typer.Typer(help="Look at one customer, hand out what is held about them, erase them.", no_args_is_help=True)
Customer = Annotated[str, typer.Argument(help="External id, id, or an address.", metavar="CUSTOMER")]


@app.command()
def show(customer: Customer) -> None:
    """Show who it is: addresses, consents with their proof, segments, journeys, the last events and messages.

    Example: `otklik customer show anna@example.org`
    """
    from rich.console import Console

    from otklik.running import run_async

    with plainly():
        card = run_async(_card(customer))
    _print(Console(highlight=False), card)


@app.command()
def export(
    customer: Customer,
    out: Annotated[Path | None, typer.Option("--out", help="A file; by default standard output.")] = None,
) -> None:
    """Hand out all that is held about a customer, as JSON: for them to read and take along (GDPR, articles 15 and 20).

    Example: `otklik customer export anna@example.org --out anna.json`
    """
    import orjson

    from core.errors import Refused
    from otklik.running import run_async

    with plainly():
        held = run_async(_held(customer))
        content = orjson.dumps(held, option=orjson.OPT_INDENT_2).decode()
        if out is None:
            typer.echo(content)
            return
        try:
            out.touch(mode=0o600)
            out.write_text(content + "\n", encoding="utf-8")
        except OSError as error:
            raise Refused(f"{out}: cannot be written: {error.strerror or error}") from None
    typer.echo(f"{counted(sum(map(len, held['held'].values())), 'row')}: {out}")


@app.command()
def erase(
    customer: Customer,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a customer out of the store for good. Amounts stay for the reports, under an id that leads to nobody.

    Their addresses stay as hashes, so that a later import does not write to them again. Backups that were made before
    still hold them: delete those in their time.

    Example: `otklik customer erase anna@example.org`
    """
    from otklik.running import run_async

    with plainly():
        name, rows = run_async(_about(customer))
        if not yes:
            typer.confirm(f"Erase {name} with {counted(rows, 'row')}, for good?", abort=True)
        done = run_async(_erase(customer))
    typer.echo(
        f"Erased. {counted(done.addresses, 'address stays as a hash', 'addresses stay as hashes')}, never to be "
        f"written to; {counted(done.journeys_ended, 'journey')} ended, "
        f"{counted(done.messages_cancelled, 'planned message')} cancelled."
    )
    if done.unknown:
        typer.echo(
            f"{counted(done.unknown, 'send is unknown and stays', 'sends are unknown and stay')} so: nobody can be "
            "asked about that any more."
        )


async def _card(wanted: str) -> "CustomerCard":
    from campaigns.customers.card import customer_card
    from campaigns.reporting.story import find_customer
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        return await customer_card(connection, await find_customer(connection, wanted))


async def _held(wanted: str) -> dict[str, Any]:
    from campaigns.customers.card import everything_held
    from campaigns.reporting.story import find_customer
    from otklik.settings import load_settings
    from otklik.wiring import RELEASE, make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store, store.read() as connection:
        held = await everything_held(connection, await find_customer(connection, wanted))
        return {"exported_at": make_clock(configuration).now().isoformat(), "otklik": RELEASE, "held": held}


async def _about(wanted: str) -> tuple[str, int]:
    from campaigns.customers.card import customer_card, everything_held
    from campaigns.reporting.story import find_customer
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        customer_id = await find_customer(connection, wanted)
        card = await customer_card(connection, customer_id)
        return _name(card), sum(map(len, (await everything_held(connection, customer_id)).values()))


async def _erase(wanted: str) -> "Erased":
    from campaigns.customers.erasing import erase_customer
    from campaigns.reporting.story import find_customer
    from otklik.commands.operator import operator
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    async with open_store(configuration) as store:
        async with store.read() as connection:
            customer_id = await find_customer(connection, wanted)
        return await erase_customer(store, customer_id, operator(), make_clock(configuration).now())


def _name(card: "CustomerCard") -> str:
    told = card.customer
    whole = f"{told['first_name']} {told['last_name']}".strip()
    return " ".join(filter(None, (whole, f"({told['external_id']})" if told["external_id"] else ""))) or told["id"]


def _print(console: "Console", card: "CustomerCard") -> None:
    from rich.markup import escape
    from rich.panel import Panel

    told = card.customer
    facts = [
        f"{label}: {escape(str(told[name]))}"
        for label, name in (
            ("id", "id"), ("language", "locale"), ("zone", "zone"), ("country", "country"), ("city", "city"),
            ("gender", "gender"), ("birthday", "birthday"), ("stage", "stage"),
        )
        if told[name]
    ]  # fmt: skip
    facts += [f"{escape(str(name))}: {escape(str(value))}" for name, value in sorted(told["attributes"].items())]
    facts.append(f"known since {told['created_at']:%Y-%m-%d}")
    facts += [
        f"was also {escape(one['external_id'] or one['id'])} until {one['at']:%Y-%m-%d}; two again: "
        f"otklik customer unmerge {one['id']}"
        for one in card.merged
    ]
    console.print(Panel("\n".join(facts), title=escape(_name(card)), title_align="left", expand=False))
    _table(console, "addresses", ("channel", "address", "reachable", "since"), [
        (one["channel"], one["address"],
         "never written to" if one["suppressed"] else "yes" if one["reachable"] else one["unreachable_reason"] or "no",
         f"{one['created_at']:%Y-%m-%d}")
        for one in card.identities
    ])  # fmt: skip
    headings = ("when (UTC)", "address", "purpose", "said", "source", "words", "document")
    _table(console, "consents, newest first", headings, [
        (f"{one['at']:%Y-%m-%d %H:%M}", one["address"] or "", one["purpose"], "yes" if one["granted"] else "no",
         one["source"], one["wording"], one["document"])
        for one in card.consents
    ])  # fmt: skip
    console.print(f"segments: {escape(', '.join(card.segments)) or 'none'}")
    _table(console, "journeys", ("campaign", "entered (UTC)", "state", "reason", "step"), [
        (one["campaign"], f"{one['entered_at']:%Y-%m-%d %H:%M}", str(one["state"].value), one["reason"], one["step"])
        for one in card.enrolments
    ])  # fmt: skip
    _table(console, f"last of {counted(card.counts['events'], 'event')}", ("when (UTC)", "event", "amount"), [
        (f"{one['at']:%Y-%m-%d %H:%M}", one["name"],
         "" if one["amount_micros"] is None else f"{one['amount_micros'] / 1_000_000:,.2f} {one['currency']}")
        for one in card.events
    ])  # fmt: skip
    messages = counted(card.counts["messages"], "message")
    _table(console, f"last of {messages}", ("when (UTC)", "", "channel", "state", "text"), [
        (f"{one['sent_at'] or one['created_at']:%Y-%m-%d %H:%M}", "→" if one["direction"] == "out" else "←",
         one["channel"], str(one["state"].value), (one["subject"] or " ".join(one["body"].split()))[:60])
        for one in card.messages
    ])  # fmt: skip


def _table(console: "Console", title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    if not rows:
        return
    shown = Table(*(Column(name, overflow="fold") for name in headings), title=title, title_justify="left", box=None)
    for row in rows:
        shown.add_row(*map(escape, row))
    console.print(shown)
