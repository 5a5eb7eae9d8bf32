"""``tests:`` of a flow file: this is said to it, that is expected of it. Played by the engine alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from bot.flows.definition import FlowBody, FlowDefinition
from bot.flows.effects import Facts
from bot.flows.speaking import Surroundings
from bot.flows.talking import Talk
from campaigns.definition import WorkspaceConfig
from campaigns.periods import resolve, zone_named
from campaigns.reading.fields import Fields
from campaigns.reading.steps import each_test
from campaigns.rehearsal.cases import BEGINS
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.templates.errors import TemplateFailure
from core.installed import channel_names
from core.machines.flow_run import FlowRunState
from core.messages import TELEGRAM
from core.reading.problems import Problems, did_you_mean
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Node
from core.reading.yaml import Sequence as YamlSequence
from core.text import folded

OUTCOMES = tuple(state.value.replace("_", " ") for state in FlowRunState)
_FIELDS = ("first_name", "last_name", "country", "city", "zone", "stage", "birthday", "external_id")
_DEEDS = ("customer", "press", "file", "wait", "bot")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a test's chat: who (or what) and what of it."""

    kind: Literal["customer", "press", "file", "wait", "bot"]
    text: str
    line: int
    length: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Case:
    """One test. None and the empty string are not looked at."""

    name: str
    file: str
    line: int
    chat: tuple[Line, ...]
    channel: str = TELEGRAM
    locale: str = ""
    customer: Mapping[str, Any] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    knows: bool = True
    outcome: str = ""
    answers: Mapping[str, Any] | None = None
    expected_events: tuple[str, ...] | None = None
    expected_tags: tuple[str, ...] | None = None
    starts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case went: every difference with the line that expected otherwise; none where it passed."""

    flow: str
    case: Case
    differences: tuple[tuple[int, str], ...] = ()


def read_cases(node: Node, file: str, flow: FlowDefinition, problems: Problems) -> list[Case]:
    """The cases; what is wrong is noted, and what can be read is read."""
    return each_test(node, file, problems, partial(_case, flow=flow))


def _case(fields: Fields, place: int, flow: FlowDefinition) -> Case:
    name = fields.text("test", f"test {place}", limit=200)
    channel = fields.choice("channel", channel_names(), TELEGRAM)
    locale = fields.text("locale", limit=20)
    given = fields.mapping("given")
    customer, tags, segments = _given(given) if given is not None else ({}, frozenset[str](), frozenset[str]())
    webhooks = _webhooks(fields, flow)
    knows = fields.flag("knows", default=True)
    chat = tuple(_chat(fields))
    outcome = fields.text("outcome")
    if outcome and outcome not in OUTCOMES:
        hint = did_you_mean(outcome, OUTCOMES) or f" (one of {', '.join(OUTCOMES)})"
        fields.problem("outcome", f"{outcome!r} is no outcome{hint}")
    answers = fields.get("answers")
    expected = {key: fields.words(key) for key in ("events", "tags", "starts")}
    fields.finish()
    return Case(
        name=name, file=fields.file, line=fields.line("test") or fields.node.line, chat=chat, channel=channel,
        locale=locale, customer=customer, tags=tags, segments=segments, webhooks=webhooks, knows=knows,
        outcome=outcome, answers=answers.plain() if isinstance(answers, YamlMapping) else None,
        expected_events=_words(expected["events"]), expected_tags=_words(expected["tags"]),
        starts=_words(expected["starts"]),
    )  # fmt: skip


def _words(found: list[str] | None) -> tuple[str, ...] | None:
    return None if found is None else tuple(word for word in found if word != "none")


def _given(inner: Fields) -> tuple[dict[str, Any], frozenset[str], frozenset[str]]:
    tags, segments = frozenset(inner.words("tags") or ()), frozenset(inner.words("segments") or ())
    customer: dict[str, Any] = {"attributes": {}}
    for key, node in inner.node.entries.items():
        if key in _FIELDS:
            customer[key] = inner.text(key)
        elif key.startswith(ATTRIBUTE):
            inner.get(key)
            customer["attributes"][key.removeprefix(ATTRIBUTE)] = node.plain()
    inner.finish()
    return customer, tags, segments


def _webhooks(fields: Fields, flow: FlowDefinition) -> dict[str, Any]:
    inner = fields.mapping("webhooks")
    if inner is None:
        return {}
    found = {}
    for step in inner.node.entries:
        node = inner.get(step)
        called = flow.step(step)
        if called is None or called.kind != "webhook":
            inner.problem(step, f"there is no webhook step {step!r}; name the one that this answers")
        found[step] = {} if node is None else node.plain()
    return found


def _chat(fields: Fields) -> list[Line]:
    node = fields.get("chat")
    if not isinstance(node, YamlSequence) or not node.items:
        fields.problem("chat", "a test needs a chat; write such as chat: [{customer: hello}, {bot: Hello}]")
        return []
    found = []
    for item in node.items:
        inner = Fields.of(item, fields.file, fields.problems, "a line of the chat")
        if inner is None:
            continue
        deed = next((key for key in _DEEDS if key in inner.node.entries), "")
        if not deed:
            inner.problem("", f"a line of the chat is one of {', '.join(_DEEDS)}")
            continue
        kind = next(one for one in _DEEDS if one == deed)
        period = inner.period("wait") if kind == "wait" else None
        text = "" if kind == "wait" else inner.text(deed, limit=5_000)
        inner.finish()
        length = period.rough if period is not None else timedelta()
        found.append(Line(kind, text, inner.line(deed), length))  # type: ignore[arg-type]
    return found


def play(body: FlowBody, case: Case, config: WorkspaceConfig) -> Verdict:
    """Play one case."""
    zone = str(case.customer.get("zone") or config.zone)
    around = Surroundings(
        brand=config.brand, channel=case.channel, locale=case.locale or config.locale, default_locale=config.locale,
        currency=config.currency, zone=zone, customer={"attributes": {}, **case.customer},
    )  # fmt: skip
    talk = Talk(
        body, Facts(around, case.tags, case.segments), resolve(BEGINS, zone_named(zone)), case.webhooks, case.knows
    )
    try:
        differences = _play_chat(talk, case)
    except TemplateFailure as error:
        differences = [(case.line, str(error))]
    return Verdict(body.definition.name, case, (*differences, *_end_differences(talk, case)))


def _play_chat(talk: Talk, case: Case) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    unheard: list[str] = []
    looked_at = False
    if case.chat and case.chat[0].kind == "bot":
        unheard = talk.begin()
    for line in case.chat:
        if line.kind == "bot":
            looked_at = True
            said = unheard.pop(0) if unheard else None
            if said is None:
                found.append((line.line, f"expected the bot to say {line.text!r}, it says nothing more"))
            elif folded(line.text) not in folded(said):
                found.append((line.line, f"expected the bot to say {line.text!r}, it says {said!r}"))
            continue
        if looked_at and unheard:
            found.append((line.line, f"before this the bot also says {unheard[0]!r}"))
        looked_at = False
        unheard = _do(talk, line)
    if looked_at and unheard:
        found.append((case.chat[-1].line, f"after this the bot also says {unheard[0]!r}"))
    return found


def _do(talk: Talk, line: Line) -> list[str]:
    if talk.run is None and line.kind != "wait":
        return talk.begin(line.text)
    match line.kind:
        case "customer":
            return talk.hear(line.text)
        case "press":
            return talk.hear(line.text, button=line.text)
        case "file":
            return talk.hear(file=line.text)
        case _:
            return talk.wait(line.length)


def _end_differences(talk: Talk, case: Case) -> list[tuple[int, str]]:
    run, found = talk.run, []
    state = run.state.value.replace("_", " ") if run is not None else "not begun"
    if case.outcome and case.outcome != state:
        found.append((case.line, f"outcome: expected {case.outcome}, got {state}"))
    for name, wanted in (case.answers or {}).items():
        got = run.answers.get(name) if run is not None else None
        if str(got) != str(wanted):
            found.append((case.line, f"answers.{name}: expected {wanted!r}, got {got!r}"))
    kept: Sequence[tuple[str, tuple[str, ...] | None, Sequence[str]]] = (
        ("events", case.expected_events, talk.events),
        ("tags", case.expected_tags, sorted(talk.tags)),
        ("starts", case.starts, talk.started),
    )
    for what, expected, have in kept:
        if expected is not None and sorted(expected) != sorted(have):
            said = f"{what}: expected {', '.join(expected) or 'none'}, got {', '.join(have) or 'none'}"
            found.append((case.line, said))
    return found
