"""Reports and stories at the terminal, in the reader's language."""

from collections.abc import Callable, Mapping
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from campaigns.limits.budgets import OWN
from campaigns.limits.spending import Spending
from campaigns.reporting.reasons import reason_in_words
from campaigns.reporting.report import CampaignReport
from campaigns.reporting.story import Story
from campaigns.reporting.telling import in_words
from core.catalogue import listed, text
from core.money import Money
from core.naming import channel_named
from otklik.tallying import print_tallies

_NUMBERS = ("planned", "sent", "delivered", "read", "clicked", "replied", "failed", "unknown", "not_sent", "waiting")
_ALWAYS = frozenset({"planned", "sent", "delivered", "replied"})
_ORDER = ("answered", "converted", "exhausted", "exited", "waiting", "held")


def print_report(console: Console, report: CampaignReport, lang: str) -> None:
    """Print a campaign's report."""

    def say(key: str, **values: object) -> str:
        return text(lang, key, **values)

    console.print()
    console.rule(f"[bold]{escape(say('report.title', name=report.name, count=report.entered))}", align="left")
    for since, until in report.pauses:
        key = "report.paused" if until is None else "report.was_paused"
        console.print(f"[yellow]{escape(say(key, since=_minute(since), until=_minute(until or since)))}[/]")
    if report.stopped_everything_at is not None:
        console.print(f"[red]{escape(say('report.emergency', since=_minute(report.stopped_everything_at)))}[/]")
    shown = [name for name in _NUMBERS if name in _ALWAYS or any(getattr(row, name) for row in report.steps)]
    steps = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    steps.add_column(say("report.step"))
    steps.add_column(say("report.channel"))
    for name in shown:
        steps.add_column(say(f"report.{name}"), justify="right")
    for row in report.steps:
        leg = "" if row.leg == "main" else f" ({say('report.otherwise') if row.leg == 'otherwise' else row.leg})"
        numbers = [str(getattr(row, name)) if getattr(row, name) else "[dim]·[/]" for name in shown]
        steps.add_row(f"{row.step}{leg}", f"[bold]{channel_named(lang, row.channel)}[/]", *numbers)
    console.print(steps)
    _print_counts(
        console,
        say("report.outcomes"),
        {say(f"state.{state}"): report.outcomes[state] for state in _ORDER if state in report.outcomes},
    )
    if report.diverted:
        diverted = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for way in report.diverted:
            leg = "" if way.leg == "main" else f" ({say('report.otherwise')})"
            diverted.add_row(f"  {way.step}{leg}", reason_in_words(way.reason, lang), f"[bold]{way.customers}[/]")
        console.print(f"\n[dim]{say('report.diverted')}[/]")
        console.print(diverted)
    _print_counts(
        console, say("report.responses"), {say(f"response.{kind}"): n for kind, n in sorted(report.responses.items())}
    )
    if report.goal:
        amount = f" · {report.goal_amount}" if report.goal_amount else ""
        console.print(f"\n{say('report.goal', goal=report.goal)}: [bold]{report.goals_reached}[/]{amount}")
    _print_spending(console, report.spending, say, lang)
    print_tallies(console, report.tallies, say)


def _print_spending(console: Console, spending: Spending, say: Callable[..., str], lang: str) -> None:
    for key, sums in (("spent", spending.spent), ("reserved", spending.reserved), ("excess", spending.excess)):
        if sums:
            console.print(f"{say(f'report.{key}')}: [bold]{listed(lang, map(str, sums))}[/]")
    for state in spending.budgets:
        taken, amount = (Money(micros, spending.currency) for micros in (state.taken, state.limit.amount_micros))
        key = "own_budget" if state.limit.name.startswith(OWN) else "budget"
        console.print(escape(say(f"report.{key}", name=state.limit.name, taken=taken, amount=amount)))


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _print_counts(console: Console, title: str, counts: Mapping[str, int]) -> None:
    if not counts:
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    for label, number in counts.items():
        table.add_row(f"  {label}", f"[bold]{number}[/]")
    console.print(f"\n[dim]{title}[/]")
    console.print(table)


def print_story(console: Console, story: Story, lang: str) -> None:
    """Print one customer's journey."""
    state = text(lang, f"state.{story.state}")
    title = text(lang, "story.title", customer=story.customer, campaign=story.campaign, state=state)
    console.print(f"\n[bold]{escape(title)}[/] [dim](UTC)[/]")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for line in story.lines:
        table.add_row(f"{line.at:%Y-%m-%d %H:%M}", escape(in_words(line, lang)))
    console.print(table)
