"""A folder → :class:`Workspace`, or every problem of every file at once. Nothing is read outside the folder."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.reading.problems import Problem, Problems, WorkspaceInvalid, did_you_mean
from campaigns.reading.yaml import MAX_BYTES, Node, read_yaml
from campaigns.segments.reading import read_segments
from campaigns.segments.syntax import SegmentDefinition
from campaigns.templates.checking import check_templates, stray_file
from campaigns.templates.sources import file_parts
from campaigns.workspace.campaign import ReadCampaign, read_campaign
from campaigns.workspace.config import read_config
from core.messages import CHANNELS

CONFIG = "otklik.yaml"
SEGMENTS = "segments.yaml"
MAX_TEMPLATE_BYTES = 256_000
MAX_FILES = 2_000


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a folder says, whole and without a problem. ``campaigns`` and ``segments`` are by name."""

    config: WorkspaceConfig
    segments: Mapping[str, SegmentDefinition]
    campaigns: Mapping[str, CampaignBody]


def load_workspace(folder: Path, channels: Collection[str] = CHANNELS) -> Workspace:
    """Read and check a whole workspace; ``channels`` are the channel names that exist.

    Raises:
        WorkspaceInvalid: with all problems.
    """
    return _Loader(folder, channels).load()


class _Loader:
    def __init__(self, folder: Path, channels: Collection[str]) -> None:
        self._root = folder
        self._channels = channels
        self._problems = Problems()

    def load(self) -> Workspace:
        if not self._root.is_dir():
            raise WorkspaceInvalid(
                [Problem(str(self._root), 0, "there is no such folder; make one with: otklik init DIR")]
            )
        if not (self._root / CONFIG).is_file():
            hint = "this is no workspace; make one with: otklik init DIR"
            raise WorkspaceInvalid([Problem(CONFIG, 0, f"there is no such file in {self._root}; {hint}")])
        config = read_config(self._yaml(CONFIG), CONFIG, self._problems, self._channels)
        before = len(self._problems)
        has_segments = (self._root / SEGMENTS).is_file()
        node = self._yaml(SEGMENTS) if has_segments else None
        segments = read_segments(node, SEGMENTS, self._problems, self._channels)
        # Where segments.yaml itself is broken, an audience that it may define is not called missing.
        known = set(segments) if len(self._problems) == before else None
        campaigns = self._campaigns(known, config.locale if config else "en")
        self._problems.raise_if_any()
        assert config is not None  # noqa: S101  without it there was a problem
        return Workspace(config, segments, campaigns)

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
        path = self._root / file
        try:
            if not path.resolve().is_relative_to(self._root.resolve()):
                self._problems.add(file, 0, "this leads out of the workspace; put the file itself here")
                return None
            with path.open("rb") as stream:
                content = stream.read(limit + 1)
        except OSError as error:
            self._problems.add(file, 0, f"cannot be read: {error.strerror or error}")
            return None
        if len(content) > limit:
            self._problems.add(file, 0, f"larger than {limit // 1000} kB; shorten it")
            return None
        return content

    def _campaigns(self, segments: Collection[str] | None, locale: str) -> dict[str, CampaignBody]:
        found: dict[str, CampaignBody] = {}
        files: dict[str, str] = {}
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
            self._check_audience(read, segments)
            templates = self._templates(read, locale)
            if read.definition is None:
                continue
            title = read.definition.name
            if title in found:
                self._problems.add(file, 1, f"campaign {title!r} is in {files[title]} already; rename one")
                continue
            found[title] = CampaignBody(definition=read.definition, templates=templates)
            files[title] = file
        return found

    def _check_audience(self, read: ReadCampaign, segments: Collection[str] | None) -> None:
        audience = read.audience
        if segments is not None and audience and audience not in segments:
            hint = did_you_mean(audience, segments) or "; define it in segments.yaml"
            self._problems.add(read.file, read.audience_line, f"there is no segment {audience!r}{hint}")

    def _templates(self, read: ReadCampaign, locale: str) -> dict[str, str]:
        wanted = {(leg.template, leg.channel) for leg in read.leg_lines}
        texts: dict[str, str] = {}
        for template in sorted({leg.template for leg in read.leg_lines}):
            for path in self._listed(f"templates/{template}"):
                below = f"{template}/{path.name}"
                stray = stray_file(below)
                if stray:
                    self._problems.add(f"templates/{below}", 0, stray)
                    continue
                parts = file_parts(below)
                if parts is None or (template, parts[0]) not in wanted:
                    continue
                text = self._template(below)
                if text is not None:
                    texts[f"{template}/{_canonical(path.name)}"] = text
        texts = dict(sorted(texts.items()))
        check_templates(
            texts, read.purpose, read.leg_lines, file=read.file, default_locale=locale, problems=self._problems
        )
        return texts

    def _template(self, below: str) -> str | None:
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
