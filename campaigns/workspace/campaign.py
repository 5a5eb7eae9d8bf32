"""One file under ``campaigns/`` → :class:`campaigns.definition.CampaignDefinition`."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

from campaigns.definition import (
    DEFAULT_UNTIL,
    ActivePeriod,
    CampaignDefinition,
    Goal,
    Leg,
    SendStep,
    Start,
    Step,
)
from campaigns.periods import Period, zone_named
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.reading.problems import Problems
from campaigns.reading.yaml import Node, Scalar, Sequence
from campaigns.workspace.config import unknown_channel
from core.purposes import Purpose

LATER = ("offer", "budget", "pace", "experiment", "on_answer", "caps", "variants", "holdout", "priority")
LATER_IN_STEP = ("task", "when", "branch", "max", "flow", "set", "offer", "variants", "pace", "resend", "experiment")
LATER_STARTS = ("event", "date", "offset", "segment")
PURPOSES = (Purpose.MARKETING.value, Purpose.TRANSACTIONAL.value)
_ANSWERS: dict[str, str] = {"reply": "reply", "click": "click", "goal": "goal"}


@dataclass(frozen=True, slots=True)
class ReadCampaign:
    """What was read, with the lines that later checks (audience, templates) point to; they go on where it has problems.

    ``definition`` is None where something is wrong.
    """

    file: str
    definition: CampaignDefinition | None
    purpose: Purpose
    audience: str
    audience_line: int
    leg_lines: dict[Leg, int]


def read_campaign(node: Node | None, file: str, problems: Problems, channels: Collection[str]) -> ReadCampaign | None:
    """What the file says, or None where it is no campaign at all; ``channels`` are the names that exist."""
    fields = Fields.of(node, file, problems, "the campaign", LATER)
    if fields is None:
        return None
    return _Reader(fields, file, problems, channels).read()


class _Reader:
    def __init__(self, fields: Fields, file: str, problems: Problems, channels: Collection[str]) -> None:
        self._fields = fields
        self._file = file
        self._problems = problems
        self._channels = channels
        self._lines: dict[Leg, int] = {}

    def read(self) -> ReadCampaign:
        fields, before = self._fields, len(self._problems)
        title = self._required_name(fields, "campaign", "its name, such as campaign: winback")
        description = fields.text("description")
        purpose = fields.choice("purpose", PURPOSES, Purpose.MARKETING.value)
        audience = self._required_name(fields, "audience", "the segment it writes to, such as audience: dormant")
        start, period = self._start(), self._period()
        reentry = fields.parsed("reentry", _reentry, None)
        goal = self._goal()
        template = fields.parsed("template", name, "")
        until = self._until(fields, DEFAULT_UNTIL)
        fields.choice("edits", ("pin",), "pin")
        steps = self._steps(template, until)
        fields.finish()
        found = ReadCampaign(self._file, None, Purpose(purpose), audience, fields.line("audience"), self._lines)
        if len(self._problems) != before:
            return found
        definition = CampaignDefinition(
            name=title, description=description, purpose=Purpose(purpose), audience=audience, start=start,
            period=period, reentry=reentry, goal=goal, steps=tuple(steps),
        )  # fmt: skip
        return replace(found, definition=definition)

    def _required_name(self, fields: Fields, key: str, hint: str) -> str:
        if fields.get(key) is None:
            fields.problem("", f"the campaign has no {key!r}; add {hint}")
            return ""
        return fields.parsed(key, name, "")

    def _start(self) -> Start:
        fields = self._fields
        node = fields.get("start")
        if node is None:
            return Start()
        if isinstance(node, Scalar):
            if node.text != "now":
                hint = "start: now, start: {at: 2026-12-01T10:00} or start: {cron: '0 10 1 * *'}"
                fields.problem("start", f"{node.text[:80]!r} is no start; write {hint}")
            return Start()
        start = fields.mapping("start", LATER_STARTS)
        if start is None:
            return Start()
        at = start.parsed("at", _local_instant, None)
        cron = start.parsed("cron", _cron, "")
        zone = start.parsed("zone", _zone, "organisation")
        if start.get("at") is not None and start.get("cron") is not None:
            start.problem("cron", "a start has 'at' or 'cron', not both; remove one")
        elif start.get("at") is None and start.get("cron") is None and not set(LATER_STARTS) & set(start.node.entries):
            fields.problem("start", "the start says no time; write start: now, or at: or cron: under it")
        start.finish()
        if cron:
            return Start(kind="cron", cron=cron, zone=zone)
        return Start(kind="at", at=at, zone=zone) if at else Start()

    def _period(self) -> ActivePeriod:
        period = self._fields.mapping("period")
        if period is None:
            return ActivePeriod()
        first, last = period.parsed("from", _day, None), period.parsed("to", _day, None)
        if first and last and first > last:
            period.problem("to", f"the period ends ({last}) before it begins ({first}); swap them")
        period.finish()
        return ActivePeriod(first=first, last=last)

    def _goal(self) -> Goal | None:
        node = self._fields.get("goal")
        if node is None:
            return None
        if isinstance(node, Scalar):
            event = self._fields.parsed("goal", name, "")
            return Goal(event=event) if event else None
        goal = self._fields.mapping("goal")
        if goal is None:
            return None
        if goal.get("event") is None:
            self._fields.problem("goal", "the goal has no 'event'; add one, such as goal: {event: order, within: 30d}")
        event, within = goal.parsed("event", name, ""), goal.period("within")
        goal.finish()
        return Goal(event=event, within=within) if event else None

    def _until(self, fields: Fields, default: frozenset[str]) -> frozenset[str]:
        words = fields.words("until")
        if words is None:
            return default
        if words == ["none"]:
            return frozenset()
        for word in words:
            if word not in _ANSWERS:
                hint = "write some of reply, click, goal, or until: none for a series that nothing but a goal ends"
                fields.problem("until", f"{word[:80]!r} is no answer; {hint}")
        return frozenset(_ANSWERS[word] for word in words if word in _ANSWERS)

    def _steps(self, template: str, until: frozenset[str]) -> list[Step]:
        node = self._fields.get("steps")
        if not isinstance(node, Sequence) or not node.items:
            self._fields.problem("steps", "a campaign needs steps; write a list, such as steps: [{send: email}]")
            return []
        steps: list[Step] = []
        ids: dict[str, int] = {}
        for item in node.items:
            fields = Fields.of(item, self._file, self._problems, "a step", LATER_IN_STEP)
            step = self._step(fields, template, until) if fields else None
            if step is None:
                continue
            if step.id in ids:
                hint = "give one of them another id:"
                self._problems.add(self._file, item.line, f"step {step.id!r} is in line {ids[step.id]} already; {hint}")
            ids.setdefault(step.id, item.line)
            steps.append(step)
        return steps

    def _step(self, fields: Fields, template: str, until: frozenset[str]) -> Step | None:
        channel = self._channel(fields)
        own = fields.parsed("template", name, template)
        id_ = fields.parsed("id", name, f"send-{channel}")
        wait = fields.period("wait")
        expires = fields.period("expires") or Period(48, "h")
        answers = self._until(fields, until)
        otherwise = self._otherwise(fields, own)
        fields.finish()
        if not channel or not id_:
            return None
        main = self._leg(fields, "send", channel, own)
        if main is None:
            return None
        if otherwise is not None and otherwise.channel == channel:
            fields.problem("otherwise", f"'otherwise' repeats {channel!r}; name another channel")
        return SendStep(id=id_, main=main, otherwise=otherwise, wait=wait, until=answers, expires=expires)

    def _channel(self, fields: Fields) -> str:
        if fields.get("send") is None:
            if not set(LATER_IN_STEP) & set(fields.node.entries):
                fields.problem("", "a step has no 'send'; name the channel, such as send: email")
            return ""
        channel = fields.text("send")
        if channel and channel not in self._channels:
            fields.problem("send", unknown_channel(channel, self._channels))
            return ""
        return channel

    def _otherwise(self, fields: Fields, template: str) -> Leg | None:
        node = fields.get("otherwise")
        if node is None:
            return None
        if isinstance(node, Sequence):
            fields.problem("otherwise", "a list of channels is not in this release; name one channel")
            return None
        if isinstance(node, Scalar):
            if node.text not in self._channels:
                fields.problem("otherwise", unknown_channel(node.text, self._channels))
                return None
            return self._leg(fields, "otherwise", node.text, template)
        inner = fields.mapping("otherwise", LATER_IN_STEP)
        if inner is None:  # pragma: no cover  a mapping node always gives fields
            return None
        channel, own = self._channel(inner), inner.parsed("template", name, template)
        inner.finish()
        return self._leg(inner, "send", channel, own) if channel else None

    def _leg(self, fields: Fields, key: str, channel: str, template: str) -> Leg | None:
        if not template:
            hint = "add template: NAME here, or once for the whole campaign"
            fields.problem(key, f"the step that sends {channel} names no template; {hint}")
            return None
        leg = Leg(channel=channel, template=template)
        self._lines.setdefault(leg, fields.line(key))
        return leg


def _reentry(text: str) -> Period | None:
    if text == "never":
        return None
    if not text.startswith("after "):
        raise ValueError(f"{text[:80]!r} is no re-entry; write never, or after and a period, such as after 1mo")
    return Period.parse(text.removeprefix("after "))


def _cron(text: str) -> str:
    from cronsim import CronSim, CronSimError

    try:
        # Any start will do: only the form is checked, and that the rule ever fires.
        next(CronSim(text, datetime(2026, 1, 1)))  # noqa: DTZ001  a wall clock
    except CronSimError as error:
        hint = "write minute hour day month weekday, such as 0 10 1 * *"
        raise ValueError(f"{text[:80]!r} is not a crontab rule ({error}); {hint}") from None
    except StopIteration:
        raise ValueError(f"{text[:80]!r} never fires") from None
    return text


def _zone(text: str) -> str:
    return text if text in ("organisation", "customer") else str(zone_named(text))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not a day; write one such as 2026-12-01") from None


def _local_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is not None or len(text) < 16:
        raise ValueError(
            f"{text[:80]!r} is not a local time; write one such as 2026-12-01T10:00 (the zone goes in zone:)"
        )
    return instant
