"""What each arm of an experiment came to, counted from entry: one query, whatever the metric.

The unit is the customer, by the first time that they entered: comparing means comparing people who do not count twice.
The held out are counted just like the others, though nothing was sent to them. A day counts 24 hours here, a month 30
days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Goal
from campaigns.experiments.inference import Interval, Sample, mean_of, wilson
from core.machines.enrolment import EnrolmentState
from core.money import MICRO
from storage.outbox.columns import table
from storage.tables import Enrolment, Event, Response

_ENROLMENTS, _EVENTS, _RESPONSES = table(Enrolment), table(Event), table(Response)
HOLDOUT = "(holdout)"
"""The arm of those who hear nothing; no variant can have this name."""
REPLY, CLICK, GOAL, REVENUE = "reply", "click", "goal", "revenue"
FOR_ALL = (GOAL, REVENUE)
"""Metrics that mean something for those who hear nothing, too."""

NOTHING = Sample(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Arm:
    """Who entered, how many of them reached the metric, and their amounts (of everybody: 0 where there is none)."""

    name: str
    entered: int
    reached: int = 0
    amounts: Sample = NOTHING

    @property
    def rate(self) -> Interval:
        """The share that reached it."""
        return wilson(self.reached, self.entered)

    @property
    def mean(self) -> Interval:
        """The amount a customer."""
        return mean_of(self.amounts)

    def and_(self, other: "Arm") -> "Arm":
        """Both together, under this one's name."""
        one, two = self.amounts, other.amounts
        amounts = Sample(one.number + two.number, one.total + two.total, one.squares + two.squares)
        return Arm(self.name, self.entered + other.entered, self.reached + other.reached, amounts)


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: the metric, over entries and deeds up to ``until``.

    With ``ripe`` only those who entered so long before ``until`` are counted, each by what they did within it.
    """

    campaign_id: str
    metric: str
    goal: Goal | None
    until: datetime
    currency: str = ""
    ripe: timedelta | None = None


async def count_arms(connection: AsyncConnection, question: Question) -> Mapping[str, Arm]:
    """The arms by variant (empty where there are none), and :data:`HOLDOUT` if anybody is held out."""
    entered_by = question.until - (question.ripe or timedelta())
    first = (
        select(
            _ENROLMENTS.c.customer_id, _ENROLMENTS.c.variant, _ENROLMENTS.c.ghost, _ENROLMENTS.c.entered_at,
            _ENROLMENTS.c.event_id,
        )
        .where(
            _ENROLMENTS.c.campaign_id == question.campaign_id, _ENROLMENTS.c.round == 1,
            _ENROLMENTS.c.entered_at <= entered_by,
        )
        .subquery("first")
    )  # fmt: skip
    deeds = _deeds(first, question).subquery("deeds")
    amount = func.coalesce(deeds.c.amount, 0.0)
    rows = await connection.execute(
        select(
            first.c.variant,
            first.c.ghost,
            func.count().label("entered"),
            func.count(deeds.c.customer_id).label("reached"),
            func.sum(amount).label("total"),
            func.sum(amount * amount).label("squares"),
        )
        .select_from(first.outerjoin(deeds, deeds.c.customer_id == first.c.customer_id))
        .group_by(first.c.variant, first.c.ghost)
    )
    arms: dict[str, Arm] = {}
    for row in rows:
        name = HOLDOUT if row.ghost else row.variant
        sample = Sample(row.entered, float(row.total), float(row.squares))
        arms[name] = arms.get(name, Arm(name, 0)).and_(Arm(name, row.entered, row.reached, sample))
    return arms


def _deeds(first: FromClause, question: Question) -> Select[Any]:
    """One row a customer who did what the metric asks, with their amount in whole units."""
    if question.metric in FOR_ALL:
        return _goals(first, question)
    said = select(_RESPONSES.c.customer_id, _RESPONSES.c.at).where(
        _RESPONSES.c.campaign_id == question.campaign_id, _RESPONSES.c.kind == question.metric
    )
    # an answer that names no message may end a journey all the same
    ended = select(_ENROLMENTS.c.customer_id, _ENROLMENTS.c.closed_at.label("at")).where(
        _ENROLMENTS.c.campaign_id == question.campaign_id,
        _ENROLMENTS.c.state == EnrolmentState.ANSWERED,
        _ENROLMENTS.c.reason == question.metric,
    )
    both = union(said, ended).subquery("both")
    return (
        select(both.c.customer_id, literal(0.0, Double()).label("amount"))
        .join(first, first.c.customer_id == both.c.customer_id)
        .where(_in_time(first, both.c.at, question, None))
        .group_by(both.c.customer_id)
    )


def _goals(first: FromClause, question: Question) -> Select[Any]:
    goal = question.goal
    micros = case((_EVENTS.c.currency.in_(["", question.currency]), _EVENTS.c.amount_micros), else_=0)
    amount: ColumnElement[float] = cast(
        func.coalesce(func.sum(micros if question.currency else _EVENTS.c.amount_micros), 0), Double()
    )
    return (
        select(_EVENTS.c.customer_id, (amount / float(MICRO)).label("amount"))
        .join(first, first.c.customer_id == _EVENTS.c.customer_id)
        .where(
            _EVENTS.c.name == (goal.event if goal is not None else ""),
            or_(first.c.event_id.is_(None), _EVENTS.c.id != first.c.event_id),
            _in_time(first, _EVENTS.c.at, question, goal.within.rough if goal and goal.within else None),
        )
        .group_by(_EVENTS.c.customer_id)
    )


def _in_time(
    first: FromClause, at: ColumnElement[Any], question: Question, within: timedelta | None
) -> ColumnElement[bool]:
    tests = [at >= first.c.entered_at, at <= question.until]
    limits = [limit for limit in (within, question.ripe) if limit is not None]
    if limits:
        reach = literal(min(limits) // timedelta(microseconds=1), BigInteger())
        tests.append(type_coerce(at, BigInteger()) <= type_coerce(first.c.entered_at, BigInteger()) + reach)
    return and_(*tests)
