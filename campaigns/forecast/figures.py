"""A forecast's tally as rows: by step and channel, by week, by what stands in the way. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from campaigns.definition import CampaignDefinition, HandoffStep, TaskStep, WorkspaceConfig
from campaigns.forecast.entrances import STREAM, WEEKS
from campaigns.forecast.purse import spread
from campaigns.forecast.walking import GateKey, Tally

NOTICED = 0.5
"""Fewer customers than this are no row."""
NOWHERE = "nowhere"
"""The reason where every channel that ``best`` may take has one of its own."""


@dataclass(frozen=True, slots=True)
class SendLine:
    """Messages of one step's leg on one channel, and what they cost at the most, in micro-units."""

    step: str
    leg: str
    channel: str
    number: float
    micros: float


@dataclass(frozen=True, slots=True)
class WeekLine:
    """A week, by its Monday on the organisation's calendar."""

    week: date
    number: float
    micros: float
    answers: float


@dataclass(frozen=True, slots=True)
class AskLine:
    """Tasks or handoffs of a step: all, and the most on one day. ``most`` is its ``max``."""

    step: str
    number: float
    peak: float
    most: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a forecast came to. A ``weekly`` one is an average week of a stream.

    ``answers_peak`` is the most on a day; ``asked_peak`` that of answers, tasks and handoffs together.
    """

    weekly: bool
    sends: Sequence[SendLine]
    weeks: Sequence[WeekLine]
    gates: Sequence[tuple[GateKey, float]]
    asks: Sequence[AskLine]
    answers_peak: float
    asked_peak: float

    @property
    def number(self) -> float:
        """All messages."""
        return sum(line.number for line in self.sends)

    @property
    def micros(self) -> float:
        """What they cost at the most."""
        return sum(line.micros for line in self.sends)


def figures(tally: Tally, definition: CampaignDefinition, *, weekly: bool) -> Figures:
    """The rows, steps in the campaign's order."""
    share = 1 / WEEKS if weekly else 1.0
    place = {step.id: number for number, step in enumerate(definition.steps)}
    numbers: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    micros: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for key, number in tally.messages.items():
        numbers[key.step, key.leg, key.channel] += number * share
        micros[key.step, key.leg, key.channel] += tally.cost[key] * share
    in_order = sorted(numbers, key=lambda key: (place.get(key[0], -1), key[1] != "main", key))
    asked = _asked(tally, definition)
    answers = _steady(tally.answers) if weekly else dict(tally.answers)
    together: defaultdict[date, float] = defaultdict(float, answers)
    for _, by_day, _ in asked:
        for day, number in (_steady(by_day) if weekly else by_day).items():
            together[day] += number
    gates = _noticed(tally, share)
    return Figures(
        weekly=weekly,
        sends=[SendLine(*key, numbers[key], micros[key]) for key in in_order],
        weeks=() if weekly else _weeks(tally),
        gates=sorted(
            gates,
            key=lambda one: (
                place.get(one[0].step, -1),
                one[0].leg != "main",
                one[0].leg,
                one[0].verdict,
                -one[1],
                one[0].reason,
            ),
        ),
        asks=[
            AskLine(step, sum(by_day.values()) * share, max((_steady(by_day) if weekly else by_day).values()), most)
            for step, by_day, most in asked
        ],
        answers_peak=max(answers.values(), default=0.0),
        asked_peak=max(together.values(), default=0.0),
    )


def capacity(config: WorkspaceConfig) -> float:
    """How many customers the staff can answer on a day; 0 where it is not said."""
    staff = config.staff
    opens, closes = (_hours(text) for text in (staff.hours.opens, staff.hours.closes))
    return staff.agents * staff.answers_per_hour * ((closes - opens) % 24 or 24)


def _noticed(tally: Tally, share: float) -> list[tuple[GateKey, float]]:
    """The gates that are worth a row; where none of several channels reaches somebody, the reasons are one."""
    merged: defaultdict[GateKey, float] = defaultdict(float)
    for key, number in tally.gates.items():
        merged[replace(key, reason=NOWHERE) if "; " in key.reason else key] += number * share
    return [(key, number) for key, number in merged.items() if number >= NOTICED]


def _hours(clock: str) -> float:
    hours, minutes = clock.split(":")
    return int(hours) + int(minutes) / 60


def _asked(tally: Tally, definition: CampaignDefinition) -> list[tuple[str, Mapping[date, float], int | None]]:
    """Step, tasks or handoffs by day, at most how many."""
    found: list[tuple[str, Mapping[date, float], int | None]] = []
    for step in definition.steps:
        if not isinstance(step, HandoffStep | TaskStep):
            continue
        demand = {day: number for (of, day), number in tally.asks.items() if of == step.id}
        if sum(demand.values()) >= NOTICED:
            most = step.max.number if step.max is not None else None
            found.append((step.id, spread(demand, most), most))
    return found


def _steady(by_day: Mapping[date, float]) -> dict[date, float]:
    """An average day of a stream: what four weeks began, also where it came later, falls on each of their days."""
    return {min(by_day): sum(by_day.values()) / STREAM.days} if by_day else {}


def _weeks(tally: Tally) -> list[WeekLine]:
    numbers: defaultdict[date, float] = defaultdict(float)
    micros: defaultdict[date, float] = defaultdict(float)
    answers: defaultdict[date, float] = defaultdict(float)
    for key, number in tally.messages.items():
        numbers[key.week] += number
        micros[key.week] += tally.cost[key]
    for day, number in tally.answers.items():
        answers[day - timedelta(days=day.weekday())] += number
    return [WeekLine(week, numbers[week], micros[week], answers[week]) for week in sorted(numbers) if numbers[week] > 0]
