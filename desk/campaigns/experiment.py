"""The result of an experiment for a page: arms with their intervals, lifts, and the verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.experiments.arms import HOLDOUT, REVENUE, Arm
from campaigns.experiments.inference import Interval
from campaigns.experiments.results import ExperimentResult, Lift
from core.catalogue import listed, text
from core.money import MICRO, Money
from desk.campaigns.figures import Figures

WIDTH = 100.0
_ENDLESS = float("inf")


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on a scale from 0 to :data:`WIDTH`."""

    low: float
    high: float
    estimate: float


@dataclass(frozen=True, slots=True)
class ArmShown:
    """An arm as a page shows it; ``bar`` None where nothing can be said yet."""

    name: str
    entered: str
    reached: str
    figure: str
    between: str
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class LiftShown:
    """An arm against the holdout, in words; ``good`` True: better, False: worse, None: not proven."""

    arm: str
    difference: str
    relative: str
    brought: str
    good: bool | None


@dataclass(frozen=True, slots=True)
class Shown:
    """All of it."""

    title: str
    arms: Sequence[ArmShown]
    lifts: Sequence[LiftShown]
    verdict: Sequence[str]
    alarm: str


def shown(result: ExperimentResult, figures: Figures) -> Shown:
    """The result in the reader's language."""
    say = _Sayer(result, figures)
    arms = [*result.arms, *([result.holdout] if result.holdout is not None else [])]
    known = [say.interval(arm) for arm in arms]
    top = max((one.high for one in known if one.high < _ENDLESS), default=0.0)
    alarm = say.say("split", p=say.chance(result.split_p)) if result.split_is_off else ""
    return Shown(
        say.say("title", campaign=result.campaign, metric=say.say(f"metric.{result.metric}")),
        [say.arm(arm, top) for arm in arms],
        [say.lift(lift) for lift in result.lifts],
        say.verdict(),
        alarm,
    )


@dataclass(frozen=True, slots=True)
class _Sayer:
    result: ExperimentResult
    figures: Figures

    @property
    def is_money(self) -> bool:
        return self.result.metric == REVENUE

    def say(self, key: str, **values: object) -> str:
        return text(self.figures.language, f"experiment.{key}", **values)

    def name(self, arm: str) -> str:
        known = {HOLDOUT: "holdout", "": "everybody"}
        return self.say(known[arm]) if arm in known else arm

    def interval(self, arm: Arm) -> Interval:
        return arm.mean if self.is_money else arm.rate

    def write(self, value: float) -> str:
        return self.money(value) if self.is_money else self.figures.share(value)

    def money(self, amount: float) -> str:
        return self.figures.money(Money(round(amount * MICRO), self.result.currency))

    def arm(self, arm: Arm, top: float) -> ArmShown:
        figure, whole = self.interval(arm), self.figures.whole
        known = figure.high < _ENDLESS and arm.entered > 0
        between = self.say("to", low=self.write(figure.low), high=self.write(figure.high)) if known else ""
        bar = None
        if known and top > 0:
            low, high, middle = (max(one, 0.0) / top * WIDTH for one in (figure.low, figure.high, figure.estimate))
            bar = Bar(low, high, middle)
        estimate = self.write(figure.estimate) if arm.entered else "–"
        return ArmShown(self.name(arm.name), whole(arm.entered), whole(arm.reached), estimate, between, bar)

    def lift(self, lift: Lift) -> LiftShown:
        apart, brought = lift.difference, lift.brought
        step = self.step(apart.estimate)
        relative = self.figures.share(lift.relative, "+0%;-0%") if lift.relative is not None else ""
        said = self.say("relative", relative=relative) if relative else ""
        if not apart.high < _ENDLESS:
            return LiftShown(self.name(lift.arm), step, said, "", None)
        difference = self.say("lift", difference=step, low=self.bare(apart.low), high=self.bare(apart.high))
        whole = self.money if self.is_money else self.figures.whole
        parts = {"estimate": whole(brought.estimate), "low": whole(brought.low), "high": whole(brought.high)}
        kind = "amount" if self.is_money else "customers"
        brought_in = self.say(f"brought.{kind}", count=round(brought.estimate), **parts)
        good = (apart.low > 0) if apart.excludes_zero else None
        return LiftShown(self.name(lift.arm), difference, said, brought_in, good)

    def verdict(self) -> Sequence[str]:
        result, figures = self.result, self.figures
        if not any(arm.entered for arm in result.arms):
            return [self.say("unbegun")]
        date = figures.moment(result.verdict_at) if result.verdict_at is not None else ""
        weights = sorted((result.weights or {}).items())
        shares = listed(figures.language, (f"{name} {figures.share(share, '0%')}" for name, share in weights))
        winner, chance = self.name(result.winner), self.chance(result.p)
        lines = [self.say(result.verdict, date=date, arm=winner, p=chance, weights=shares or "–")]
        if result.verdict in ("early", "few") and result.needed is not None:
            fewest, lift = figures.whole(min(arm.entered for arm in result.arms)), figures.share(result.lift, "0%")
            lines.append(self.say("needed", count=result.needed, lift=lift, entered=fewest))
        return lines

    def chance(self, p: float | None) -> str:
        if p is None:
            return "–"
        decimal = self.figures.decimal
        return f"< {decimal(0.001, '0.000')}" if p < 0.001 else f"= {decimal(p, '0.000')}"

    def step(self, step: float) -> str:
        if self.is_money:
            return f"{self.bare(step)} {self.result.currency}".strip()
        return self.say("points", number=self.bare(step))

    def bare(self, step: float) -> str:
        if self.is_money:
            return self.figures.decimal(step, "+#,##0.00;-#,##0.00")
        return self.figures.decimal(step * 100, "+0.0;-0.0")
