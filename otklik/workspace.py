"""A workspace whole: what campaigns read of its folder, and the flows that the bot reads of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.flows.loading import Flows, load_flows
from bot.flows.opening import openings
from campaigns.workspace.loader import Workspace, load_workspace
from campaigns.workspace.openings import Opening
from core.reading.problems import Problem, WorkspaceInvalid


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that a folder says, without a problem."""

    workspace: Workspace
    flows: Flows

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is likely not meant, in the order of files and lines."""
        return tuple(sorted({*self.workspace.warnings, *self.flows.warnings}))


def load_campaigns(folder: Path) -> Workspace:
    """Read and check what campaigns read of a folder, with the flows that they start.

    Raises:
        WorkspaceInvalid: with all problems of their files.
    """
    return load_workspace(folder, flows=_openings(folder))


def _openings(folder: Path) -> Mapping[str, Opening] | None:
    try:
        return openings(load_flows(folder).bodies)
    except WorkspaceInvalid:
        return None  # told of where flows are checked


def load_whole(folder: Path) -> Whole:
    """Read and check a whole folder.

    Raises:
        WorkspaceInvalid: with all problems of all files.
    """
    workspace, flows = None, None
    problems: list[Problem] = []
    warnings: list[Problem] = []
    try:
        workspace = load_campaigns(folder)
    except WorkspaceInvalid as error:
        problems, warnings = list(error.problems), list(error.warnings)
    if workspace is not None or folder.is_dir():
        try:
            flows = load_flows(folder, workspace)
            warnings += flows.warnings
        except WorkspaceInvalid as error:
            problems += error.problems
            warnings += error.warnings
    if problems or workspace is None or flows is None:
        raise WorkspaceInvalid(problems, warnings)
    return Whole(workspace, flows)
