"""The steps that do not send: waits, handoffs, tasks, changes, gifts, flows, webhooks, the end.

Each reader takes the step's fields and what every step has, and gives the default id with the step (None where it
cannot be made).
"""

from collections.abc import Callable, Mapping
from typing import Any

from campaigns.definition import (
    EndStep,
    FlowStep,
    FlowVersion,
    GiveStep,
    HandoffStep,
    SetStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
)
from campaigns.periods import Period, zone_named
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.reading.steps import CHANGES, is_true, names_in
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.workspace.locales import locale_code
from campaigns.workspace.scope import Scope
from campaigns.workspace.sends import EXPIRES, read_event
from campaigns.workspace.values import clock, country, day, quota, web_address, weekday
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Node, Scalar, Sequence

Made = tuple[str, Step | None]
Reader = Callable[[Fields, dict[str, Any], Scope], Made]
MAX_DATA = 20_000


def _wait(fields: Fields, base: dict[str, Any], _scope: Scope) -> Made:
    node = fields.get("wait")
    if isinstance(node, Scalar):
        period = fields.period("wait")
        return "wait", WaitStep(**base, period=period) if period else None
    wait = fields.mapping("wait")
    if wait is None:
        return "wait", None
    events = _events(wait)
    period = wait.period("for")
    longest = wait.period("at_most")
    at = wait.parsed("time", clock, None)
    weekdays = tuple(sorted({found for word in wait.words("on") or () if (found := _weekday(wait, word)) is not None}))
    wait.finish()
    if events and (wait.get("for") is not None or wait.get("time") is not None or wait.get("on") is not None):
        wait.problem("until", "a wait for an event has at_most: beside it and nothing else; make two steps of this")
    elif wait.get("until") is not None and wait.get("at_most") is None:
        wait.problem("until", "the wait may never end: the event may not come; add at_most: 3d")
    elif wait.get("at_most") is not None and wait.get("until") is None:
        wait.problem("at_most", "'at_most' goes with until: {event: NAME}; for a plain wait write wait: 3d")
    elif weekdays and wait.get("time") is None:
        wait.problem("on", "'on' goes with a time of day; add time: \"10:00\"")
    elif all(wait.get(key) is None for key in ("until", "for", "time", "at_most", "on")):
        fields.problem("wait", "the wait says nothing; write wait: 3d, or until:, for: or time: under it")
    return "wait", WaitStep(**base, period=longest or period, events=events, at=at, weekdays=weekdays)


def _events(wait: Fields) -> frozenset[str]:
    node = wait.get("until")
    if node is None:
        return frozenset()
    items: list[Node] = node.items if isinstance(node, Sequence) else [node]
    found: set[str] = set()
    for item in items:
        if isinstance(item, YamlMapping):
            found.add(read_event(item, wait, "until"))
        else:
            wait.problems.add(wait.file, item.line, "a wait ends at events; name each as {event: NAME}")
    return frozenset(found - {""})


def _weekday(wait: Fields, word: str) -> int | None:
    try:
        return weekday(word)
    except ValueError as error:
        wait.problem("on", str(error))
        return None


def _handoff(fields: Fields, base: dict[str, Any], scope: Scope) -> Made:
    scope.refer("handler", "handoff", fields.line("handoff"))
    queue = "" if is_true(fields, "handoff") else fields.parsed("handoff", name, "")
    note, most, expires = _person(fields)
    return "handoff", HandoffStep(**base, queue=queue, note=note, max=most, expires=expires)


def _task(fields: Fields, base: dict[str, Any], _scope: Scope) -> Made:
    task = fields.parsed("task", name, "")
    due = fields.period("due")
    note, most, expires = _person(fields)
    return f"task-{task}", TaskStep(**base, task=task, note=note, due=due, max=most, expires=expires) if task else None


def _person(fields: Fields) -> tuple[str, Any, Period]:
    note, most = fields.text("note"), fields.parsed("max", quota, None)
    if most is not None and fields.get("expires") is None:
        fields.problems.warn(
            fields.file, fields.line("max"),
            f"over {most.number} a day the rest wait for another day, at most 48h; say expires: if that is not meant",
        )  # fmt: skip
    return note, most, fields.period("expires") or EXPIRES


def _set(fields: Fields, base: dict[str, Any], _scope: Scope) -> Made:
    changes = fields.mapping("set")
    values = {key: _value(changes, key) for key in changes.node.entries} if changes else {}
    tags, untag = names_in(fields, "tag"), names_in(fields, "untag")
    stage = fields.parsed("stage", name, "")
    both = sorted(set(tags) & set(untag))
    if both:
        fields.problem("untag", f"tag {both[0]!r} is put on and taken off in one step; keep one of them")
    title = next(key for key in CHANGES if key in fields.node.entries)
    return title, SetStep(**base, fields=values, tag=tags, untag=untag, stage=stage)


def _value(changes: Fields, key: str) -> Any:
    node = changes.get(key)
    own = key.removeprefix(ATTRIBUTE)
    if own != key:
        if not own or len(own) > 63:
            changes.problem(key, f"{ATTRIBUTE} needs a name of up to 63 characters behind it")
        plain = None if node is None else node.plain()
        if isinstance(plain, dict) or (
            isinstance(plain, list) and any(isinstance(item, dict | list) for item in plain)
        ):
            changes.problem(key, f"{key!r} takes a value or a list of values")
        return plain
    if key not in _COLUMNS:
        hint = did_you_mean(key, _COLUMNS) or f" (known: {', '.join(_COLUMNS)}; the shop's own as {ATTRIBUTE}NAME)"
        changes.problem(key, f"{key!r} is no field that a campaign can set{hint}")
        return None
    if node is None:
        return None
    return changes.parsed(key, _COLUMNS[key], None)


_COLUMNS: Mapping[str, Callable[[str], str]] = {
    "first_name": str,
    "last_name": str,
    "locale": locale_code,
    "zone": lambda text: str(zone_named(text)),
    "country": country,
    "city": str,
    "gender": str,
    "birthday": lambda text: day(text).isoformat(),
}
SETTABLE = tuple(_COLUMNS)


def settable(column: str, text: str) -> str:
    """``text`` as a field of :data:`SETTABLE` keeps it.

    Raises:
        ValueError: in words for people, if it is nothing for that field.
    """
    return _COLUMNS[column](text)


def _give(fields: Fields, base: dict[str, Any], scope: Scope) -> Made:
    gift = fields.mapping("give")
    reason = fields.text("reason")
    if gift is None:
        return "give", None
    points, voucher = gift.parsed("points", _points, 0), gift.parsed("voucher", name, "")
    scope.refer("offer", voucher, gift.line("voucher"))
    gift.finish()
    if (gift.get("points") is None) == (gift.get("voucher") is None):
        fields.problem("give", "a gift is points or a voucher; write give: {points: 100} or give: {voucher: OFFER}")
        return "give", None
    return "give", GiveStep(**base, points=points, voucher=voucher, reason=reason)


def _points(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10**9:
        raise ValueError(f"{text[:40]!r} is no number of points; write a whole number above 0")
    return int(text)


def _flow(fields: Fields, base: dict[str, Any], scope: Scope) -> Made:
    """On an answer; as a step of the journey a flow is begun by a message (:mod:`campaigns.workspace.sends`)."""
    flow = fields.parsed("flow", name, "")
    scope.refer("flow", flow, fields.line("flow"))
    return f"flow-{flow}", FlowStep(**base, flow=FlowVersion(name=flow)) if flow else None


def _webhook(fields: Fields, base: dict[str, Any], scope: Scope) -> Made:
    url = fields.parsed("webhook", web_address, "")
    scope.refer("handler", "webhook", fields.line("webhook"))
    node = fields.get("data")
    if node is not None and not isinstance(node, YamlMapping):
        fields.problem("data", "'data' must be keys with values; they go along as JSON")
        return "webhook", None
    data = {} if node is None else node.plain()
    if len(str(data)) > MAX_DATA:
        fields.problem("data", f"'data' is longer than {MAX_DATA} characters; send less")
    return "webhook", WebhookStep(**base, url=url, data=data) if url else None


def _end(fields: Fields, base: dict[str, Any], _scope: Scope) -> Made:
    reason = "" if is_true(fields, "end") else fields.text("end", limit=200)
    return "end", EndStep(**base, reason=reason)


READERS: Mapping[str, Reader] = {
    "handoff": _handoff, "task": _task, "set": _set, "tag": _set, "untag": _set, "stage": _set, "give": _give,
    "flow": _flow, "webhook": _webhook, "end": _end, "wait": _wait,
}  # fmt: skip
"""By the key that begins the step."""
