"""A behaviour file → :class:`campaigns.simulation.behaviour.Behaviour`, with every mistake by its line."""

from collections.abc import Callable, Collection
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.simulation.assuming import Assumable, read_talking
from campaigns.simulation.behaviour import (
    ANSWER,
    ANY,
    DELAYS,
    EVENT,
    KINDS,
    REPLY,
    USUAL,
    Behaviour,
    Chats,
    Deed,
    Delay,
    Rates,
    Reach,
    Rule,
    Shopping,
)
from campaigns.workspace.values import share
from core.installed import channel_names
from core.reading.problems import Problem, Problems, WorkspaceInvalid
from core.reading.yaml import MAX_BYTES, Mapping, Node, Sequence, read_yaml

FILE = "behaviour.yaml"
"""Where a workspace says it, beside ``otklik.yaml``."""


def read_behaviour(path: Path, segments: Collection[str] | None = None, flows: Assumable | None = None) -> Behaviour:
    """Read a file; ``segments`` and ``flows`` are what exists.

    Raises:
        WorkspaceInvalid: with all problems.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise WorkspaceInvalid([Problem(str(path), 0, f"cannot be read: {error.strerror or error}")]) from None
    problems = Problems()
    found = behaviour_of(read_yaml(content, path.name), path.name, problems, segments, flows)
    problems.raise_if_any()
    return found


def behaviour_of(
    node: Node | None, file: str, problems: Problems, segments: Collection[str] | None, flows: Assumable | None = None
) -> Behaviour:
    """What the nodes say; problems are noted."""
    if node is None:
        return Behaviour()
    fields = Fields.of(node, file, problems, "a behaviour file")
    if fields is None:
        return Behaviour()
    rates = _rates(fields, "messages") or dict(USUAL)
    by_segment = []
    inner = fields.mapping("segments")
    for name in inner.node.entries if inner else ():
        if segments is not None and name not in segments:
            problems.add(file, inner.line(name) if inner else 0, f"there is no segment {name!r} in segments.yaml")
        by_segment.append((name, _rates(inner, name) if inner else {}))
    delays = dict(DELAYS)
    inner = fields.mapping("delays")
    for kind in inner.node.entries if inner else ():
        if inner is not None:
            if kind != ANSWER:
                _known_deed(inner, kind)
            delays[kind] = inner.parsed(kind, _delay, _delay("10m..2d"))
    amount = fields.parsed("amount", _range, (10.0, 90.0))
    shopping = _shopping(fields, segments)
    scripts = _scripts(fields)
    reach = _reach(fields)
    chats = _chats(fields)
    talking = read_talking(fields, flows)
    fields.finish()
    return Behaviour(rates, tuple(by_segment), delays, amount, tuple(shopping), scripts, reach, chats, talking)


def _rates(fields: Fields, key: str) -> Rates:
    """By channel, then by deed."""
    inner = fields.mapping(key)
    if inner is None:
        return {}
    found = {}
    for channel in inner.node.entries:
        if channel != ANY and channel not in channel_names():
            inner.problem(channel, f"{channel!r} is not a channel (one of {', '.join(channel_names())}, or {ANY!r})")
        deeds = inner.mapping(channel)
        rates: dict[str, float] = {}
        for kind in deeds.node.entries if deeds else ():
            if deeds is not None:
                _known_deed(deeds, kind)
                rates[kind] = float(deeds.parsed(kind, share, Decimal(0)))
        found[channel] = rates
    return found


def _known_deed(fields: Fields, kind: str) -> None:
    if kind not in KINDS and not (kind.startswith(EVENT) and len(kind) > len(EVENT)):
        fields.problem(kind, f"customers do not {kind!r}; known are {', '.join(KINDS)} and {EVENT}NAME")


def _items(fields: Fields, key: str) -> list[Fields]:
    node = fields.get(key)
    if node is None:
        return []
    if not isinstance(node, Sequence):
        fields.problem(key, f"{key!r} must be a list")
        return []
    found = [Fields.of(item, fields.file, fields.problems, f"an item of {key!r}") for item in node.items]
    return [item for item in found if item is not None]


def _shopping(fields: Fields, segments: Collection[str] | None) -> list[Shopping]:
    """What customers do by themselves: ``- {do: order, per_month: 0.2, segment: vip}``."""
    found = []
    for item in _items(fields, "shopping"):
        deed = _deed(item)
        per_month = item.parsed("per_month", _number, 0.0)
        segment = item.text("segment")
        if segment and segments is not None and segment not in segments:
            item.problem("segment", f"there is no segment {segment!r} in segments.yaml")
        item.finish()
        found.append(Shopping(deed, per_month, segment))
    return found


def _scripts(fields: Fields) -> dict[str, tuple[Rule, ...]]:
    inner = fields.mapping("customers")
    if inner is None:
        return {}
    return {name: tuple(read_rules(inner, name)) for name in inner.node.entries}


def read_rules(fields: Fields, key: str) -> list[Rule]:
    """``- {on: email, nth: 2, after: 5h, do: reply}``; without ``on`` the time counts from the beginning."""
    found = []
    for item in _items(fields, key):
        deed = _deed(item)
        channel = item.text("on")
        if channel and channel not in channel_names():
            item.problem("on", f"{channel!r} is not a channel (one of {', '.join(channel_names())})")
        nth = int(item.parsed("nth", _number, 1.0))
        after = item.parsed("after", _elapsed, timedelta())
        item.finish()
        found.append(Rule(deed, after, channel, nth))
    return found


def _deed(item: Fields) -> Deed:
    kind = item.text("do", required=True)
    if item.get("do") is not None and kind not in KINDS and not kind.startswith(EVENT):
        item.problem("do", f"customers do not {kind!r}; known are {', '.join(KINDS)} and {EVENT}NAME")
    amount = item.parsed("amount", _number, None) if item.get("amount") is not None else None
    properties = item.get("properties")
    if properties is not None and not isinstance(properties, Mapping):
        item.problem("properties", "'properties' must be keys with values")
    says = item.text("says")
    if says and kind != REPLY:
        item.problem("says", "only a reply says something to a flow; remove 'says'")
    return Deed(kind, amount, properties.plain() if isinstance(properties, Mapping) else {}, says)


def _reach(fields: Fields) -> Reach:
    inner = fields.mapping("people")
    if inner is None:
        return Reach()
    channels = {channel: float(inner.parsed(channel, share, Decimal(0))) for channel in channel_names()}
    given = {channel: part for channel, part in channels.items() if inner.get(channel) is not None}
    consent = float(inner.parsed("consent", share, Decimal("0.9")))
    inner.finish()
    return Reach(given or Reach().channels, consent)


def _chats(fields: Fields) -> Chats:
    """``{answer: 10m..1h, resolve: 4h}``."""
    inner, usual = fields.mapping("chats"), Chats()
    if inner is None:
        return usual
    found = Chats(inner.parsed("answer", _delay, usual.answer), inner.parsed("resolve", _delay, usual.resolve))
    inner.finish()
    return found


def _elapsed(text: str) -> timedelta:
    return timedelta() if text == "0" else sum((Period.parse(part).rough for part in text.split()), timedelta())


def _delay(text: str) -> Delay:
    low, _, high = text.partition("..")
    if not high:
        return Delay(_elapsed(low.strip()), _elapsed(low.strip()))
    return Delay(_elapsed(low.strip()), _elapsed(high.strip()))


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("..")
    return _number(low), _number(high or low)


def _number(text: str) -> float:
    return _parsed(float, text)


def _parsed(parse: Callable[[str], float], text: str) -> float:
    try:
        value = parse(text.strip())
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number") from None
    if not 0 <= value < 1e9:
        raise ValueError(f"{text[:40]!r} is no number that can be meant here")
    return value
