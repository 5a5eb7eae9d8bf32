"""One file under ``campaigns/`` → :class:`campaigns.definition.CampaignDefinition`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from campaigns.definition import DEFAULT_UNTIL, CampaignDefinition, Leg
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.choices import read_budget, read_experiment, read_offer, read_pace
from campaigns.workspace.scope import Reference, Scope
from campaigns.workspace.sends import Defaults, Speech, read_speech, read_until
from campaigns.workspace.starts import read_goal, read_period, read_start
from campaigns.workspace.steps import StepReader
from campaigns.workspace.values import reentry
from core.purposes import Purpose
from core.reading.problems import Problems
from core.reading.yaml import Node

PURPOSES = (Purpose.MARKETING.value, Purpose.TRANSACTIONAL.value)
EDITS: tuple[Literal["pin", "migrate", "restart"], ...] = ("pin", "migrate", "restart")
MAX_PRIORITY = 1000
_NEEDS_AUDIENCE = ("now", "at", "cron")
"""Starts that bring nobody of their own; the others write to everybody who sets them off, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class ReadCampaign:
    """What was read, with the lines that later checks point to; they go on where it has problems.

    ``definition`` is None where something is wrong. ``lines`` are those of the file's keys, ``step_lines`` those of the
    steps by id. ``legs`` are all that it sends by. ``tests`` are the file's own, as they stand there.
    """

    file: str
    definition: CampaignDefinition | None
    purpose: Purpose
    name: str = ""
    references: tuple[Reference, ...] = ()
    legs: tuple[tuple[Leg, int], ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    step_lines: Mapping[str, int] = field(default_factory=dict)
    variants_used: frozenset[str] = frozenset()
    tests: Node | None = None


def read_campaign(node: Node | None, file: str, problems: Problems, channels: Collection[str]) -> ReadCampaign | None:
    """What the file says, or None where it is no campaign at all; ``channels`` are the names that exist."""
    fields = Fields.of(node, file, problems, "the campaign")
    if fields is None:
        return None
    before = len(problems)
    scope = Scope(file, problems, channels)
    title = _required_name(fields, "campaign", "its name, such as campaign: winback")
    description = fields.text("description")
    topic = fields.parsed("topic", name, "")
    scope.refer("topic", topic, fields.line("topic"))
    purpose = Purpose(fields.choice("purpose", PURPOSES, Purpose.MARKETING.value))
    start, period = read_start(fields, scope), read_period(fields)
    audience = _audience(fields, scope, start.kind if len(problems) == before else "")
    again = fields.parsed("reentry", reentry, None)
    goal = read_goal(fields)
    experiment = read_experiment(fields, scope)
    offer = read_offer(fields, scope)
    budget, pace = read_budget(fields, scope, title), read_pace(fields)
    priority = fields.parsed("priority", _priority, 0)
    edits = fields.choice("edits", EDITS, "pin")
    defaults = Defaults(read_speech(fields, scope, Speech()), read_until(fields, DEFAULT_UNTIL))
    reader = StepReader(scope, defaults)
    steps = reader.steps(fields)
    step_lines = dict(reader.lines)
    on_answer = reader.actions(fields)
    tests = fields.get("tests")
    fields.finish()
    found = ReadCampaign(
        file=file, definition=None, purpose=purpose, name=title, references=tuple(scope.references),
        legs=tuple(scope.legs), lines={key: fields.line(key) for key in fields.node.entries}, step_lines=step_lines,
        variants_used=frozenset(scope.variants_used), tests=tests,
    )  # fmt: skip
    if len(problems) != before:
        return found
    definition = CampaignDefinition(
        name=title, description=description, topic=topic, purpose=purpose, audience=audience, start=start,
        period=period, reentry=again, goal=goal, steps=tuple(steps), on_answer=tuple(on_answer),
        conditions=scope.conditions,
        experiment=experiment, offer=offer, budget=budget, pace=pace, priority=priority,
        edits=next(word for word in EDITS if word == edits),
    )  # fmt: skip
    return replace(found, definition=definition)


def _required_name(fields: Fields, key: str, hint: str) -> str:
    if fields.get(key) is None:
        fields.problem("", f"the campaign has no {key!r}; add {hint}")
        return ""
    return fields.parsed(key, name, "")


def _audience(fields: Fields, scope: Scope, start: str) -> str:
    if fields.get("audience") is None and start not in _NEEDS_AUDIENCE:
        return ""
    audience = _required_name(fields, "audience", "the segment it writes to, such as audience: dormant")
    scope.refer("segment", audience, fields.line("audience"))
    return audience


def _priority(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = MAX_PRIORITY + 1
    if abs(number) > MAX_PRIORITY:
        raise ValueError(f"{text[:40]!r} is no priority; write a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    return number
