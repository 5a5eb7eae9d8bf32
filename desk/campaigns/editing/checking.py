"""A draft checked as ``otklik check`` checks the folder; a campaign's journey also where the rest is not in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.flows import rehearsing
from campaigns.definition import CampaignDefinition
from campaigns.rehearsal import read_cases
from campaigns.workspace.campaign import ReadCampaign, read_campaign
from campaigns.workspace.texts import templates_of
from core.installed import channel_names
from core.reading.problems import Problem, Problems, WorkspaceInvalid
from core.reading.yaml import read_yaml
from desk.campaigns.editing.folder import Draft, Folder
from desk.campaigns.editing.subject import Kind, Subject
from desk.campaigns.editing.workbench import Loaded, Workbench


@dataclass(frozen=True, slots=True)
class Checked:
    """What a draft comes to. ``loaded`` is the whole workspace with it, None where it has ``problems``.

    ``definition`` is what could be read of the campaign itself; None where its file is broken.
    """

    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    definition: CampaignDefinition | None = None
    loaded: Loaded | None = None


def check(bench: Workbench, subject: Subject, drafts: Sequence[Draft]) -> Checked:
    """Check the workspace with ``drafts`` in it. For a thread.

    Raises:
        OSError: if the folder cannot be copied.
    """
    written = {draft.path: draft.text for draft in drafts}
    with Folder(bench.folder).with_drafts(written) as copy:
        try:
            loaded = bench.load(copy)
            _read_tests(loaded, subject)
        except WorkspaceInvalid as error:
            read = _read(copy, subject.file) if subject.kind is Kind.CAMPAIGN else None
            return Checked(error.problems, error.warnings, read.definition if read is not None else None)
    body = loaded.workspace.campaigns.get(subject.name) if subject.kind is Kind.CAMPAIGN else None
    if body is None and not _stands(loaded, subject):
        words = f"this is not {subject.kind} {subject.name!r}: its name never changes"
        return Checked([Problem(subject.file, 1, words)], loaded.warnings)
    return Checked((), loaded.warnings, body.definition if body is not None else None, loaded)


def _stands(loaded: Loaded, subject: Subject) -> bool:
    return subject.kind is Kind.ANSWERS or (subject.kind is Kind.FLOW and subject.name in loaded.flows.bodies)


def templates_used(root: Path, file: str, text: str | None = None) -> Sequence[str]:
    """The templates that a campaign's file speaks by, as far as it can be read; ``text`` instead of what stands there.

    For a thread.
    """
    read = _read(root, file, text)
    legs = read.legs if read is not None else ()
    return sorted({template for leg, _ in legs for template in templates_of(leg)})


def _read(root: Path, file: str, text: str | None = None) -> ReadCampaign | None:
    problems = Problems()
    try:
        content = (root / file).read_bytes() if text is None else text.encode()
        return read_campaign(read_yaml(content, file), file, problems, channel_names())
    except (OSError, WorkspaceInvalid):
        return None


def _read_tests(loaded: Loaded, subject: Subject) -> None:
    """Raises :class:`WorkspaceInvalid` if the file's own tests cannot be read."""
    workspace, flows, name, problems = loaded.workspace, loaded.flows, subject.name, Problems()
    if subject.kind is Kind.CAMPAIGN and name in workspace.tests:
        read_cases(workspace.tests[name], workspace.files[name], workspace.campaigns[name].definition, problems)
    if subject.kind is Kind.FLOW and name in flows.tests:
        rehearsing.read_cases(flows.tests[name], flows.files[name], flows.bodies[name].definition, problems)
    problems.raise_if_any()


def by_place(problems: Sequence[Problem], files: Mapping[str, object]) -> Sequence[Problem]:
    """Those of the open files first, then what is wrong elsewhere; each in its order."""
    return sorted(problems, key=lambda one: (one.file not in files, one))
