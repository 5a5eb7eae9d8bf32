"""One file under ``flows/`` → :class:`bot.flows.definition.FlowDefinition`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.flows.asking import target
from bot.flows.definition import ALL_LANGUAGES, DAY, FlowDefinition, HandoffStep, Triggers
from bot.flows.scope import Scope
from bot.flows.steps import StepReader, read_handoff
from bot.flows.texts import read_label
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.locales import locale_code
from core.reading.problems import Problems
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Node, Scalar, Sequence

LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class ReadFlow:
    """What was read, with the lines that later checks point to; ``definition`` is None where something is wrong.

    ``lines`` are those of the file's keys, ``step_lines`` those of the steps by id; ``tests`` are the file's own.
    """

    file: str
    name: str
    scope: Scope
    definition: FlowDefinition | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    step_lines: Mapping[str, int] = field(default_factory=dict)
    tests: Node | None = None


def read_flow(node: Node | None, file: str, problems: Problems) -> ReadFlow | None:
    """What the file says, or None where it is no flow at all."""
    fields = Fields.of(node, file, problems, "the flow")
    if fields is None:
        return None
    before = len(problems)
    scope = Scope(file, problems)
    if fields.get("flow") is None:
        fields.problem("", "the flow has no 'flow'; add its name, such as flow: support")
    title = fields.parsed("flow", name, "")
    description = fields.text("description")
    triggers = _triggers(fields, scope)
    timeout = fields.period("timeout") or DAY
    menu = target(fields, "menu", scope)
    subject = read_label(fields, "subject", scope)
    human = _human(fields, scope)
    reader = StepReader(scope)
    steps = reader.steps(fields)
    tests = fields.get("tests")
    fields.finish()
    definition = None
    if len(problems) == before and steps:
        definition = FlowDefinition(
            name=title, description=description, triggers=triggers, timeout=timeout, menu=menu, human=human,
            subject=subject, steps=tuple(steps),
        )  # fmt: skip
    lines = {key: fields.line(key) for key in fields.node.entries}
    return ReadFlow(file, title, scope, definition, lines, dict(reader.lines), tests)


def _human(fields: Fields, scope: Scope) -> HandoffStep:
    """How "human" hands over: ``human: QUEUE``, or its queue, note and priority."""
    node = fields.get("human")
    if node is None:
        return HandoffStep(id="human")
    if isinstance(node, Scalar):
        return HandoffStep(id="human", queue=fields.parsed("human", name, ""))
    inner = fields.mapping("human")
    if inner is None:
        return HandoffStep(id="human")
    made = read_handoff(inner, "queue", {"id": "human"}, scope)
    inner.finish()
    return made


def _triggers(fields: Fields, scope: Scope) -> Triggers:
    inner = fields.mapping("on")
    if inner is None:
        return Triggers()
    words = _words(inner, scope)
    named = {key: _names(inner, key) for key in ("start", "button", "event")}
    default = inner.flag("default")
    inner.finish()
    return Triggers(words=words, default=default, **named)


def _words(inner: Fields, scope: Scope) -> dict[str, tuple[str, ...]]:
    node = inner.get("words")
    if node is None:
        return {}
    if not isinstance(node, YamlMapping):
        return {ALL_LANGUAGES: _listed(node, scope)}
    found = {}
    for language, item in node.entries.items():
        try:
            found[locale_code(language).lower()] = _listed(item, scope)
        except ValueError as error:
            scope.problem(node.key_lines[language], f"words: {error}")
    return found


def _listed(node: Node, scope: Scope) -> tuple[str, ...]:
    words = []
    for item in node.items if isinstance(node, Sequence) else [node]:
        if not isinstance(item, Scalar) or not 0 < len(item.text.strip()) <= LONGEST_WORD:
            scope.problem(item.line, f"'words' are what a customer writes, up to {LONGEST_WORD} characters each")
            continue
        words.append(item.text.strip())
    return tuple(dict.fromkeys(words))


def _names(inner: Fields, key: str) -> tuple[str, ...]:
    found = []
    for word in inner.words(key) or ():
        if not 0 < len(word) <= 64:
            inner.problem(key, f"{key!r} takes names of up to 64 characters")
            continue
        found.append(word)
    return tuple(dict.fromkeys(found))
