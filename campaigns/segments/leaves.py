"""Reading one condition of a segment: a field, events, a campaign, an offer, a tag, a share, an address, a consent."""

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.segments.behaviour import JOURNEY_DEEDS, MESSAGE_DEEDS, RESPONSE_DEEDS
from campaigns.segments.comparisons import (
    AT_LEAST_ONE,
    BIRTHDAY_WORDS,
    COUNT_WORDS,
    WORDS,
    day,
    read_comparisons,
)
from campaigns.segments.syntax import (
    AMOUNT,
    ATTRIBUTE,
    FIELDS,
    Aggregate,
    Behaved,
    Comparison,
    Condition,
    Consented,
    Deed,
    EventTest,
    FieldTest,
    Granted,
    GrantState,
    Kind,
    PropertyTest,
    Reachable,
    Share,
    Tagged,
    Window,
)
from core.purposes import Purpose
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Node, Sequence

AGGREGATES: tuple[Aggregate, ...] = ("count", "sum", "average", "first", "last")
DEEDS: tuple[Deed, ...] = (*MESSAGE_DEEDS, *RESPONSE_DEEDS, *JOURNEY_DEEDS)
GRANT_STATES: tuple[GrantState, ...] = ("open", "redeemed", "expired", "withdrawn")
ANY = "any"
"""Stands for every campaign."""
DEFAULT_SALT = "share"

Leaf = Callable[[Fields, Collection[str]], Condition | None]
"""Reads the condition from its keys; the collection is the known channels, empty where any goes."""


def _field(fields: Fields, _: Collection[str]) -> Condition | None:
    field = fields.text("field", limit=100)
    kind = _kind(field)
    if kind is None:
        own = f" (known: {', '.join(FIELDS)}; the shop's own columns as {ATTRIBUTE}NAME)"
        hint = did_you_mean(field, FIELDS) or own
        fields.problem("field", f"unknown field {field!r}{hint}")
        for word in WORDS:
            fields.get(word)
        return None
    words = BIRTHDAY_WORDS if field == "birthday" else None
    comparisons = read_comparisons(fields, kind, f"field {field!r}", words)
    if kind == "age":
        _whole(fields, comparisons, "an age is a whole number of years")
    return FieldTest(field, comparisons)


def _kind(field: str) -> Kind | None:
    if field in FIELDS:
        return FIELDS[field]
    key = field.removeprefix(ATTRIBUTE)
    return "attribute" if key != field and _is_key(key) else None


def _is_key(key: str) -> bool:
    return key.replace("_", "a").replace("-", "a").replace(" ", "a").isalnum() and len(key) <= 63


def _whole(fields: Fields, comparisons: tuple[Comparison, ...], why: str) -> None:
    for comparison in comparisons:
        if any(isinstance(value, Decimal) and value % 1 for value in comparison.values):
            fields.problem(comparison.word, f"{why}; drop the decimals")


def _event(fields: Fields, _: Collection[str]) -> Condition:
    event = fields.parsed("event", name, "")
    window = _window(fields)
    where, latest, earliest = (_properties(fields, key) for key in ("where", "latest", "earliest"))
    of = fields.text("of", limit=63)
    if of and not _is_key(of):
        fields.problem("of", f"{of!r} is not the name of a property")
    figures: list[tuple[Aggregate, tuple[Comparison, ...]]] = []
    for aggregate in AGGREGATES:
        node = fields.get(aggregate)
        if node is not None:
            figures.append((aggregate, _figure(fields, node, aggregate)))
    if of and not {"sum", "average"} & {aggregate for aggregate, _ in figures}:
        fields.problem("of", "'of' says what 'sum' or 'average' is of; add one of them")
    if not figures and not latest and not earliest:
        figures.append(("count", AT_LEAST_ONE))
    return EventTest(event, tuple(figures), window, where, "" if of == AMOUNT else of, latest, earliest)


def _figure(fields: Fields, node: Node, aggregate: str) -> tuple[Comparison, ...]:
    kind: Kind = "moment" if aggregate in ("first", "last") else "attribute"
    words = Fields(_spelled_out(node), fields.file, fields.problems, repr(aggregate))
    comparisons = read_comparisons(words, kind, repr(aggregate), COUNT_WORDS if kind == "attribute" else None)
    if aggregate == "count":
        _whole(words, comparisons, "events are counted in whole numbers")
    words.finish()
    return comparisons


def _properties(fields: Fields, key: str) -> tuple[PropertyTest, ...]:
    """Properties with what they are compared with: ``{category: books, price: {above: 10}}``."""
    asked = fields.mapping(key)
    if asked is None:
        return ()
    found = []
    for own in asked.node.entries:
        node = asked.get(own)
        if not _is_key(own):
            asked.problem(own, f"{own!r} is not the name of a property")
        elif node is None:
            asked.problem(own, f"property {own!r} is compared with nothing; write a value or a comparison")
        else:
            words = Fields(_spelled_out(node), fields.file, fields.problems, f"property {own!r}")
            what = COUNT_WORDS if own == AMOUNT else None
            found.append(PropertyTest(own, read_comparisons(words, "attribute", f"property {own!r}", what)))
            words.finish()
    return tuple(found)


def _spelled_out(node: Node) -> YamlMapping:
    # count: 3 means count: {is: 3}, and category: [a, b] means category: {in: [a, b]}
    if isinstance(node, YamlMapping):
        return node
    word = "in" if isinstance(node, Sequence) else "is"
    return YamlMapping(node.line, node.column, {word: node}, {word: node.line})


def _window(fields: Fields) -> Window:
    since, before = fields.parsed("since", day, None), fields.parsed("before", day, None)
    between = fields.words("between")
    if between is not None:
        if since or before:
            fields.problem("between", "'between' stands instead of 'since' and 'before'; keep one of them")
        since, before = _between(fields, between)
    return Window(fields.period("within"), fields.period("not_within"), since, before)


def _between(fields: Fields, words: list[str]) -> tuple[date | None, date | None]:
    try:
        first, last = (day(word) for word in words)
    except ValueError:
        fields.problem("between", "'between' takes the first and the last day, such as [2026-11-01, 2026-11-30]")
        return None, None
    if last < first or last == date.max:
        fields.problem("between", f"{first} does not come before {last}; turn them round")
        return None, None
    return first, last + timedelta(days=1)


def _campaign(fields: Fields, channels: Collection[str]) -> Condition:
    campaign = fields.parsed("campaign", name, "")
    did, did_not = (_deeds(fields, key) for key in ("did", "did_not"))
    if not did and not did_not and not {"did", "did_not"} & set(fields.node.entries):
        fields.problem("", f"say what happened: did or did_not, one of {', '.join(DEEDS)}")
    step = fields.parsed("step", name, "")
    channel = _channel(fields, channels) if fields.get("channel") is not None else ""
    if (step or channel) and {*did, *did_not} & {*JOURNEY_DEEDS}:
        wrong = next(deed for deed in (*did, *did_not) if deed in JOURNEY_DEEDS)
        fields.problem("step" if step else "channel", f"{wrong!r} is of the whole campaign; drop step and channel")
    window = _window(fields)
    node = fields.get("count")
    count: tuple[Comparison, ...] = ()
    if node is not None:
        count = _figure(fields, node, "count")
        if len(did) != 1 or did_not:
            fields.problem("count", "'count' goes with a single 'did'")
    return Behaved("" if campaign == ANY else campaign, did, did_not, step, channel, window, count)


def _deeds(fields: Fields, key: str) -> tuple[Deed, ...]:
    found: list[Deed] = []
    for word in fields.words(key) or ():
        known = next((deed for deed in DEEDS if deed == word), None)
        if known is None:
            near = did_you_mean(word, DEEDS) or f" (one of {', '.join(DEEDS)})"
            fields.problem(key, f"{word!r} is nothing that a campaign knows{near}")
        else:
            found.append(known)
    return tuple(found)


def _offer(fields: Fields, _: Collection[str]) -> Condition:
    offer = fields.parsed("offer", name, "")
    state = next((own for own in GRANT_STATES if own == fields.text("state")), None)
    if fields.get("state") is not None and state is None:
        fields.choice("state", GRANT_STATES, "open")
    return Granted(offer, state, _window(fields))


def _tag(fields: Fields, _: Collection[str]) -> Condition:
    tag = fields.text("tag", limit=100, required=True)
    return Tagged(tag)


def _percent(fields: Fields, _: Collection[str]) -> Condition:
    words = fields.words("percent") or []
    salt = fields.text("salt", DEFAULT_SALT, limit=100)
    try:
        bounds = [Decimal(word.removesuffix("%")) for word in words]
        low, high = bounds if len(bounds) == 2 else (Decimal(0), *bounds)
    except (InvalidOperation, ValueError):
        low = high = Decimal(-1)
    if not 0 <= low < high <= 100:
        fields.problem("percent", "'percent' takes a share such as 10, or two bounds such as [10, 20], within 0 to 100")
        low, high = Decimal(0), Decimal(100)
    return Share(low, high, salt)


def _consent(fields: Fields, channels: Collection[str]) -> Condition:
    purposes = [purpose.value for purpose in Purpose]
    purpose = fields.choice("consent", purposes, Purpose.MARKETING.value)
    return Consented(purpose, _channel(fields, channels) if fields.get("channel") is not None else "")


def _reachable(fields: Fields, channels: Collection[str]) -> Condition:
    return Reachable(_channel(fields, channels), fields.flag("reachable", default=True))


def _channel(fields: Fields, channels: Collection[str]) -> str:
    channel = fields.parsed("channel", name, "")
    if channel and channels and channel not in channels:
        hint = did_you_mean(channel, channels) or f" (known: {', '.join(channels)})"
        fields.problem("channel", f"unknown channel {channel!r}{hint}")
    return channel


LEAVES: Mapping[str, Leaf] = {
    "field": _field,
    "event": _event,
    "campaign": _campaign,
    "offer": _offer,
    "tag": _tag,
    "percent": _percent,
    "consent": _consent,
    "channel": _reachable,
}
"""The word that a condition begins with, and who reads it; a word further up is looked for first."""
