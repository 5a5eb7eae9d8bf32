"""The bounds of ``otklik.yaml``: caps, budgets, rates, days without sending, link tags."""

import re
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from typing import TypeVar

from campaigns.definition import Budget, Cap, NoSendDays, Rate, SendingHours, Utm
from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.choices import read_amount
from campaigns.workspace.sends import unknown_channel
from campaigns.workspace.values import amount, clock, country, currency, day, weekday
from core.reading.yaml import Mapping, Node, Scalar, Sequence

T = TypeVar("T", int, date)
EVERYWHERE = "*"
MAX_CAP = 10_000
_CAP = re.compile(r"(\d{1,5}) */ *(\d{0,5}) *(s|m|h|d|w|mo|y|day|week|month|year)")
_LONG = {"day": "d", "week": "w", "month": "mo", "year": "y"}


def read_caps(fields: Fields, channels: Collection[str]) -> tuple[Cap, ...]:
    """How many marketing messages a customer gets at most: ``3/w``, or a mapping, or a list of these."""
    node = fields.get("caps")
    if node is None:
        return ()
    items: list[Node] = node.items if isinstance(node, Sequence) else [node]
    if not items:
        fields.problem("caps", "'caps' says nothing; write some, such as caps: [3/w]")
    return tuple(cap for item in items if (cap := _cap(item, fields, channels)))


def _cap(node: Node, fields: Fields, channels: Collection[str]) -> Cap | None:
    if isinstance(node, Scalar):
        try:
            number, per = _rate(node.text)
        except ValueError as error:
            fields.problems.add(fields.file, node.line, f"caps: {error}")
            return None
        return Cap(max=number, per=per)
    cap = Fields.of(node, fields.file, fields.problems, "a cap")
    if cap is None:
        return None
    for key, hint in (("max", "max: 3"), ("per", "per: 1w")):
        if cap.get(key) is None:
            cap.problem("", f"the cap has no {key!r}; add {hint}")
    most, stretch, channel = cap.parsed("max", count, 0), cap.period("per"), cap.text("channel")
    if channel and channel not in channels:
        cap.problem("channel", unknown_channel(channel, channels))
    cap.finish()
    return Cap(max=most, per=stretch, channel=channel) if most and stretch and stretch.amount else None


def _rate(text: str) -> tuple[int, Period]:
    match = _CAP.fullmatch(text.strip().lower())
    if match is None or match[2] == "0":
        raise ValueError(f"{text[:40]!r} is no cap; write how many in which time, such as 3/w or 1/d")
    return count(match[1]), Period(int(match[2] or 1), _LONG.get(match[3], match[3]))


def count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_CAP:
        raise ValueError(f"{text[:40]!r} is no number of messages; write one from 1 to {MAX_CAP}")
    return int(text)


def read_budgets(fields: Fields) -> tuple[Budget, ...]:
    """Budgets that campaigns share, by name."""
    listed = fields.mapping("budgets")
    found = []
    for title in listed.node.entries if listed else ():
        assert listed is not None  # noqa: S101  it has entries
        node = listed.get(title)
        try:
            name(title)
        except ValueError as error:
            listed.problem(title, f"budgets: {error}")
            continue
        if isinstance(node, Scalar):
            node = Mapping(node.line, node.column, {"amount": node}, {"amount": node.line})
        inner = Fields.of(node, fields.file, fields.problems, f"budget {title!r}")
        budget = read_amount(inner, title) if inner else None
        if budget is not None:
            found.append(budget)
    return tuple(found)


def read_rates(fields: Fields, own: str) -> tuple[Rate, ...]:
    """What other currencies are worth in the workspace's ``own``, from a day on."""
    node = fields.get("rates")
    if node is None:
        return ()
    if not isinstance(node, Sequence) or not node.items:
        fields.problem("rates", "'rates' takes a list, such as [{from: 2026-01-01, USD: 0.79}]")
        return ()
    found: list[Rate] = []
    for item in node.items:
        inner = Fields.of(item, fields.file, fields.problems, "a rate")
        if inner is None:
            continue
        if inner.get("from") is None:
            inner.problem("", "the rate has no 'from'; add the day from which it holds, such as from: 2026-01-01")
        start = inner.parsed("from", day, None)
        codes = [key for key in inner.node.entries if key != "from"]
        if not codes:
            inner.problem("", f"the rate names no currency; add what one unit is worth in {own}, such as USD: 0.79")
        found += [rate for code in codes if (rate := _one_rate(inner, code, start, own))]
    seen: set[tuple[date, str]] = set()
    for rate in found:
        if (rate.from_day, rate.currency) in seen:
            fields.problem("rates", f"{rate.currency} has two rates from {rate.from_day} on; remove one")
        seen.add((rate.from_day, rate.currency))
    return tuple(sorted(found, key=lambda rate: (rate.currency, rate.from_day)))


def _one_rate(inner: Fields, code: str, start: date | None, own: str) -> Rate | None:
    value, _ = inner.parsed(code, _plain_amount, (Decimal(0), ""))
    try:
        currency(code)
    except ValueError as error:
        inner.problem(code, f"rates: {error}")
        return None
    if code == own:
        inner.problem(code, f"{own} is the workspace's own currency; its rate is always 1, remove it")
        return None
    if inner.get(code) is None or (not value and start is not None):
        inner.problem(code, f"{code} has no rate that can be used; write what one unit is worth in {own}, above 0")
        return None
    return Rate(from_day=start, currency=code, rate=value) if start else None


def _plain_amount(text: str) -> tuple[Decimal, str]:
    number, code = amount(text)
    if code:
        raise ValueError(f"{text[:40]!r} names a currency; write the number alone")
    return number, code


def read_no_send(fields: Fields) -> NoSendDays:
    """Days without marketing, for every country or by country."""
    no_send = fields.mapping("no_send")
    if no_send is None:
        return NoSendDays()
    weekdays = _by_country(no_send, "weekdays", weekday)
    days = _by_country(no_send, "days", day)
    no_send.finish()
    if any(len(listed) == 7 for listed in weekdays.values()):
        no_send.problem("weekdays", "all seven weekdays are without sending, so that nothing ever leaves; take one out")
    return NoSendDays(weekdays=weekdays, days=days)


def _by_country(fields: Fields, key: str, parse: Callable[[str], T]) -> dict[str, tuple[T, ...]]:
    node = fields.get(key)
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        node = Mapping(node.line, node.column, {EVERYWHERE: node}, {EVERYWHERE: node.line})
    inner = Fields(node, fields.file, fields.problems, repr(key))
    found: dict[str, tuple[T, ...]] = {}
    for where in node.entries:
        if where != EVERYWHERE:
            try:
                country(where)
            except ValueError as error:
                inner.problem(where, f"{key}: {error}, or {EVERYWHERE!r} for every country")
        listed: set[T] = set()
        for word in inner.words(where) or ():
            try:
                listed.add(parse(word))
            except ValueError as error:
                inner.problem(where, f"{key}: {error}")
        found[where] = tuple(sorted(listed))
    return found


def read_hours(fields: Fields, key: str, default: SendingHours) -> SendingHours:
    """``{from: "08:00", to: "21:00"}``."""
    hours = fields.mapping(key)
    if hours is None:
        return default
    opens, closes = hours.parsed("from", clock, default.opens), hours.parsed("to", clock, default.closes)
    if opens >= closes:
        what = "sending hours" if key == "sending_hours" else key
        fields.problem(key, f"{what} end ({closes}) before they begin ({opens}); swap them")
        opens, closes = default.opens, default.closes
    hours.finish()
    return SendingHours(opens=opens, closes=closes)


def read_utm(fields: Fields) -> Utm:
    """Campaign tags of links: ``true``, ``false``, or what they say."""
    if isinstance(fields.get("utm"), Scalar):
        return Utm(on=fields.flag("utm", default=True))
    utm = fields.mapping("utm")
    if utm is None:
        return Utm()
    default = Utm()
    source, medium = utm.text("source", default.source, limit=100), utm.text("medium", limit=100)
    utm.finish()
    return Utm(source=source, medium=medium)
