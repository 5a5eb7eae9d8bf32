"""The result of an experiment at the terminal, in the reader's language."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from campaigns.experiments.arms import HOLDOUT, REVENUE, Arm
from campaigns.experiments.inference import Interval
from campaigns.experiments.results import ExperimentResult, Lift
from core.catalogue import listed, text

_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def print_experiment(console: Console, result: ExperimentResult, lang: str) -> None:
    """Print what every arm came to, the lift against the holdout, and the verdict."""
    shown = _Shown(result, lang)
    metric = shown.say(f"metric.{result.metric}")
    console.print()
    title = escape(shown.say("title", campaign=result.campaign, metric=metric))
    console.rule(f"[bold]{title}", align="left")
    console.print(shown.arms())
    if result.lifts:
        console.print(f"\n[dim]{shown.say('lifts')}[/]")
        console.print(shown.lifts())
    console.print()
    for line in shown.verdict():
        console.print(line, highlight=False)
    if result.split_is_off:
        console.print(f"[bold red]{shown.say('split', p=shown.chance(result.split_p))}[/]", highlight=False)
    until = f"{result.counted_until:%Y-%m-%d %H:%M} UTC"
    console.print(f"[dim]{shown.say('counted', until=until)}[/]", highlight=False)


class _Shown:
    def __init__(self, result: ExperimentResult, lang: str) -> None:
        self._result = result
        self._lang = lang
        self._is_money = result.metric == REVENUE

    def say(self, key: str, **values: object) -> str:
        return text(self._lang, f"experiment.{key}", **values)

    def name(self, arm: str) -> str:
        known = {HOLDOUT: "holdout", "": "everybody"}
        return self.say(known[arm]) if arm in known else escape(arm)

    def arms(self) -> Table:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        table.add_column(self.say("arm"))
        for key in ("entered", "reached", "mean" if self._is_money else "share", "between"):
            table.add_column(self.say(key), justify="right")
        held = [self._result.holdout] if self._result.holdout is not None else []
        for arm in (*self._result.arms, *held):
            table.add_row(*self._row(arm))
        return table

    def _row(self, arm: Arm) -> tuple[str, ...]:
        figure = arm.mean if self._is_money else arm.rate
        write = self._money if self._is_money else self._percent
        between = self.say("to", low=write(figure.low), high=write(figure.high)) if _is_known(figure) else ""
        counts = self._number(arm.entered), self._number(arm.reached)
        return self.name(arm.name), *counts, f"[bold]{write(figure.estimate)}[/]", between

    def lifts(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for lift in self._result.lifts:
            table.add_row(f"  {self.name(lift.arm)}", *self._lift(lift))
        return table

    def _lift(self, lift: Lift) -> tuple[str, ...]:
        apart, brought = lift.difference, lift.brought
        if not _is_known(apart):
            return f"[bold]{self._step(apart.estimate)}[/]", "", ""
        steps = {"low": self._bare(apart.low), "high": self._bare(apart.high)}
        said = self.say("lift", difference=f"[bold]{self._step(apart.estimate)}[/]", **steps)
        relative = (
            "" if lift.relative is None else self.say("relative", relative=self._percent(lift.relative, "+0%;-0%"))
        )
        kind = "amount" if self._is_money else "customers"
        parts = {"estimate": brought.estimate, "low": brought.low, "high": brought.high}
        in_all = {key: self._money(value) if self._is_money else self._number(value) for key, value in parts.items()}
        return said, relative, self.say(f"brought.{kind}", count=round(brought.estimate), **in_all)

    def verdict(self) -> list[str]:
        result = self._result
        date = f"{result.verdict_at:%Y-%m-%d}" if result.verdict_at is not None else ""
        if not any(arm.entered for arm in result.arms):
            return [self.say("unbegun")]
        weights = sorted((result.weights or {}).items())
        shares = listed(self._lang, (f"{name} {self._percent(share, '0%')}" for name, share in weights))
        key = result.verdict
        chance = self.chance(result.p)
        said = self.say(key, date=date, arm=self.name(result.winner), p=chance, weights=shares or "–")
        lines = [f"[bold green]{said}[/]" if key == "winner" else said]
        if key in ("early", "few") and result.needed is not None:
            fewest = min(arm.entered for arm in result.arms)
            lift = self._percent(result.lift, "0%")
            lines.append(self.say("needed", count=result.needed, lift=lift, entered=self._number(fewest)))
        return lines

    def chance(self, p: float | None) -> str:
        if p is None:
            return "–"
        return f"< {self._decimal(0.001, '0.000')}" if p < 0.001 else f"= {self._decimal(p, '0.000')}"

    def _step(self, step: float) -> str:
        if self._is_money:
            return f"{self._bare(step)} {self._result.currency}".strip()
        return self.say("points", number=self._bare(step))

    def _bare(self, step: float) -> str:
        if self._is_money:
            return self._decimal(step, "+#,##0.00;-#,##0.00")
        return self._decimal(step * 100, "+0.0;-0.0")

    def _money(self, amount: float) -> str:
        return f"{self._decimal(amount, '#,##0.00')} {self._result.currency}".strip()

    def _number(self, number: float) -> str:
        return self._decimal(round(number), "#,##0")

    def _percent(self, share: float, form: str = "0.0%") -> str:
        from babel.numbers import format_percent

        return self._digits(format_percent(share, format=form, locale=self._lang))

    def _decimal(self, number: float, form: str) -> str:
        from babel.numbers import format_decimal

        return self._digits(format_decimal(number, format=form, locale=self._lang))

    def _digits(self, number: str) -> str:
        return number.translate(_PERSIAN) if self._lang == "fa" else number


def _is_known(interval: Interval) -> bool:
    return interval.high < float("inf")
