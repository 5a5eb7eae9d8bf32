"""A draft checked as ``otklik check`` checks the folder, and its journey, also where the workspace is not in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaigns.definition import CampaignDefinition
from campaigns.rehearsal import read_cases
from campaigns.workspace.campaign import ReadCampaign, read_campaign
from campaigns.workspace.texts import templates_of
from core.installed import channel_names
from core.reading.problems import Problem, Problems, WorkspaceInvalid
from core.reading.yaml import read_yaml
from desk.campaigns.editing.folder import Draft, Folder
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


def check(bench: Workbench, name: str, file: str, drafts: Sequence[Draft]) -> Checked:
    """Check the workspace with ``drafts`` in it; ``file`` is the campaign's. For a thread.

    Raises:
        OSError: if the folder cannot be copied.
    """
    written = {draft.path: draft.text for draft in drafts}
    with Folder(bench.folder).with_drafts(written) as copy:
        try:
            loaded = bench.load(copy)
            _read_tests(loaded, name)
        except WorkspaceInvalid as error:
            read = _read(copy, file)
            return Checked(error.problems, error.warnings, read.definition if read is not None else None)
    body = loaded.workspace.campaigns.get(name)
    if body is None:
        return Checked([Problem(file, 1, f"this is not campaign {name!r}: its name never changes")], loaded.warnings)
    return Checked((), loaded.warnings, body.definition, loaded)


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


def _read_tests(loaded: Loaded, name: str) -> None:
    """Raises :class:`WorkspaceInvalid` if the campaign's own tests cannot be read."""
    workspace = loaded.workspace
    node = workspace.tests.get(name)
    if node is None:
        return
    problems = Problems()
    read_cases(node, workspace.files[name], workspace.campaigns[name].definition, problems)
    problems.raise_if_any()


def by_place(problems: Sequence[Problem], files: Mapping[str, object]) -> Sequence[Problem]:
    """Those of the open files first, then what is wrong elsewhere; each in its order."""
    return sorted(problems, key=lambda one: (one.file not in files, one))
