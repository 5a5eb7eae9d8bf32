"""Flows as campaigns see them: by what they say first. That is a template like those of the folder, called ``@FLOW``.

Whoever reads flows (a higher room) makes the openings; a campaign's step takes one as the text of its message, with
``template: FOLDER`` that folder's files in its place on the channels that they speak.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from campaigns.definition import CampaignDefinition, FlowStep, FlowVersion, SendStep
from campaigns.templates.sources import MESSAGE, file_parts
from core.messages import EMAIL
from core.reading.problems import Problems

_SIGN, _AND = "@", "+"


@dataclass(frozen=True, slots=True)
class Opening:
    """A flow's ``version`` and its first words: template sources by file name, such as ``message.ru.md``.

    ``trouble`` says why no campaign can start the flow, such as "begins with a branch; …".
    """

    version: str
    texts: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


def opening(flow: str, folder: str = "") -> str:
    """The name of the template that a flow's first words are, those of ``folder`` going before its own."""
    return f"{_SIGN}{flow}{_AND}{folder}" if folder else f"{_SIGN}{flow}"


def opened_by(template: str) -> tuple[str, str]:
    """(flow, folder) of a template's name; the flow is empty where it is a plain one."""
    if not template.startswith(_SIGN):
        return "", template
    flow, _, folder = template.removeprefix(_SIGN).partition(_AND)
    return flow, folder


def own_texts(found: Opening, files: Iterable[str], channels: Iterable[str]) -> dict[str, str]:
    """The flow's words by file name, without those of channels on which the folder's ``files`` speak in any language.

    What speaks on every channel becomes, beside such files, a text for each of the other ``channels``.
    """
    taken = {parts[0] for file in files if (parts := file_parts(file))}
    if not taken:
        return dict(found.texts)
    texts = {file: parts for file in found.texts if (parts := file_parts(file))}
    own = {parts[0] for parts in texts.values()}
    left = [] if MESSAGE in taken else [channel for channel in channels if channel not in taken | own]
    made = {file: found.texts[file] for file, parts in texts.items() if parts[0] not in {*taken, MESSAGE}}
    for file, parts in texts.items():
        if parts[0] == MESSAGE:
            made |= {f"{channel}{file.removeprefix(MESSAGE)}": _for(channel, found.texts[file]) for channel in left}
    return {} if MESSAGE in taken else made


def _for(channel: str, text: str) -> str:
    """A text for one channel: a subject is for letters only."""
    lines = text.split("\n")
    return text if channel == EMAIL else "\n".join(line for line in lines if not line.startswith("subject: "))


def told_of(found: Problems, file: str, lines: Mapping[str, int], problems: Problems) -> None:
    """Pass on what was found, that of flows' first words with the line of the campaign's ``file`` that starts it."""
    for note, ones in ((problems.add, found.found), (problems.warn, found.warnings)):
        for one in ones:
            template = one.file.removeprefix("templates/").partition("/")[0]
            flow, _ = opened_by(template)
            if flow:
                note(file, lines.get(template, 0), f"what flow {flow!r} says first: {one.message}")
            else:
                note(one.file, one.line, one.message)


def with_versions(definition: CampaignDefinition, openings: Mapping[str, Opening]) -> CampaignDefinition:
    """The campaign pinned to the flows as they are now."""

    def pinned(flow: FlowVersion) -> FlowVersion:
        return flow.model_copy(update={"version": openings[flow.name].version}) if flow.name in openings else flow

    steps = tuple(
        step.model_copy(update={"flow": pinned(step.flow)}) if isinstance(step, SendStep) and step.flow else step
        for step in definition.steps
    )
    actions = tuple(
        step.model_copy(update={"flow": pinned(step.flow)}) if isinstance(step, FlowStep) else step
        for step in definition.on_answer
    )
    return definition.model_copy(update={"steps": steps, "on_answer": actions})


def started(definition: CampaignDefinition) -> frozenset[str]:
    """The flows that a campaign starts."""
    by_steps = {step.flow.name for step in definition.steps if isinstance(step, SendStep) and step.flow}
    return frozenset(by_steps | {step.flow.name for step in definition.on_answer if isinstance(step, FlowStep)})
