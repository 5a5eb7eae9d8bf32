"""``tests:`` of a campaign file → cases, with every mistake by its line."""

import re
from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from campaigns.definition import CampaignDefinition
from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.reading.steps import each_test
from campaigns.rehearsal.cases import BEGINS, NOT_ENTERED, Case, Expected, Given, PastEvent
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.simulation.reading import read_rules
from campaigns.workspace.values import local_instant
from core.installed import channel_names
from core.machines.enrolment import EnrolmentState
from core.reading.problems import Problems, did_you_mean
from core.reading.yaml import Mapping, Node, Scalar, Sequence

_EXPECTED = re.compile(
    r"day (?P<day>\d{1,4}) +(?P<clock>([01]\d|2[0-3]):[0-5]\d) +(?P<channel>[a-z]+)(?: +(?P<step>[a-z0-9][a-z0-9_-]*))?"
)
_FIELDS = (
    "first_name", "last_name", "locale", "zone", "country", "city", "gender", "birthday", "stage",
)  # fmt: skip
_OUTCOMES = (*(state.value for state in EnrolmentState), NOT_ENTERED)
_FORM = "write day, time and channel, such as day 3 10:00 email (and, if it matters, the step's id)"


def read_cases(node: Node, file: str, definition: CampaignDefinition, problems: Problems) -> list[Case]:
    """The cases; what is wrong is noted, and what can be read is read."""
    return each_test(node, file, problems, partial(_case, definition=definition))


def _case(fields: Fields, place: int, definition: CampaignDefinition) -> Case:
    name = fields.text("test", f"test {place}", limit=200)
    given = _given(fields)
    when = tuple(read_rules(fields, "when"))
    begins = fields.parsed("at", local_instant, BEGINS)
    days = fields.parsed("days", _days, 60)
    variant = fields.text("variant")
    variants = definition.experiment.variants if definition.experiment else {}
    if variant and variant not in variants:
        fields.problem("variant", f"there is no variant {variant!r}{did_you_mean(variant, variants)}")
    held_out = fields.flag("held_out")
    expect = _expected(fields, {step.id for step in definition.steps})
    says_nothing = expect is None and fields.get("outcome") is None
    outcome = fields.text("outcome")
    if outcome and outcome.partition(":")[0] not in _OUTCOMES:
        hint = did_you_mean(outcome, _OUTCOMES) or f" (one of {', '.join(_OUTCOMES)})"
        fields.problem("outcome", f"{outcome!r} is no outcome{hint}")
    if says_nothing:
        fields.problem("", "the test expects nothing; add expect: [day 0 10:00 email] or outcome: answered")
    fields.finish()
    return Case(
        name=name, file=fields.file, line=fields.line("test") or fields.node.line, given=given, when=when,
        expect=expect, expect_line=fields.node.key_lines.get("expect", fields.node.line), outcome=outcome,
        outcome_line=fields.node.key_lines.get("outcome", fields.node.line),
        begins=begins if isinstance(begins, datetime) else BEGINS, days=days, variant=variant, held_out=held_out,
    )  # fmt: skip


def _given(fields: Fields) -> Given:
    inner = fields.mapping("given")
    if inner is None:
        return Given()
    channels = _channels(inner, "channels", channel_names())
    consent = _channels(inner, "consent", channels)
    tags = tuple(inner.words("tags") or ())
    values: dict[str, Any] = {}
    for key, node in inner.node.entries.items():
        if key not in _FIELDS and not key.startswith(ATTRIBUTE):
            continue
        inner.get(key)
        if isinstance(node, Mapping) or (isinstance(node, Sequence) and not key.startswith(ATTRIBUTE)):
            inner.problem(key, f"{key!r} must be a value")
        else:
            is_text = isinstance(node, Scalar) and not key.startswith(ATTRIBUTE)
            values[key] = node.text if is_text and isinstance(node, Scalar) else node.plain()
    events = _events(inner)
    inner.finish()
    return Given(values, channels, consent, tags, events)


def _channels(fields: Fields, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """A list of channels; ``none`` is none of them."""
    words = fields.words(key)
    if words is None:
        return default
    if words == ["none"]:
        return ()
    for word in words:
        if word not in channel_names():
            fields.problem(key, f"{word!r} is not a channel{did_you_mean(word, channel_names())}")
    return tuple(words)


def _events(fields: Fields) -> tuple[PastEvent, ...]:
    node = fields.get("events")
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        fields.problem("events", "'events' must be a list")
        return ()
    found = []
    for item in node.items:
        inner = Fields.of(item, fields.file, fields.problems, "an event")
        if inner is None:
            continue
        name = inner.text("event", required=True)
        ago = inner.period("ago") or Period(1, "d")
        amount = inner.parsed("amount", float, None) if inner.get("amount") is not None else None
        properties = inner.get("properties")
        inner.finish()
        found.append(PastEvent(name, ago, amount, properties.plain() if isinstance(properties, Mapping) else {}))
    return tuple(found)


def _expected(fields: Fields, steps: Collection[str]) -> tuple[Expected, ...] | None:
    """``nothing`` or an empty list: no message. None where nothing is said."""
    words = fields.words("expect")
    if words is None:
        return None
    found = []
    for word in words:
        if word == "nothing":
            continue
        match = _EXPECTED.fullmatch(word.strip())
        if match is None:
            fields.problem("expect", f"{word!r} cannot be read; {_FORM}")
            continue
        if match["channel"] not in channel_names():
            near = did_you_mean(match["channel"], channel_names())
            fields.problem("expect", f"{match['channel']!r} is not a channel{near}")
        if match["step"] and match["step"] not in steps:
            near = did_you_mean(match["step"], steps)
            fields.problem("expect", f"there is no step {match['step']!r}{near}")
        found.append(Expected(int(match["day"]), match["clock"], match["channel"], match["step"] or ""))
    return tuple(found)


def _days(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1100:
        raise ValueError(f"{text!r} is no number of days that can be played (1 to 1100)")
    return int(text)
