"""``start:``, ``period:`` and ``goal:`` of a campaign."""

from collections.abc import Callable, Mapping

from campaigns.definition import ActivePeriod, Goal, Start
from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.segments.reading import read_condition
from campaigns.segments.syntax import ATTRIBUTE, FIELDS
from campaigns.workspace.scope import Scope
from campaigns.workspace.values import clock, crontab, day, local_instant, offset, zone
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Scalar

WORDS = ("now", "api")
_FORMS = "start: now, start: api, or one of at:, cron:, event:, segment: and date: under it"
_DAY_FIELDS = tuple(field for field, kind in FIELDS.items() if kind in ("day", "moment"))


def read_start(fields: Fields, scope: Scope) -> Start:
    """When customers enter; once, when applied, where nothing is said."""
    node = fields.get("start")
    if node is None:
        return Start()
    if isinstance(node, Scalar):
        if node.text == "api":
            return Start(kind="api")
        if node.text != "now":
            hint = did_you_mean(node.text, WORDS) or f"; write {_FORMS}"
            fields.problem("start", f"{node.text[:80]!r} is no start{hint}")
        return Start()
    start = fields.mapping("start")
    if start is None:
        return Start()
    kinds = [kind for kind in _READERS if start.get(kind) is not None]
    if len(kinds) > 1:
        start.problem(kinds[1], f"a start is one thing, not {' and '.join(map(repr, kinds))}; remove one")
        return Start()
    if not kinds:
        first = next((key for key in start.node.entries if key != "zone"), "")
        hint = did_you_mean(first, _READERS) or f"; write {_FORMS}"
        fields.problem("start", f"the start says no time and no event{hint}")
        return Start()
    made = _READERS[kinds[0]](start, scope)
    start.finish()
    return made


def _at(start: Fields, _scope: Scope) -> Start:
    at = start.parsed("at", local_instant, None)
    where = start.parsed("zone", zone, "organisation")
    return Start(kind="at", at=at, zone=where) if at else Start()


def _cron(start: Fields, _scope: Scope) -> Start:
    rule = start.parsed("cron", crontab, "")
    where = start.parsed("zone", zone, "organisation")
    return Start(kind="cron", cron=rule, zone=where) if rule else Start()


def _event(start: Fields, scope: Scope) -> Start:
    event = start.parsed("event", name, "")
    where = start.get("where")
    if where is not None and event:
        # The properties are tested as those of a segment's events are: its reader says what is wrong with them.
        line = start.line("where")
        entries = {"event": start.node.entries["event"], "where": where}
        test = YamlMapping(start.node.line, start.node.column, entries, dict.fromkeys(entries, line))
        read_condition(test, scope.file, scope.problems, scope.channels)
    return Start(kind="event", event=event, where=where.plain() if isinstance(where, YamlMapping) else None)


def _segment(start: Fields, scope: Scope) -> Start:
    segment = start.parsed("segment", name, "")
    scope.refer("segment", segment, start.line("segment"))
    on = start.choice("on", ("entered", "left"), "entered")
    return Start(kind="segment", segment=segment, on="left" if on == "left" else "entered")


def _date(start: Fields, _scope: Scope) -> Start:
    field = start.parsed("date", _day_field, "")
    moved, before = start.parsed("offset", offset, (Period(0, "d"), False))
    return Start(
        kind="date",
        field=field,
        offset=moved,
        before=before,
        yearly=start.flag("yearly", default=field == "birthday"),
        time=start.parsed("time", clock, "10:00"),
        zone=start.parsed("zone", zone, "customer"),
    )


_READERS: Mapping[str, Callable[[Fields, Scope], Start]] = {
    "at": _at, "cron": _cron, "event": _event, "segment": _segment, "date": _date,
}  # fmt: skip


def _day_field(text: str) -> str:
    if text in _DAY_FIELDS or (text.startswith(ATTRIBUTE) and len(text) > len(ATTRIBUTE)):
        return text
    hint = did_you_mean(text, _DAY_FIELDS) or f"; write one of {', '.join(_DAY_FIELDS)}, or {ATTRIBUTE}NAME"
    raise ValueError(f"{text[:80]!r} is not a customer's day{hint}")


def read_period(fields: Fields) -> ActivePeriod:
    """The days on which customers may enter."""
    period = fields.mapping("period")
    if period is None:
        return ActivePeriod()
    first, last = period.parsed("from", day, None), period.parsed("to", day, None)
    if first and last and first > last:
        period.problem("to", f"the period ends ({last}) before it begins ({first}); swap them")
    period.finish()
    return ActivePeriod(first=first, last=last)


def read_goal(fields: Fields) -> Goal | None:
    """What the campaign is for."""
    node = fields.get("goal")
    if node is None:
        return None
    if isinstance(node, Scalar):
        event = fields.parsed("goal", name, "")
        return Goal(event=event) if event else None
    goal = fields.mapping("goal")
    if goal is None:
        return None
    if goal.get("event") is None:
        fields.problem("goal", "the goal has no 'event'; add one, such as goal: {event: order, within: 30d}")
    event, within = goal.parsed("event", name, ""), goal.period("within")
    goal.finish()
    return Goal(event=event, within=within) if event else None
