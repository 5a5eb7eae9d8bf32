"""The journey drawn: every step with who came to it, who stands there, who ended there, and the ways on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import BranchStep, CampaignDefinition, Step, When
from campaigns.definition.steps import END
from campaigns.reporting.report import StepRow
from storage.outbox.columns import table
from storage.tables import Enrolment, EnrolmentHistory, Message

_ENROLMENTS, _HISTORY, _MESSAGES = table(Enrolment), table(EnrolmentHistory), table(Message)
EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Standing:
    """Customers by step; those who are held out are not among them.

    ``closed`` is by (step, state of the journey), ``taken`` by (branch, first step of the way).
    """

    came: Mapping[str, int] = field(default_factory=dict)
    here: Mapping[str, int] = field(default_factory=dict)
    passed: Mapping[str, int] = field(default_factory=dict)
    closed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    taken: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def exhausted(self) -> int:
        """Who came to the end without an answer."""
        return sum(number for (_, state), number in self.closed.items() if state == EXHAUSTED)


@dataclass(frozen=True, slots=True)
class Way:
    """A way on to the step ``to`` (:data:`END`: out). ``next`` leads to the following step of the drawing."""

    to: str
    customers: int
    kind: Literal["next", "then", "arm", "otherwise"]
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A step of the drawing; ``sends`` are the counts of its messages, a row a leg and channel."""

    number: int
    step: Step
    came: int
    here: int
    passed: int
    ended: Sequence[tuple[str, int]]
    ways: Sequence[Way]
    sends: Sequence[StepRow] = ()


def drawn(definition: CampaignDefinition, standing: Standing, sends: Iterable[StepRow] = ()) -> Sequence[Node]:
    """The nodes from top to bottom. Pure."""
    by_step: dict[str, list[StepRow]] = {}
    for row in sends:
        by_step.setdefault(row.step, []).append(row)
    nodes = []
    for place, step in enumerate(definition.steps):
        below = definition.steps[place + 1].id if place + 1 < len(definition.steps) else END
        ended = [
            (state, number)
            for (where, state), number in sorted(standing.closed.items())
            if where == step.id and state != EXHAUSTED
        ]
        came, here = standing.came.get(step.id, 0), standing.here.get(step.id, 0)
        left = max(came - here - sum(number for _, number in ended), 0)
        nodes.append(
            Node(
                place + 1, step, came, here, standing.passed.get(step.id, 0), ended,
                _ways(definition, step, below, left, standing), by_step.get(step.id, ()),
            )
        )  # fmt: skip
    return nodes


def _ways(definition: CampaignDefinition, step: Step, below: str, left: int, standing: Standing) -> Sequence[Way]:
    if isinstance(step, BranchStep):
        following = definition.step_after(step.id)
        otherwise = step.otherwise or (following.id if following is not None else END)
        ways = [Way(arm.first, standing.taken.get((step.id, arm.first), 0), "arm", arm.when) for arm in step.arms]
        if otherwise not in {arm.first for arm in step.arms}:
            ways.append(Way(otherwise, standing.taken.get((step.id, otherwise), 0), "otherwise"))
        return ways
    if step.kind == "end":
        return ()
    following = definition.step_after(step.id)
    to = following.id if following is not None else END
    return (Way(to, left, "next" if to == below else "then"),)


async def standing(connection: AsyncConnection, campaign_id: str) -> Standing:
    """Where the customers of a campaign are and were."""
    walking = (_ENROLMENTS.c.campaign_id == campaign_id, _ENROLMENTS.c.ghost.is_(False))
    own = select(_ENROLMENTS.c.id).where(*walking)
    noted = select(_HISTORY.c.enrolment_id.label("who"), _HISTORY.c.step).where(_HISTORY.c.enrolment_id.in_(own))
    written = select(_MESSAGES.c.enrolment_id.label("who"), _MESSAGES.c.step).where(
        _MESSAGES.c.campaign_id == campaign_id, _MESSAGES.c.direction == "out"
    )
    there = select(_ENROLMENTS.c.id.label("who"), _ENROLMENTS.c.step).where(*walking)
    met = union(noted, written, there).subquery("met")
    came = {
        row.step: row.customers
        for row in await connection.execute(select(met.c.step, func.count().label("customers")).group_by(met.c.step))
    }
    here: Counter[str] = Counter()
    closed: Counter[tuple[str, str]] = Counter()
    for row in await connection.execute(
        select(
            _ENROLMENTS.c.step, _ENROLMENTS.c.state, _ENROLMENTS.c.closed_at.is_(None).label("open"),
            func.count().label("customers"),
        )
        .where(*walking)
        .group_by(_ENROLMENTS.c.step, _ENROLMENTS.c.state, _ENROLMENTS.c.closed_at.is_(None))
    ):  # fmt: skip
        if row.open:
            here[row.step] += row.customers
        else:
            closed[row.step, row.state.value] += row.customers
    passed: Counter[str] = Counter()
    taken: Counter[tuple[str, str]] = Counter()
    for row in await connection.execute(
        select(_HISTORY.c.event, _HISTORY.c.step, _HISTORY.c.detail, func.count().label("customers"))
        .where(_HISTORY.c.enrolment_id.in_(own), _HISTORY.c.event.in_(["StepPassed", "BranchTaken"]))
        .group_by(_HISTORY.c.event, _HISTORY.c.step, _HISTORY.c.detail)
    ):
        if row.event == "StepPassed":
            passed[row.step] += row.customers
        else:
            taken[row.step, row.detail] += row.customers
    return Standing(came, here, passed, closed, taken)
