"""A step that sends: its channels, its texts, what answers it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.definition import BEST, DEFAULT_UNTIL, EVENT, FLOW, FlowVersion, Leg, SendStep
from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.openings import opening
from campaigns.workspace.scope import Scope
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Node, Scalar
from core.reading.yaml import Sequence as YamlSequence

ANSWERS = ("reply", "click", "goal")
EXPIRES = Period(48, "h")
FLOW_WAIT = Period(7, "d")
"""How long a flow's end is waited for where nothing else is said."""
_UNTIL_HINT = "write some of reply, click, goal and {event: NAME}, or until: none for a series that only a goal ends"


@dataclass(frozen=True, slots=True)
class Speech:
    """The template of a leg, and those that single variants get in its place."""

    template: str = ""
    variants: dict[str, str] = field(default_factory=dict)

    def leg(self, channel: str, among: tuple[str, ...] = ()) -> Leg:
        """A leg that speaks so."""
        return Leg(channel=channel, template=self.template, variants=self.variants, among=among)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the campaign says for every step."""

    speech: Speech = Speech()
    until: frozenset[str] = DEFAULT_UNTIL


def unknown_channel(channel: str, known: Collection[str]) -> str:
    """What to say of a channel that does not exist."""
    return f"unknown channel {channel[:80]!r}{did_you_mean(channel, known) or ' (known: ' + ', '.join(known) + ')'}"


Made = tuple[str, SendStep | None]
SendReader = Callable[[Fields, dict[str, Any], Defaults, Scope], Made]
"""(fields, what every step has, what the campaign says, scope) → the step's default id and the step, if it is whole."""


def read_send(fields: Fields, base: dict[str, Any], defaults: Defaults, scope: Scope) -> Made:
    """A step that sends a text of the folder's."""
    channels = _channels(fields, scope)
    speech = read_speech(fields, scope, defaults.speech)
    of = _of(fields, channels, scope)
    wait = _wait(fields)
    expires = fields.period("expires") or EXPIRES
    until = read_until(fields, defaults.until)
    otherwise = _otherwise(fields, channels, of, speech, scope)
    title = f"send-{'-'.join(channels)}"
    if not channels:
        return title, None
    if not speech.template:
        hint = "add template: NAME here, or once for the whole campaign"
        fields.problem("send", f"the step that sends {' and '.join(channels)} names no template; {hint}")
        return title, None
    legs = [speech.leg(channel, of) for channel in channels]
    scope.legs += [(leg, fields.line("send")) for leg in legs]
    step = SendStep(
        **base, main=legs[0], also=tuple(legs[1:]), otherwise=otherwise, wait=wait, until=until, expires=expires
    )
    return title, step


def read_flow(fields: Fields, base: dict[str, Any], defaults: Defaults, scope: Scope) -> Made:
    """A step that starts a flow: by its first words, on the best of the channels that it can begin on."""
    flow, line = fields.parsed("flow", name, ""), fields.line("flow")
    scope.refer("flow", flow, line)
    own = fields.parsed("template", name, "")
    speech = Speech(opening(flow, own))
    of = _of(fields, (BEST,), scope)
    wait = _wait(fields) or FLOW_WAIT
    expires = fields.period("expires") or EXPIRES
    until = read_until(fields, defaults.until, (*ANSWERS, FLOW))
    otherwise = _otherwise(fields, (BEST,), of, speech, scope)
    if not flow:
        return "flow", None
    main = speech.leg(BEST, of)
    scope.legs.append((main, line))
    step = SendStep(
        **base, main=main, otherwise=otherwise, wait=wait, until=until, expires=expires, flow=FlowVersion(name=flow)
    )
    return f"flow-{flow}", step


BY_MESSAGE: Mapping[str, SendReader] = {"send": read_send, "flow": read_flow}
"""Steps of the journey that begin with a message, by the key that begins them."""


def _channels(fields: Fields, scope: Scope) -> tuple[str, ...]:
    node = fields.get("send")
    words = fields.words("send") or []
    several = isinstance(node, YamlSequence)
    for word in words:
        if word == BEST and several:
            fields.problem("send", "'best' stands alone; write send: best, with of: [email, telegram] to narrow it")
            return ()
        if word != BEST and word not in scope.channels:
            fields.problem("send", unknown_channel(word, (*scope.channels, BEST)))
            return ()
    if len(set(words)) != len(words):
        fields.problem("send", "a channel stands there twice; name each once")
        return ()
    if not words:
        fields.problem("send", "the step sends nowhere; name the channel, such as send: email")
    return tuple(words)


def _of(fields: Fields, channels: tuple[str, ...], scope: Scope) -> tuple[str, ...]:
    words = fields.words("of")
    if words is None:
        return ()
    if channels and channels != (BEST,):
        fields.problem("of", "'of' narrows send: best; drop it, or write send: best")
        return ()
    for word in words:
        if word not in scope.channels:
            fields.problem("of", unknown_channel(word, scope.channels))
    if not words:
        fields.problem("of", "'of' names no channel; write some, such as of: [email, telegram]")
    return tuple(word for word in dict.fromkeys(words) if word in scope.channels)


def _wait(fields: Fields) -> Period | None:
    if isinstance(fields.get("wait"), YamlMapping):
        hint = "write a period here, or make the other wait a step of its own: - wait: {…}"
        fields.problem("wait", f"a step that sends waits for a period only, such as wait: 3d; {hint}")
        return None
    return fields.period("wait")


def read_speech(fields: Fields, scope: Scope, default: Speech) -> Speech:
    """``template: NAME``, or a template for each variant; what is not said is as in ``default``."""
    node = fields.get("template")
    if node is None:
        return default
    if isinstance(node, Scalar):
        return Speech(fields.parsed("template", name, default.template))
    inner = fields.mapping("template")
    if inner is None:
        return default
    listed = {variant: inner.parsed(variant, name, "") for variant in inner.node.entries}
    own = {variant: template for variant, template in listed.items() if scope.variant(variant, inner.line(variant))}
    missing = sorted((scope.variants or frozenset()) - set(own))
    if missing and not default.template and len(own) == len(listed):  # else the misspelt one is meant
        hint = f"add {missing[0]}: TEMPLATE, or a template: for the whole campaign"
        fields.problem("template", f"variant {missing[0]!r} has no template here; {hint}")
    variants = {variant: template for variant, template in sorted(own.items()) if template}
    return Speech(default.template or next(iter(variants.values()), ""), {**default.variants, **variants})


def _otherwise(
    fields: Fields, channels: tuple[str, ...], of: tuple[str, ...], speech: Speech, scope: Scope
) -> Leg | None:
    node = fields.get("otherwise")
    if node is None:
        return None
    line = fields.line("otherwise")
    if isinstance(node, YamlSequence):
        fields.problem("otherwise", "'otherwise' names one channel; for a choice write send: best, of: [email, sms]")
        return None
    if isinstance(node, Scalar):
        channel = node.text
    else:
        inner = fields.mapping("otherwise")
        if inner is None:  # pragma: no cover  a mapping node always gives fields
            return None
        channel, speech = inner.text("send"), read_speech(inner, scope, speech)
        inner.finish()
        if inner.get("send") is None:
            inner.problem("", "'otherwise' has no 'send'; name the channel, such as {send: sms, template: short}")
            return None
        line = inner.line("send")
    if channel not in scope.channels:
        scope.problem(line, unknown_channel(channel, scope.channels))
        return None
    if channel in channels or channel in of:
        scope.problem(line, f"'otherwise' repeats {channel!r}; name another channel")
        return None
    if channels == (BEST,) and not of:
        scope.problem(line, "send: best tries every channel already; narrow it with of:, or drop 'otherwise'")
        return None
    if not speech.template:
        return None  # said of the step
    leg = speech.leg(channel)
    scope.legs.append((leg, line))
    return leg


def read_until(fields: Fields, default: frozenset[str], words: Sequence[str] = ANSWERS) -> frozenset[str]:
    """What answers a step, some of ``words`` and events. Empty: nothing does."""
    node = fields.get("until")
    if node is None:
        return default
    if isinstance(node, Scalar) and node.text == "none":
        return frozenset()
    items: list[Node] = node.items if isinstance(node, YamlSequence) else [node]
    found: set[str] = set()
    for item in items:
        if isinstance(item, YamlMapping):
            event = read_event(item, fields, "until")
            found |= {EVENT + event} if event else set()
        elif isinstance(item, Scalar) and item.text in words:
            found.add(item.text)
        else:
            word = item.text if isinstance(item, Scalar) else "a list"
            near = did_you_mean(word, words)
            hint = "'none' stands alone: until: none" if word == "none" else _UNTIL_HINT
            fields.problems.add(fields.file, item.line, f"{word[:80]!r} is no answer{near or '; ' + hint}")
    if not items:
        fields.problem("until", f"'until' says nothing; {_UNTIL_HINT}")
    return frozenset(found)


def read_event(node: YamlMapping, fields: Fields, what: str) -> str:
    """The name in ``{event: NAME}``."""
    inner = Fields(node, fields.file, fields.problems, f"{what!r}")
    if inner.get("event") is None:
        inner.problem("", f"{what!r} names an event as {{event: NAME}}")
        return ""
    event = inner.parsed("event", name, "")
    inner.finish()
    return event
