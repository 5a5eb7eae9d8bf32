"""A folder → :class:`Workspace`, or every problem of every file at once. Nothing is read outside the folder."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from campaigns.definition import CampaignBody, KeptFile, Leg, Offer, WorkspaceConfig
from campaigns.definition.answers import Answer
from campaigns.reading.files import read_within
from campaigns.segments.reading import read_segments
from campaigns.segments.syntax import SegmentDefinition
from campaigns.templates.checking import check_templates, stray_file
from campaigns.templates.sources import MESSAGE, TemplateSource, can_speak, file_parts, take_apart
from campaigns.workspace.answers import FOLDER as ANSWERS
from campaigns.workspace.answers import load_answers
from campaigns.workspace.campaign import ReadCampaign, read_campaign
from campaigns.workspace.checking import CONFIG, check_campaign, check_workspace
from campaigns.workspace.config import read_config
from campaigns.workspace.desk import check_desk
from campaigns.workspace.files import AttachedFiles
from campaigns.workspace.offers import read_offers
from campaigns.workspace.openings import Opening, opened_by, own_texts, told_of, with_versions
from campaigns.workspace.references import Known, check_references
from campaigns.workspace.texts import Wanted, resolved, templates_of
from core.installed import channel_names
from core.reading.problems import Problem, Problems, WorkspaceInvalid
from core.reading.yaml import MAX_BYTES, Node, read_yaml

SEGMENTS = "segments.yaml"
OFFERS = "offers.yaml"
MAX_TEMPLATE_BYTES = 256_000
MAX_FILES = 2_000
HANDLED = frozenset({"handoff", "webhook", "flow"})
"""Kinds of commands that somebody carries out in this release."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a folder says, whole and without a problem; all by name.

    ``files`` is where each campaign stands, ``tests`` what its file says under ``tests:`` (those that have some).
    ``contents`` are the bytes of files that texts attach, by SHA-256 (hex).
    """

    config: WorkspaceConfig
    segments: Mapping[str, SegmentDefinition]
    campaigns: Mapping[str, CampaignBody]
    offers: Mapping[str, Offer] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, Node] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    answers: tuple[Answer, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def load_workspace(
    folder: Path,
    channels: Collection[str] | None = None,
    handlers: Collection[str] = HANDLED,
    flows: Mapping[str, Opening] | None = MappingProxyType({}),
) -> Workspace:
    """Read and check a whole workspace; ``channels``, ``handlers`` and ``flows`` are what exists beside it.

    ``flows`` None: theirs is broken, and none is called missing.

    Raises:
        WorkspaceInvalid: with all problems.
    """
    return _Loader(folder, channel_names() if channels is None else channels, handlers, flows).load()


class _Loader:
    def __init__(
        self, folder: Path, channels: Collection[str], handlers: Collection[str], flows: Mapping[str, Opening] | None
    ) -> None:
        self._root = folder
        self._channels = channels
        self._handlers = handlers
        self._flows = flows
        self._common: dict[str, TemplateSource | None] = {}
        self._strays: dict[str, str] = {}
        self._alias: dict[str, str] = {}  # texts of flows' first words, by the file that is taken for them,
        self._words: dict[str, str] = {}  # or by the words themselves
        self._problems = Problems()
        self._attached = AttachedFiles(folder, self._read, self._problems)

    def load(self) -> Workspace:
        if not self._root.is_dir():
            raise WorkspaceInvalid(
                [Problem(str(self._root), 0, "there is no such folder; make one with: otklik init DIR")]
            )
        if not (self._root / CONFIG).is_file():
            hint = "this is no workspace; make one with: otklik init DIR"
            raise WorkspaceInvalid([Problem(CONFIG, 0, f"there is no such file in {self._root}; {hint}")])
        problems = self._problems
        written = self._yaml(CONFIG)
        config = read_config(written, CONFIG, problems, self._channels)
        before = len(problems)
        segments = read_segments(self._optional(SEGMENTS), SEGMENTS, problems, self._channels)
        # Where a file itself is broken, a name that it may define is not called missing.
        known_segments = set(segments) if len(problems) == before else None
        if config is not None and known_segments is not None:
            check_desk(config.desk, written, CONFIG, known_segments, problems)
        before = len(problems)
        offers = read_offers(self._optional(OFFERS), OFFERS, problems)
        known = Known(
            segments=known_segments,
            offers=set(offers) if len(problems) == before else None,
            budgets={budget.name for budget in config.budgets} if config else None,
            topics=set(config.topics) if config else None,
            flows=self._flows,
            handlers=self._handlers,
        )
        read, campaigns = self._campaigns(known, config, offers)
        for below, stray in self._strays.items():
            if not self._attached.attaches(f"templates/{below}"):
                problems.add(f"templates/{below}", 0, stray)
        names = [path.name for path in self._listed(ANSWERS)]
        answers = load_answers(names, self._read, config.locale if config else "en", problems)
        check_workspace(campaigns, read, config, problems)
        problems.raise_if_any()
        assert config is not None  # noqa: S101  without it there was a problem
        return Workspace(
            config=config,
            segments=segments,
            campaigns=campaigns,
            offers=offers,
            files={title: found.file for title, found in read.items()},
            tests={title: found.tests for title, found in read.items() if found.tests is not None},
            warnings=problems.warnings,
            answers=answers,
            contents=self._attached.contents,
        )

    def _optional(self, file: str) -> Node | None:
        return self._yaml(file) if (self._root / file).is_file() else None

    def _yaml(self, file: str) -> Node | None:
        text = self._read(file, MAX_BYTES)
        if text is None:
            return None
        try:
            return read_yaml(text, file)
        except WorkspaceInvalid as error:
            for problem in error.problems:
                self._problems.add(problem.file, problem.line, problem.message)
            return None

    def _read(self, file: str, limit: int) -> bytes | None:
        return read_within(self._root, self._root / file, file, limit, self._problems)

    def _campaigns(
        self, known: Known, config: WorkspaceConfig | None, offers: Mapping[str, Offer]
    ) -> tuple[dict[str, ReadCampaign], dict[str, CampaignBody]]:
        """What could be read, by name, and those of it that are whole."""
        found: dict[str, CampaignBody] = {}
        every: dict[str, ReadCampaign] = {}
        for path in self._listed("campaigns"):
            file = path.relative_to(self._root).as_posix()
            if path.suffix not in (".yaml", ".yml"):
                self._problems.add(file, 0, "campaigns are .yaml files; rename or remove this")
                continue
            before = len(self._problems)
            node = self._yaml(file)
            if len(self._problems) != before:
                continue
            read = read_campaign(node, file, self._problems, self._channels)
            if read is None:
                continue
            check_references(read, known, self._problems)
            texts, available, files = self._templates(read, config.locale if config else "en")
            if read.name in every:
                first = every[read.name].file
                self._problems.add(file, 1, f"campaign {read.name!r} is in {first} already; rename one")
                continue
            if read.name:
                every[read.name] = read
            if read.definition is None:
                continue
            definition = with_versions(resolved(read.definition, available), self._flows or {})
            check_campaign(definition, read, config, offers, self._problems)
            granted = {reference.name for reference in read.references if reference.kind == "offer"}
            own = {name: offer for name, offer in offers.items() if name in granted}
            found[definition.name] = CampaignBody(definition=definition, templates=texts, offers=own, files=files)
        return every, found

    def _templates(
        self, read: ReadCampaign, locale: str
    ) -> tuple[dict[str, str], dict[str, list[str]], dict[str, KeptFile]]:
        """The texts that the campaign can use, by path, the channels that each template speaks on, what they attach."""
        legs = [(leg, line) for leg, line in read.legs if self._is_there(leg)]
        names = sorted({template for leg, _ in legs for template in templates_of(leg)})
        files = {template: self._template_files(template) for template in names}
        available = {
            template: [
                channel for channel in self._channels if any(self._speaks(below, channel) for _, below in listed)
            ]
            for template, listed in files.items()
        }
        wanted = Wanted()
        for leg, line in legs:
            wanted.ask(leg, line, available, read.file, self._problems)
        wanted.beside(legs, available)
        texts: dict[str, str] = {}
        for template, listed in files.items():
            for channel, below in listed:
                asked = any(name == template and channel in (MESSAGE, where) for name, where in wanted.lines)
                text = self._template(below) if asked else None
                if text is not None:
                    texts[f"{template}/{_canonical(below.rpartition('/')[2])}"] = text
        texts = dict(sorted(texts.items()))
        attached = self._attached.of(texts)
        found = Problems()
        check_templates(
            texts, read.purpose, wanted.lines, file=read.file, default_locale=locale, problems=found,
            attached=attached,
        )  # fmt: skip
        lines = {template: line for leg, line in legs for template in templates_of(leg)}
        told_of(found, read.file, lines, self._problems)
        return texts, available, attached

    def _is_there(self, leg: Leg) -> bool:
        """Whether its texts can be looked for: a flow that is not there is told of by its name."""
        flow, _ = opened_by(leg.template)
        return not flow or flow in (self._flows or {})

    def _speaks(self, below: str, channel: str) -> bool:
        """Whether a template's file has what ``channel`` needs; what is wrong with it is told when it is checked."""
        parts = file_parts(below)
        if parts is None or parts[0] != MESSAGE:
            return parts is not None and parts[0] == channel
        if below not in self._common:
            try:
                self._common[below] = take_apart(below, self._template(below) or "")
            except WorkspaceInvalid:
                self._common[below] = None
        source = self._common[below]
        return source is not None and can_speak(source, channel)

    def _template_files(self, template: str) -> list[tuple[str, str]]:
        """(channel, path below ``templates/``) of every file of a template whose name says what it is."""
        flow, folder = opened_by(template)
        if flow:
            return self._opening_files(template, (self._flows or {})[flow], folder)
        found = []
        for path in self._listed(f"templates/{template}"):
            below = f"{template}/{path.name}"
            stray = stray_file(below)
            if stray:
                self._strays[below] = stray
                continue
            parts = file_parts(below)
            if parts is not None:
                found.append((parts[0], below))
        return found

    def _opening_files(self, template: str, found: Opening, folder: str) -> list[tuple[str, str]]:
        """The files that a flow's first words are taken from: the folder's, and the flow's own words for the rest."""
        own = self._template_files(folder) if folder else []
        if folder and not own:
            return []
        self._alias.update({f"{template}/{below.rpartition('/')[2]}": below for _, below in own})
        words = own_texts(found, [below for _, below in own], self._channels)
        self._words.update({f"{template}/{file}": text for file, text in words.items()})
        files = [*(below.rpartition("/")[2] for _, below in own), *words]
        return [(parts[0], f"{template}/{file}") for file in files if (parts := file_parts(file)) is not None]

    def _template(self, below: str) -> str | None:
        if below in self._words:
            return self._words[below]
        below = self._alias.get(below, below)
        content = self._read(f"templates/{below}", MAX_TEMPLATE_BYTES)
        try:
            return None if content is None else content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            self._problems.add(f"templates/{below}", 0, f"byte {error.start} is not UTF-8; save the file as UTF-8")
            return None

    def _listed(self, folder: str) -> list[Path]:
        base = self._root / folder
        if not base.is_dir():
            return []
        paths = [path for path in sorted(base.iterdir()) if path.is_file() and not path.name.startswith(".")]
        if len(paths) > MAX_FILES:
            self._problems.add(folder, 0, f"more than {MAX_FILES} files in one folder")
            return []
        return paths


def _canonical(file: str) -> str:
    # email.pt_BR.mjml and email.pt-br.mjml are one: renders look for the lower-case form with a hyphen
    first, _, rest = file.partition(".")
    return f"{first}.{rest.replace('_', '-').lower()}"
