"""The result of an experiment as JSON: what the terminal's report says of it, in figures."""

from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any

from campaigns.experiments.arms import HOLDOUT, REVENUE, Arm
from campaigns.experiments.inference import CONFIDENCE, Interval
from campaigns.experiments.results import ExperimentResult, Lift

Figure = Callable[[float], float | str]
_CENT = Decimal("0.01")


def experiment_out(result: ExperimentResult) -> dict[str, Any]:
    """Arms with their intervals, lifts against the holdout, and the verdict.

    Shares are numbers between 0 and 1, amounts (of metric ``revenue``) are decimal text; a bound that nobody knows yet
    is null. An arm's name is empty where there are no variants.
    """
    figure: Figure = _amount if result.metric == REVENUE else _share
    held = [result.holdout] if result.holdout is not None else []
    return {
        "metric": result.metric,
        "rule": result.rule,
        "currency": result.currency if result.metric == REVENUE else "",
        "confidence": CONFIDENCE,
        "counted_until": result.counted_until,
        "verdict_at": result.verdict_at,
        "verdict": result.verdict,
        "winner": {"name": _name(result.winner), "held_out": result.winner == HOLDOUT}
        if result.verdict == "winner"
        else None,
        "p": result.p,
        "needed": result.needed,
        "enough": result.enough,
        "split_p": result.split_p,
        "split_is_off": result.split_is_off,
        "weights": dict(result.weights) if result.weights is not None else None,
        "arms": [_arm(arm, result.metric, figure) for arm in (*result.arms, *held)],
        "lifts": [_lift(lift, figure, result.metric) for lift in result.lifts],
    }


def _arm(arm: Arm, metric: str, figure: Figure) -> dict[str, Any]:
    return {
        "name": _name(arm.name),
        "held_out": arm.name == HOLDOUT,
        "entered": arm.entered,
        "reached": arm.reached,
        **_interval(arm.mean if metric == REVENUE else arm.rate, figure),
    }


def _lift(lift: Lift, figure: Figure, metric: str) -> dict[str, Any]:
    brought = figure if metric == REVENUE else _count
    return {
        "arm": lift.arm,
        **_interval(lift.difference, figure),
        "relative": lift.relative,
        "brought": _interval(lift.brought, brought),
    }


def _interval(found: Interval, figure: Figure) -> dict[str, Any]:
    parts = {"estimate": found.estimate, "low": found.low, "high": found.high}
    return {name: figure(value) if isfinite(value) else None for name, value in parts.items()}


def _name(arm: str) -> str:
    return "" if arm == HOLDOUT else arm


def _share(value: float) -> float:
    return round(value, 6)


def _count(value: float) -> float:
    return round(value, 1)


def _amount(value: float) -> str:
    return str(Decimal(value).quantize(_CENT))
