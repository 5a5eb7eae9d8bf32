"""Files of a workspace that its texts attach: found, bounded, read once, known by their content."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from campaigns.definition import KeptFile
from campaigns.templates.attachments import FOLDER, AttachSource, is_what_it_says, media_type_of, places
from campaigns.templates.sources import take_apart
from core.reading.problems import Problems, WorkspaceInvalid, did_you_mean

MAX_FILE_BYTES = 16 * 1024 * 1024
"""What a provider fetches from us at most; more goes into no mail either."""
MAX_KEPT_BYTES = 128 * 1024 * 1024
"""All files of a workspace together: they are read whole, and kept with each version that names them."""
_REFUSED = frozenset(("ade", "apk", "bat", "cmd", "com", "cpl", "dll", "exe", "hta", "jar", "js", "lnk", "msi", "ps1",
                      "scr", "vbs"))  # fmt: skip
"""The usual mail servers refuse a letter with one of these."""

Read = Callable[[str, int], bytes | None]
"""Reads a file of the workspace up to so many bytes; None where it could not, which is a problem then."""


class AttachedFiles:
    """The files of a whole workspace; ``contents`` are their bytes by SHA-256 (hex)."""

    def __init__(self, root: Path, read: Read, problems: Problems) -> None:
        self.contents: dict[str, bytes] = {}
        self._root = root
        self._read = read
        self._problems = problems
        self._known: dict[str, KeptFile | None] = {}

    def attaches(self, place: str) -> bool:
        """Whether a text that was read so far attaches the file at ``place``."""
        return place in self._known

    def of(self, texts: Mapping[str, str]) -> dict[str, KeptFile]:
        """What these template files (below ``templates/``) attach, by its place; what is missing is noted."""
        found: dict[str, KeptFile] = {}
        for path, text in texts.items():
            if "attach" not in text:
                continue
            with suppress(WorkspaceInvalid):  # told where the text is checked
                for one in take_apart(path, text).attach:
                    place = next((place for place in places(path, one.file) if self._is_there(place)), None)
                    if place is None:
                        self._missing(path, one)
                    elif (kept := self._kept(place)) is not None:
                        found[place] = kept
        return dict(sorted(found.items()))

    def _is_there(self, place: str) -> bool:
        return (self._root / place).is_file()

    def _missing(self, path: str, one: AttachSource) -> None:
        folder = path.rpartition("/")[0]
        there = [file.name for base in (f"templates/{folder}", FOLDER) for file in _files(self._root / base)]
        near = did_you_mean(one.file, there)
        said = f"there is no {one.file} in templates/{folder} or {FOLDER}"
        self._problems.add(f"templates/{path}", one.line, f"{said}{near or '; put it there'}")

    def _kept(self, place: str) -> KeptFile | None:
        if place not in self._known:
            self._known[place] = self._looked_at(place)
        return self._known[place]

    def _looked_at(self, place: str) -> KeptFile | None:
        content = self._read(place, MAX_FILE_BYTES)
        if content is None:
            return None
        media_type = media_type_of(place)
        if not content:
            self._problems.add(place, 0, "the file is empty")
        elif place.rpartition(".")[2].lower() in _REFUSED:
            self._problems.add(place, 0, "mail servers refuse programs; attach a document, or link to it")
        elif not is_what_it_says(media_type, content):
            self._problems.add(place, 0, f"this is not what its name says ({media_type}); save it as that")
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        if sum(map(len, self.contents.values())) > MAX_KEPT_BYTES:
            most = f"the files that texts attach have more than {MAX_KEPT_BYTES // 1024**2} MB together"
            self._problems.add(place, 0, f"{most}; make them smaller, or link to them")
        return KeptFile(blob=digest, size=len(content), media_type=media_type)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
