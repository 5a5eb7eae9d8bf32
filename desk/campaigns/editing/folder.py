"""The workspace's folder as it is edited on the desk: campaigns, flows, answers, templates; read, tried out, written.

Nothing is written over that changed since it was read, and nothing outside of the folder is touched. Everything here
blocks: it is for threads.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from campaigns.reading.names import NAME_PATTERN
from campaigns.templates.attachments import FOLDER as ATTACHED
from campaigns.templates.sources import file_parts
from campaigns.workspace.answers import FOLDER as ANSWERS
from campaigns.workspace.answers import MAX_FILE_BYTES
from campaigns.workspace.checking import CONFIG
from campaigns.workspace.loader import MAX_TEMPLATE_BYTES, OFFERS, SEGMENTS
from core.errors import Refused
from core.reading.yaml import MAX_BYTES
from desk.campaigns.editing.subject import ROOMS, Kind, naming

_WRITTEN = re.compile(rf"(campaigns|flows)/{NAME_PATTERN}\.ya?ml")
_ANSWERS = re.compile(rf"{ANSWERS}/{NAME_PATTERN}(\.[A-Za-z]{{2,3}}([-_][A-Za-z0-9]{{2,4}})?)?\.md")
_TEMPLATE = re.compile(rf"templates/{NAME_PATTERN}/[a-z][\w.-]{{0,80}}", re.IGNORECASE)
_PARTS = frozenset({CONFIG, SEGMENTS, OFFERS, "campaigns", "templates", "flows", ANSWERS, ATTACHED})
"""What makes a workspace: nothing else that lies in its folder is copied for trying out."""
_LARGEST = 16 * 1024 * 1024
"""Nor is a larger file: those that texts attach are no larger."""


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's text with lines that end in LF; ``mark`` is the SHA-256 (hex) of that, empty if it is not there."""

    path: str
    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wrote for a file that they read as ``base`` (a mark)."""

    path: str
    text: str
    base: str


class Overtaken(Exception):
    """Files that changed since they were read; nothing was written. ``theirs`` is what stands there now."""

    def __init__(self, theirs: Sequence[FileText]) -> None:
        super().__init__(", ".join(one.path for one in theirs))
        self.theirs = theirs


def mark_of(text: str) -> str:
    """By which a file's text is known."""
    return hashlib.sha256(text.encode()).hexdigest()


def editable(path: str) -> bool:
    """Whether ``path`` is that of a campaign, a flow, answers, or a template's text."""
    if _WRITTEN.fullmatch(path) or _ANSWERS.fullmatch(path):
        return True
    return bool(_TEMPLATE.fullmatch(path)) and file_parts(path.removeprefix("templates/")) is not None


class Folder:
    """A workspace on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def is_there(self) -> bool:
        """Whether there is a workspace at all."""
        return (self.root / CONFIG).is_file()

    @property
    def is_writable(self) -> bool:
        """Whether we may change it."""
        return self.is_there and all(
            os.access(place, os.W_OK | os.X_OK)
            for place in (self.root, *(self.root / name for name in ("campaigns", "templates", "flows", ANSWERS)))
            if place.is_dir()
        )

    def file_of(self, kind: Kind, name: str) -> str:
        """Where a campaign, a flow or answers of that name stand, or would."""
        if kind is Kind.ANSWERS:
            return f"{ANSWERS}/{name}.md"
        named = naming(kind, name)
        for path in self.files_of(kind):
            if named.search(self.read(path).text):
                return path
        return f"{ROOMS[kind]}/{name}.yaml"

    def files_of(self, kind: Kind) -> list[str]:
        """The paths of all files of a kind that can be edited."""
        base = self.root / ROOMS[kind]
        paths = [f"{ROOMS[kind]}/{place.name}" for place in sorted(base.iterdir())] if base.is_dir() else []
        return [path for path in paths if editable(path) and (self.root / path).is_file()]

    def texts_of(self, template: str) -> list[str]:
        """The paths of a template's texts."""
        base = self.root / "templates" / template
        places = sorted(base.iterdir()) if base.is_dir() else []
        paths = [f"templates/{template}/{place.name}" for place in places if place.is_file()]
        return [path for path in paths if editable(path)]

    def read(self, path: str) -> FileText:
        """A file as it is now; without a mark where there is none.

        Raises:
            Refused: if it cannot be read as text, or does not lie in the folder.
        """
        place = self._place(path)
        try:
            content = place.read_bytes() if place.is_file() else None
            text = (content or b"").decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"{path} cannot be read: {error}", name="unreadable", file=path) from None
        return FileText(path, text, "" if content is None else mark_of(text))

    @contextmanager
    def with_drafts(self, drafts: Mapping[str, str]) -> Iterator[Path]:
        """A throw-away copy of the folder in which the drafts stand (text by path)."""
        with tempfile.TemporaryDirectory(prefix="otklik-draft-", ignore_cleanup_errors=True) as made:
            copy = Path(made) / "workspace"
            shutil.copytree(self.root, copy, symlinks=True, ignore=self._ignored)
            for path, text in drafts.items():
                place = copy / PurePosixPath(path)
                place.unlink(missing_ok=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(text.encode())
            yield copy

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else on this machine saves meanwhile.

        Raises:
            BlockingIOError: if somebody does right now.
        """
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)

    def overtaken(self, drafts: Sequence[Draft]) -> list[FileText]:
        """What stands now in the files that are not as those who wrote ``drafts`` read them."""
        now = (self.read(draft.path) for draft in drafts)
        return [there for there, draft in zip(now, drafts, strict=True) if there.mark != draft.base]

    def write(self, drafts: Sequence[Draft]) -> dict[str, bytes | None]:
        """Put them in the place of what was; gives that, for :meth:`put_back`.

        Raises:
            Overtaken: if any file is not as it was read.
            Refused: if one cannot be written; nothing is changed then.
        """
        if theirs := self.overtaken(drafts):
            raise Overtaken(theirs)
        for draft in drafts:
            most = _most(draft.path)
            if len(draft.text.encode()) > most:
                words = f"{draft.path}: larger than {most // 1000} kB; shorten it"
                raise Refused(words, name="file_large", file=draft.path, most=most // 1000)
        before: dict[str, bytes | None] = {}
        for draft in drafts:
            place = self._place(draft.path)
            try:
                was = place.read_bytes() if place.is_file() else None
                text = draft.text.replace("\n", "\r\n") if was is not None and b"\r\n" in was else draft.text
                _replace(place, text.encode())
            except OSError as error:
                self.put_back(before)
                words = f"{draft.path} cannot be written: {error.strerror or error}"
                raise Refused(words, name="unwritable", file=draft.path) from None
            before[draft.path] = was
        return before

    def put_back(self, before: Mapping[str, bytes | None]) -> None:
        """Undo :meth:`write`, as far as that can be done."""
        for path, content in before.items():
            place = self._place(path)
            with suppress(OSError):
                if content is None:
                    place.unlink(missing_ok=True)
                else:
                    _replace(place, content)

    def _ignored(self, folder: str, names: list[str]) -> list[str]:
        """Hidden files, pipes and devices, and whatever is no part of a workspace."""
        at = Path(folder)
        return [
            name
            for name in names
            if name.startswith(".") or (at == self.root and name not in _PARTS) or not _is_wanted(at / name)
        ]

    def _place(self, path: str) -> Path:
        place = self.root / PurePosixPath(path)
        if not editable(path) or not place.resolve().is_relative_to(self.root.resolve()):
            raise Refused(f"{path} is no file that is edited here", name="no_campaign_file", file=path)
        return place


def _most(path: str) -> int:
    """How many bytes a file may have."""
    if _WRITTEN.fullmatch(path):
        return MAX_BYTES
    return MAX_FILE_BYTES if _ANSWERS.fullmatch(path) else MAX_TEMPLATE_BYTES


def _replace(place: Path, content: bytes) -> None:
    """In one step: whoever reads sees the old text or the new one, also after a crash."""
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor, written = tempfile.mkstemp(prefix=".otklik-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(written).chmod(place.stat().st_mode & 0o777 if place.exists() else 0o644)
        Path(written).replace(place)
    finally:
        Path(written).unlink(missing_ok=True)


def _is_wanted(place: Path) -> bool:
    if place.is_symlink() or place.is_dir():
        return True
    return place.is_file() and place.stat().st_size <= _LARGEST
