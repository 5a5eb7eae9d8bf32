"""The folder ``flows/`` → :class:`Flows`, or every problem of every file at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bot.flows.builtin import BUILT_IN, built_in
from bot.flows.checking import (
    Known,
    check_languages,
    check_pieces,
    check_references,
    check_triggers,
    check_ways,
    try_out,
    unknown_answer,
)
from bot.flows.definition import FlowBody, FlowDefinition
from bot.flows.reading import ReadFlow, read_flow
from campaigns.reading.files import read_within
from campaigns.templates.checking import check_file
from campaigns.templates.sources import MESSAGE, file_parts
from campaigns.workspace.checking import CONFIG
from campaigns.workspace.loader import MAX_FILES, MAX_TEMPLATE_BYTES, Workspace
from campaigns.workspace.openings import started
from core.reading.problems import Problem, Problems, WorkspaceInvalid, did_you_mean
from core.reading.yaml import MAX_BYTES, Node, read_yaml

FOLDER = "flows"


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows of a workspace by name, where each stands, and what its file says under ``tests:``.

    ``own`` are flows of the program that the workspace's campaigns start.
    """

    bodies: Mapping[str, FlowBody] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, Node] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    own: Mapping[str, FlowBody] = field(default_factory=dict)


def load_flows(folder: Path, workspace: Workspace | None = None) -> Flows:
    """Read and check all flows of a workspace; None where the rest of it is broken: then only the files themselves.

    Raises:
        WorkspaceInvalid: with all problems.
    """
    return _Loader(folder, workspace).load()


class _Loader:
    def __init__(self, folder: Path, workspace: Workspace | None) -> None:
        self._root = folder
        self._workspace = workspace
        self._problems = Problems()

    def load(self) -> Flows:
        problems = self._problems
        read = [found for path in self._listed() if (found := self._read(path)) is not None]
        named: dict[str, ReadFlow] = {}
        for one in read:
            first = named.setdefault(one.name, one)
            if first is not one:
                problems.add(one.file, 1, f"flow {one.name!r} is in {first.file} already; rename one")
        bodies: dict[str, FlowBody] = {}
        for name, one in named.items():
            body = self._checked(one)
            if body is not None:
                bodies[name] = body
        check_triggers({name: (body.definition, named[name]) for name, body in bodies.items()}, problems)
        if self._workspace is not None:
            self._check_rating(self._workspace, named)
        problems.raise_if_any()
        return Flows(
            bodies=bodies,
            files={name: one.file for name, one in named.items()},
            tests={name: one.tests for name, one in named.items() if one.tests is not None},
            warnings=problems.warnings,
            own=self._started(bodies),
        )

    def _started(self, bodies: Mapping[str, FlowBody]) -> dict[str, FlowBody]:
        campaigns = self._workspace.campaigns.values() if self._workspace is not None else ()
        names = {name for body in campaigns for name in started(body.definition)} - bodies.keys()
        return {name: body for name in sorted(names) if (body := built_in(name)) is not None}

    def _listed(self) -> list[Path]:
        base = self._root / FOLDER
        if not base.is_dir():
            return []
        paths = [path for path in sorted(base.iterdir()) if path.is_file() and not path.name.startswith(".")]
        if len(paths) > MAX_FILES:
            self._problems.add(FOLDER, 0, f"more than {MAX_FILES} files in one folder")
            return []
        return paths

    def _read(self, path: Path) -> ReadFlow | None:
        file = path.relative_to(self._root).as_posix()
        if path.suffix not in (".yaml", ".yml"):
            self._problems.add(file, 0, "flows are .yaml files; rename or remove this")
            return None
        content = self._content(path, file, MAX_BYTES)
        if content is None:
            return None
        try:
            node = read_yaml(content, file)
        except WorkspaceInvalid as error:
            for problem in error.problems:
                self._problems.add(problem.file, problem.line, problem.message)
            return None
        return read_flow(node, file, self._problems)

    def _content(self, path: Path, file: str, limit: int) -> bytes | None:
        return read_within(self._root, path, file, limit, self._problems)

    def _checked(self, read: ReadFlow) -> FlowBody | None:
        """The flow with its templates, where it is whole; whatever is wrong is noted."""
        workspace, problems = self._workspace, self._problems
        before = len(problems)
        templates = self._templates(read)
        known = Known(
            segments=set(workspace.segments) if workspace is not None else None,
            campaigns=set(workspace.campaigns) if workspace is not None else None,
            templates={path.partition("/")[0] for path in templates},
        )
        check_references(read, known, problems)
        check_pieces(read, problems)
        if read.definition is None or len(problems) != before:
            return None
        config = workspace.config if workspace is not None else None
        check_ways(read.definition, read, problems)
        check_languages(read, config.locale if config is not None else "en", problems)
        body = FlowBody(definition=read.definition, templates=templates)
        try_out(body, read, config, problems)
        return body

    def _templates(self, read: ReadFlow) -> dict[str, str]:
        """The files of the templates that the flow names, by path below ``templates/``."""
        found: dict[str, str] = {}
        for reference in read.scope.references:
            folder = self._root / "templates" / reference.name
            if reference.kind != "template" or not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                parts = file_parts(path.name)
                content = self._content(path, f"templates/{reference.name}/{path.name}", MAX_TEMPLATE_BYTES)
                if parts is None or content is None:
                    continue
                below = f"{reference.name}/{path.name}"
                found[below] = content.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
                check_file(below, found[below], self._problems, more={"answers": partial(unknown_answer, read=read)})
            speaks = (file_parts(path) for path in found if path.startswith(f"{reference.name}/"))
            spoken = {parts[0] for parts in speaks if parts is not None}
            if MESSAGE not in spoken:
                said = f"template {reference.name!r} does not speak on every channel"
                self._problems.add(read.file, reference.line, f"{said}; write templates/{reference.name}/message.md")
        return dict(sorted(found.items()))

    def _check_rating(self, workspace: Workspace, flows: Mapping[str, ReadFlow]) -> None:
        """Note where the flow after a chat is not there."""
        rating = workspace.config.desk.rating
        if rating and rating not in (*flows, *BUILT_IN):
            hint = did_you_mean(rating, (*flows, *BUILT_IN)) or f"; write flows/{rating}.yaml"
            self._problems.add(CONFIG, 0, f"rating: there is no flow {rating!r}{hint}")


def definitions_of(flows: Flows) -> dict[str, FlowDefinition]:
    """The definitions by name."""
    return {name: body.definition for name, body in flows.bodies.items()}
