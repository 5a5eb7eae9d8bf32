"""A simulation's figures at the terminal, in the reader's language."""

from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from campaigns.reporting.reasons import reason_in_words
from campaigns.simulation.results import CampaignFigures, Day, SimulationFigures
from campaigns.simulation.talked import FlowFigures
from campaigns.simulation.telling import told_of_flow
from core.catalogue import listed, text
from core.money import Money
from core.naming import channel_named

MOST_DAYS = 45
"""Beyond that the days are weeks."""
_BAR, _WIDE = 24, 110
"""Columns of the longest bar, and those of a terminal that has room for bars."""


def print_simulation(console: Console, found: SimulationFigures, lang: str) -> None:
    """Print everything: day by day, then each campaign."""

    def say(key: str, **values: object) -> str:
        return text(lang, f"simulate.{key}", **values)

    console.print()
    names = listed(lang, (one.name for one in found.campaigns))
    console.rule(f"[bold]{escape(say('title', campaigns=names))}", align="left")
    begins, ends = f"{found.begins:%Y-%m-%d %H:%M}", f"{found.ends:%Y-%m-%d}"
    console.print(f"[dim]{escape(say('span', begins=begins, ends=ends, zone=found.zone, seed=found.seed))}[/]")
    if not any(one.entered for one in found.campaigns):
        console.print(f"\n{say('nobody')}")
        return
    _timeline(console, found, lang)
    for one in found.campaigns:
        _campaign(console, one, found.currency, lang)
    for flow in found.flows:
        _flow(console, flow, found.currency, lang)


def _timeline(console: Console, found: SimulationFigures, lang: str) -> None:
    days = [day for day in found.days if day.sent or day.entered or any(day.did.values())]
    if len(days) > MOST_DAYS:
        days = _weeks(found.days)
    kinds = [kind for kind in ("reply", "click", "conversion", "opt_out") if any(day.did.get(kind) for day in days)]
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column(text(lang, "simulate.day"), no_wrap=True, min_width=10)
    table.add_column(text(lang, "simulate.entered"), justify="right", overflow="fold")
    for name in found.channels:
        table.add_column(channel_named(lang, name), justify="right", min_width=5)
    for kind in kinds:
        table.add_column(text(lang, f"response.{kind}"), justify="right", overflow="fold")
    table.add_column(text(lang, "simulate.cost"), justify="right", overflow="fold")
    bars = console.width >= _WIDE
    if bars:
        table.add_column("", no_wrap=True, overflow="crop")
    most = max((sum(day.sent.values()) for day in days), default=0)
    for day in days:
        sent = sum(day.sent.values())
        numbers = [day.sent.get(name, 0) for name in found.channels] + [day.did.get(kind, 0) for kind in kinds]
        table.add_row(
            day.day.isoformat(), _number(day.entered), *(_number(number) for number in numbers),
            f"{day.micros / 1e6:,.2f}" if day.micros else "[dim]·[/]",
*([f"[cyan]{'█' * -(-sent * _BAR // most) if most else ''}[/]"] if bars else []),
        )  # fmt: skip
    console.print()
    console.print(table)


def _weeks(days: Sequence[Day]) -> list[Day]:
    """Seven days in one row, named by the first."""
    found = []
    for first in range(0, len(days), 7):
        part = days[first : first + 7]
        sent: dict[str, int] = {}
        did: dict[str, int] = {}
        for day in part:
            for name, number in day.sent.items():
                sent[name] = sent.get(name, 0) + number
            for kind, number in day.did.items():
                did[kind] = did.get(kind, 0) + number
        found.append(Day(part[0].day, sent, sum(day.entered for day in part), did, sum(day.micros for day in part)))
    return found


def _campaign(console: Console, one: CampaignFigures, currency: str, lang: str) -> None:
    def say(key: str, **values: object) -> str:
        return text(lang, f"simulate.{key}", **values)

    said = say("campaign", count=one.entered, cost=Money(one.micros, currency))
    console.print(f"\n[bold]{escape(one.name)}[/]: {escape(said)}")
    if one.unplayed:
        console.print(escape(say("unplayed", flows=listed(lang, one.unplayed))))
    heads = ("planned", "sent", "replied", "clicked", "failed", "not_sent", "waiting")
    shown = [name for name in heads if any(getattr(step, name) for step in one.steps)]
    steps = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("step", "channel"):
        steps.add_column(say(name))
    for name in (*shown, "cost"):
        steps.add_column(say(name), justify="right", overflow="fold")
    for step in one.steps:
        title = step.step if step.leg == "main" else f"{step.step} ({step.leg})"
        numbers = [_number(getattr(step, name)) for name in shown]
        steps.add_row(
            title, f"[bold]{channel_named(lang, step.channel)}[/]", *numbers, str(Money(step.micros, currency))
        )
    if one.steps:
        console.print(steps)
    rows = []
    for name, number in one.outcomes.items():
        state, _, reason = name.partition(": ")
        rows.append((f"{text(lang, f'state.{state}')}{f': {reason}' if reason else ''}", _number(number)))
    _pairs(console, say("outcomes"), rows)
    _pairs(
        console, say("gates"),
        [(f"{reason_in_words(gate.gate, lang)}: {say(f'verdict.{gate.verdict}')}", _number(gate.number))
         for gate in one.gates[:20]],
    )  # fmt: skip
    _pairs(console, say("asked"), [(say(f"asked.{kind}"), _number(number)) for kind, number in one.asked.items()])
    _pairs(console, say("refused"), [(why, _number(number)) for why, number in list(one.refused.items())[:10]])
    arms = []
    for arm in one.arms:
        title = " · ".join(part for part in (arm.name, say("held_out") if arm.held_out else "") if part) or "–"
        share = f"{arm.reached / arm.entered:.1%}" if arm.entered else ""
        arms.append((title, f"{arm.entered:,} · {say('reached')} {arm.reached:,} ({share})"))
    _pairs(console, say("arms"), arms)


def _flow(console: Console, one: FlowFigures, currency: str, lang: str) -> None:
    def money(micros: int) -> str:
        return str(Money(micros, currency)) if micros else ""

    entered = text(lang, "simulate.flow.entered")
    title = text(lang, "simulate.flow", flow=f"[bold]{escape(one.flow)}[/]")
    cost = f" · {text(lang, 'simulate.cost')} {escape(money(one.micros))}" if one.micros else ""
    console.print(f"\n{title}: {escape(entered)} {one.entered:,}{cost}")
    for section in told_of_flow(one, lang, money, partial(channel_named, lang)):
        rows = []
        for line in section.lines:
            more = f" · {line.more}" if line.more else ""
            rows.append((line.label, f"{_number(line.number)}{escape(more)}"))
        _pairs(console, section.title, rows)
    console.print(f"[dim]{escape(text(lang, 'simulate.flow.assumed'))}[/]")


def _pairs(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    if not rows:
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(justify="right", overflow="fold")
    for label, number in rows:
        table.add_row(f"  {escape(label)}", number)
    if title:
        console.print(f"[dim]{escape(title)}[/]")
    console.print(table)


def _number(number: int) -> str:
    return f"[bold]{number:,}[/]" if number else "[dim]·[/]"
