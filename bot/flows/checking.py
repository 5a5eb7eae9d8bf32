"""What a flow that could be read may still get wrong: names that lead nowhere, ways without an end, texts."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from jinja2.exceptions import TemplateSyntaxError

from bot.flows.definition import ALL_LANGUAGES, EXITS, AskStep, FlowBody, FlowDefinition, SayStep
from bot.flows.escapes import escape
from bot.flows.graph import endless, loops, unreachable
from bot.flows.reading import ReadFlow
from bot.flows.scope import Piece
from bot.flows.speaking import Surroundings, again, check_source, data_for, question, statement
from bot.keywords import keyword
from campaigns.definition import Brand, WorkspaceConfig
from campaigns.templates.adapting import Envelope, adapt
from campaigns.templates.content import Manner, Rendered
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.names import dotted_names
from campaigns.templates.variables import NAMES, is_known
from core.messages import CHANNELS, EMAIL
from core.reading.problems import Problems, did_you_mean
from core.text import folded

_GROUPS = ("customer", "orders", "brand")
_LOOKED_UP = ("orders.last.",)
"""Variables of campaigns' templates that a flow has not."""
KNOWN_VARIABLES = frozenset(
    name for name in NAMES if (name.partition(".")[0] in _GROUPS or name == "today") and not name.startswith(_LOOKED_UP)
)
_TRIED_AT = datetime(2026, 12, 1, 10, tzinfo=UTC)
_LONG_FOR_SMS = 1_600


@dataclass(frozen=True, slots=True)
class Known:
    """The names that exist; None where they could not be read, so that nothing is called missing."""

    segments: Collection[str] | None = None
    campaigns: Collection[str] | None = None
    templates: Collection[str] | None = None


def check_references(read: ReadFlow, known: Known, problems: Problems) -> None:
    """Note every name of the file that leads nowhere."""
    named: Mapping[str, tuple[Collection[str] | None, str, str]] = {
        "segment": (known.segments, "there is no segment", "define it in segments.yaml"),
        "campaign": (known.campaigns, "there is no campaign", "write it under campaigns/"),
        "template": (known.templates, "there is no template", "write templates/NAME/message.md"),
        "target": ((*read.step_lines, *EXITS), "there is no step", "give a step that id, or write end or human"),
        "variable": (read.scope.variables, "nothing asks for or sets", "add a step with ask:"),
    }
    for reference in read.scope.references:
        listed, said, instead = named[reference.kind]
        if listed is not None and reference.name not in listed:
            hint = did_you_mean(reference.name, listed) or f"; {instead}"
            problems.add(read.file, reference.line, f"{said} {reference.name!r}{hint}")


def check_pieces(read: ReadFlow, problems: Problems) -> None:
    """Note what is wrong with the templates in the file: their syntax, and names that the data will not have."""
    for piece in read.scope.pieces:
        try:
            trees = check_source(piece.source)
        except TemplateSyntaxError as error:
            line = piece.line + error.lineno - 1
            problems.add(read.file, line, error.message or "broken template syntax")
            continue
        for tree in trees:
            for line, dotted in dotted_names(tree):
                if (message := _unknown(dotted, read)) is not None:
                    problems.add(read.file, piece.line + line - 1, message)


def unknown_answer(dotted: str, read: ReadFlow) -> str | None:
    """What is wrong with ``answers.NAME``, or None."""
    name = dotted.partition(".")[2].partition(".")[0]
    if name in read.scope.variables:
        return None
    hint = did_you_mean(name, read.scope.variables) or "; add a step with ask: or set:"
    return f"nothing asks for or sets 'answers.{name}'{hint}"


def _unknown(dotted: str, read: ReadFlow) -> str | None:
    group = dotted.partition(".")[0]
    if group == "answers":
        return unknown_answer(dotted, read)
    if dotted in KNOWN_VARIABLES or (group in _GROUPS and is_known(dotted) and not dotted.startswith(_LOOKED_UP)):
        return None
    hint = did_you_mean(dotted, KNOWN_VARIABLES) or f" (known: answers.NAME, {', '.join(sorted(KNOWN_VARIABLES))})"
    return f"unknown variable {dotted!r}{hint}"


def check_ways(flow: FlowDefinition, read: ReadFlow, problems: Problems) -> None:
    """Note steps that nothing leads to, that never end, that go round by themselves."""
    for step in unreachable(flow):
        hint = "lead to it by then:, or remove it"
        problems.add(read.file, read.step_lines[step.id], f"nothing leads to step {step.id!r}: {hint}")
    for step in endless(flow)[:1]:
        said = f"from step {step.id!r} no way leads out of the flow; lead one to end"
        problems.add(read.file, read.step_lines[step.id], said)
    for path in loops(flow):
        round_ = " → ".join((*path, path[0]))
        said = f"the flow goes round by itself, without an answer: {round_}; ask something on the way, or lead out"
        problems.add(read.file, read.step_lines[path[0]], said)


def check_languages(read: ReadFlow, locale: str, problems: Problems) -> None:
    """Warn of texts that lack a language which others of the file speak."""
    own = locale.partition("-")[0].lower()
    spoken = {language for _, languages in read.scope.languages for language in languages} - {ALL_LANGUAGES}
    if not spoken:
        return
    wanted = {language.partition("-")[0] for language in spoken} | {own}
    for line, languages in read.scope.languages:
        have = {language.partition("-")[0] or own for language in languages}
        missing = sorted(wanted - have)
        if missing:
            get = own if own in have else min(have)
            problems.warn(
                read.file, line, f"this has no text in {', '.join(missing)}; those readers get the one in {get}"
            )


def check_triggers(flows: Mapping[str, tuple[FlowDefinition, ReadFlow]], problems: Problems) -> None:
    """Note what sets off two flows, or none: orders of every channel, words that leave a flow."""
    taken: dict[tuple[str, str], str] = {}
    for name, (flow, read) in flows.items():
        line = read.lines.get("on", 0)
        for word in (word for words in flow.triggers.words.values() for word in words):
            if (order := keyword(word)) is not None:
                problems.add(read.file, line, f"{word!r} is an order on every channel ({order}); choose another word")
            elif (out := escape(word)) is not None:
                problems.add(read.file, line, f"{word!r} leads out of flows ({out}); choose another word")
        for kind, value in _triggers(flow):
            other = taken.setdefault((kind, value), name)
            if other != name:
                taken_twice = f"{kind} {value!r} sets off two flows"
                what = "two flows take what nobody else takes" if kind == "default" else taken_twice
                problems.add(read.file, line, f"{what}: {other!r} and {name!r}; leave it to one")
        for payload in flow.triggers.start:
            if not payload.replace("-", "").replace("_", "").isalnum() or not payload.isascii():
                problems.add(read.file, line, f"{payload!r} cannot stand in a link; write letters, digits, - and _")


def _triggers(flow: FlowDefinition) -> Iterator[tuple[str, str]]:
    triggers = flow.triggers
    yield from (("word", folded(word)) for words in triggers.words.values() for word in words)
    yield from (("start", payload) for payload in triggers.start)
    yield from (("button", value) for value in triggers.button)
    if triggers.default:
        yield "default", ""


def try_out(body: FlowBody, read: ReadFlow, config: WorkspaceConfig | None, problems: Problems) -> None:
    """Render every text in every language on every channel, for a customer that we know and for one that we do not."""
    flow = body.definition
    brand, locale = (config.brand, config.locale) if config is not None else (Brand(name="Otklik"), "en")
    languages = {language for _, found in read.scope.languages for language in found} - {ALL_LANGUAGES} | {locale}
    for step in flow.steps:
        if not isinstance(step, SayStep | AskStep):
            continue
        line = read.step_lines[step.id]
        try:
            long = {
                channel
                for channel in CHANNELS
                for language in sorted(languages)
                for customer in ({}, _SOMEBODY)
                for around in (Surroundings(brand, channel, language, locale, customer=customer),)
                for made in _renderings(step, body, around)
                if not _fits(made, channel, brand)
            }
        except TemplateFailure as error:
            problems.add(read.file, line, f"step {step.id!r} cannot be said: {error}")
            continue
        if long:
            said = f"step {step.id!r} is too long for {', '.join(sorted(long))} and would be cut; shorten it"
            problems.warn(read.file, line, said)


_SOMEBODY: Mapping[str, Any] = {"first_name": "Anna", "last_name": "Petrova", "country": "DE", "city": "Berlin"}


def _renderings(step: SayStep | AskStep, body: FlowBody, around: Surroundings) -> Iterator[Rendered]:
    data = data_for(body.definition, around, {}, _TRIED_AT)
    if isinstance(step, SayStep):
        yield statement(step, body, data, around)
        return
    yield question(step, body, data, around)
    yield again(step, body, data, around)


def _fits(made: Rendered, channel: str, brand: Brand) -> bool:
    if channel == EMAIL:
        return True
    strict = replace(made, manner=Manner(path="flow", is_formatted=made.manner.is_formatted, long="refuse"))
    try:
        adapt(strict, Envelope(channel, brand))
    except TemplateFailure:
        return False
    return True


__all__ = [
    "Known",
    "Piece",
    "check_languages",
    "check_pieces",
    "check_references",
    "check_triggers",
    "check_ways",
    "try_out",
]
