"""The tables below a report: gates, arms, offers, tasks."""

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from campaigns.reporting.tallies import NO_ADDRESS, ArmRow, Tallies

Say = Callable[..., str]


def print_tallies(console: Console, tallies: Tallies, say: Say) -> None:
    """Print what there is; a table without rows is left out."""
    gates = [
        (
            say("reason.no_address.any" if row.gate == NO_ADDRESS else f"reason.{row.gate}"),
            row.stopped,
            row.deferred,
            row.diverted,
        )
        for row in tallies.gates
    ]
    _print(console, say, ("gates", "gate_stopped", "gate_deferred", "gate_diverted"), gates)
    arms = [(_arm(row, say), row.entered, row.answered, row.converted) for row in tallies.arms]
    _print(console, say, ("arms", "arm_entered", "arm_answered", "arm_converted"), arms)
    offers = [
        (row.offer, row.granted, row.redeemed, "" if row.codes_left is None else row.codes_left)
        for row in tallies.offers
    ]
    _print(console, say, ("offers", "granted", "redeemed", "codes_left"), offers)
    tasks = [(f"{row.step}: {row.kind}", row.open, row.done) for row in tallies.tasks]
    _print(console, say, ("tasks", "task_open", "task_done"), tasks)


def _arm(row: ArmRow, say: Say) -> str:
    variant = say("reason.variant", name=row.variant) if row.variant else say("report.everybody")
    return f"{variant}, {say('reason.held out')}" if row.held_out else variant


def _print(console: Console, say: Say, heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for place, head in enumerate(heads):
        table.add_column(escape(say(f"report.{head}")), justify="right" if place else "left")
    for first, *numbers in rows:
        shown = (str(number) if number or number == "" else "[dim]·[/]" for number in numbers)
        table.add_row(f"  {escape(str(first))}", *shown)
    if table.row_count:
        console.print()
        console.print(table)
