"""``otklik import``: customers and their histories out of files."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from rich.console import Console

    from storage.imports import ImportSummary, Inspection

app = typer.Typer(name="import", help="Bring customers and their histories in from files.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="CSV, TSV, JSON Lines or Parquet.", show_default=False)]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COLUMN", help="What a column means, where the guess is wrong. May be repeated."
    ),
]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="COLUMN", help="A column to leave out. May be repeated.")
]
Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="COLUMN", help="A column of digits that are no number, such as postcodes."),
]
Format = Annotated[str, typer.Option("--format", help="csv, jsonl or parquet; by default the file's ending tells.")]
Encoding = Annotated[str, typer.Option("--encoding", help="Such as cp1251; by default it is detected.")]
Delimiter = Annotated[str, typer.Option("--delimiter", help="One character (or: tab); by default it is detected.")]
Zone = Annotated[str, typer.Option("--zone", help="Time zone of times without one; by default the workspace's.")]
DateOrder = Annotated[str, typer.Option("--date-order", help="dmy or mdy: how 03/04/2026 is read.")]
Rejected = Annotated[
    Path | None, typer.Option("--rejected", help="Where rejected rows go; by default FILE.rejected.csv.")
]
DryRun = Annotated[bool, typer.Option("--guess", help="Show what the columns are taken for, and import nothing.")]


@app.command("customers")
def customers(
    file: File,
    *,
    mapping: Map = None,
    ignore: Ignore = None,
    text: Text = None,
    country: Annotated[str, typer.Option("--country", help="Two letters: where phone numbers without + are.")] = "",
    consent: Annotated[
        str,
        typer.Option("--consent", metavar="PURPOSE", help="Everyone in the file agreed to this, such as marketing."),
    ] = "",
    source: Annotated[str, typer.Option("--source", help="With --consent: where they agreed.")] = "",
    wording: Annotated[str, typer.Option("--wording", help="With --consent: the words they agreed to.")] = "",
    document: Annotated[
        str, typer.Option("--document", help="With --consent: the version of the text, such as privacy-2026-01.")
    ] = "",
    file_format: Format = "",
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    zone: Zone = "",
    date_order: DateOrder = "",
    rejected: Rejected = None,
    guess: DryRun = False,
) -> None:
    """Bring in customers with their addresses, by their id; repeating an import changes nothing.

    Consent comes from columns (consent_marketing, consent_email, …, consent_at, consent_source, consent_wording,
    consent_document) or from --consent; without either nobody is written to.

    Example: otklik import customers people.csv --country DE --map external_id="Kunden-Nr"
    """
    with plainly():
        told = _shared(locals())
        asyncio.run(_customers(file, told, country=country, consent=(consent, source, wording, document), guess=guess))


@app.command("events")
def events(
    file: File,
    *,
    mapping: Map = None,
    ignore: Ignore = None,
    text: Text = None,
    currency: Annotated[
        str, typer.Option("--currency", help="Of amounts without one; by default the workspace's.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What the events are, where no column tells.")] = "order",
    source: Annotated[
        str, typer.Option("--source", help="Where the events come from; their ids are unique within it.")
    ] = "import",
    unknown_customers: Annotated[
        str, typer.Option("--unknown-customers", help="create, or refuse the rows of customers who are not there.")
    ] = "create",
    file_format: Format = "",
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    zone: Zone = "",
    date_order: DateOrder = "",
    rejected: Rejected = None,
    guess: DryRun = False,
) -> None:
    """Bring in orders and other events, by their id; repeating an import changes nothing.

    Example: otklik import events orders.csv --currency EUR --date-order dmy
    """
    with plainly():
        told = _shared(locals())
        own = {"event_name": name, "source_name": source, "unknown_customers": _one_of(
            "--unknown-customers", unknown_customers, ("create", "refuse"))}  # fmt: skip
        asyncio.run(_events(file, told, own, currency=currency, guess=guess))


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    """The options of both commands as ``ImportOptions`` takes them."""
    from storage.imports import SourceOptions

    delimiter = {"tab": "\t", "\\t": "\t"}.get(given["delimiter"], given["delimiter"])
    return {
        "source": SourceOptions(given["file_format"].lower(), given["encoding"], delimiter),
        "mapping": _pairs(given["mapping"] or []),
        "ignore": tuple(given["ignore"] or ()),
        "text": tuple(given["text"] or ()),
        "zone": given["zone"],
        "date_order": _one_of("--date-order", given["date_order"], ("", "dmy", "mdy")),
        "rejected": given["rejected"],
    }


def _pairs(mapping: list[str]) -> dict[str, str]:
    from core.errors import Refused

    pairs: dict[str, str] = {}
    for item in mapping:
        field, mark, column = item.partition("=")
        if not mark or not field.strip() or not column.strip():
            raise Refused(f'--map {item}: write FIELD=COLUMN, such as --map email="E-Mail"')
        pairs[field.strip()] = column.strip()
    return pairs


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    from core.errors import Refused

    if value not in allowed:
        raise Refused(f"{option} {value}: write {' or '.join(filter(None, allowed))}")
    return value


async def _customers(
    file: Path, told: dict[str, Any], *, country: str, consent: tuple[str, str, str, str], guess: bool
) -> None:
    from core.errors import Refused
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from storage.imports import ConsentGrant, CustomerOptions, import_customers, inspect

    purpose, source, wording, document = consent
    if purpose and not (source and wording):
        raise Refused(
            "--consent needs its proof: --source (where they agreed) and --wording (the words they agreed to)"
        )
    if (source or wording or document) and not purpose:
        raise Refused("--source, --wording and --document belong to --consent PURPOSE")
    _one_of("--consent", purpose, ("", "marketing"))
    configuration = load_settings()
    grant = ConsentGrant(purpose, source, wording, document) if purpose else None
    own: dict[str, Any] = {"country": country, "telegram_scope": configuration.bot_id, "consent": grant}
    console = _console()
    seen = await inspect(file, "customers", CustomerOptions(**told))
    _show_guess(console, seen)
    if guess:
        return
    async with open_store(configuration) as store:
        told["zone"] = told["zone"] or (await _defaults(store))[0]
        options = CustomerOptions(**told, **own, now=make_clock(configuration).now())
        with _Bar(console) as bar:
            summary = await import_customers(store, file, options, bar)
    _show_summary(console, "customers", summary)


async def _events(file: Path, told: dict[str, Any], own: dict[str, Any], *, currency: str, guess: bool) -> None:
    from campaigns.responding.events import sweep_goals
    from campaigns.starting.events import start_by_imported
    from core.clock import machine_now
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from storage.imports import EventOptions, import_events, inspect

    configuration = load_settings()
    console = _console()
    seen = await inspect(file, "events", EventOptions(**told))
    _show_guess(console, seen)
    if guess:
        return
    async with open_store(configuration) as store:
        zone, home_currency = await _defaults(store)
        told["zone"] = told["zone"] or zone
        options = EventOptions(
            **told,
            **own,
            currency=currency or seen.columns.currency or home_currency,
            now=make_clock(configuration).now(),
        )
        began = machine_now()
        with _Bar(console) as bar:
            summary = await import_events(store, file, options, bar)
        now = make_clock(configuration).now()
        ended = await sweep_goals(store, now)
        started, left_out = await start_by_imported(store, options.source_name, began, now)
    if ended:
        console.print(f"{counted(ended, 'customer')} on a campaign reached its goal by these events.")
    if started:
        console.print(f"{counted(started, 'customer')} entered a campaign that these events start.")
    if left_out:
        console.print(
            f"Starts of campaigns that were left out, because their events are more than an hour old: {left_out:,}."
        )
    _show_summary(console, "events", summary)


async def _defaults(store: Any) -> tuple[str, str]:
    """The applied workspace's zone and currency; UTC and none before the first ``apply``."""
    from campaigns.live import workspace_config
    from core.errors import OtklikError

    try:
        async with store.read() as connection:
            config = await workspace_config(connection)
    except OtklikError:
        return "UTC", ""
    return config.zone, config.currency


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


class _Bar:
    """A progress bar over the file's bytes, at a terminal only."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.fields[rows]:>12,} rows"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task("import", total=None, rows=0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def __call__(self, progress: Any) -> None:
        self._progress.update(self._task, completed=progress.done, total=progress.total, rows=progress.summary.rows)


def _show_guess(console: "Console", seen: "Inspection") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{escape(seen.path.name)}: {seen.source.description}", title_justify="left")
    table.add_column("column")
    table.add_column("is taken for")
    for column in seen.columns.columns:
        meaning = escape(column.field) or "[dim]left out[/]"
        if column.field == "amount" and seen.columns.currency:
            meaning += f" in {seen.columns.currency}"
        if column.kind != "text":
            meaning += f" ({column.kind})"
        if column.told and column.field:
            meaning += " [dim]as you said[/]"
        table.add_row(escape(column.header), meaning)
    console.print(table)


def _show_summary(console: "Console", kind: str, summary: "ImportSummary") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False)
    lines = [
        ("rows read", summary.rows),
        (f"{kind} created", summary.created),
        ("updated", summary.updated),
        ("unchanged", summary.unchanged),
        ("rejected", summary.rejected),
    ]
    optional = [
        ("addresses refused", summary.addresses_refused),
        ("customers created for them", summary.customers_created),
        ("rows with the id of a row just before", summary.repeated),
    ]
    for name, count in lines + [line for line in optional if line[1]]:
        table.add_row(name, f"{count:,}")
    console.print(table)
    channels = Table(title="addresses in the store", title_justify="left")
    suppressed = sum(row.suppressed for row in summary.channels)
    for header in (
        "channel",
        "addresses",
        "reachable",
        "consenting to marketing",
        *["never written to"] * bool(suppressed),
    ):
        channels.add_column(header, justify="left" if header == "channel" else "right")
    for row in summary.channels:
        figures = (row.identities, row.reachable, row.consented, *[row.suppressed] * bool(suppressed))
        channels.add_row(row.channel, *(f"{figure:,}" for figure in figures))
    if summary.channels:
        console.print(channels)
        if suppressed:
            console.print(
                f"{counted(suppressed, 'address is', 'addresses are')} on the list of those never to be written to "
                "(erased, complained)."
            )
    else:
        console.print("The store holds no addresses yet: import customers with an email or phone column.")
    if summary.rejected_file is not None:
        console.print(f"Rejected rows and refused addresses, with reasons: {escape(str(summary.rejected_file))}")
        console.print("Mend them there and import that file.")
