"""The file of a backup: a ZIP with one JSON Lines member a table, and a manifest.

A row is a JSON array in the order of the manifest's columns, and means the same on both databases: instants are
microseconds since the epoch, JSON columns are their text, bytes are Base64. The manifest is written last and holds the
revision of the schema, the release, and for every table its columns, how many rows there are and the SHA-256 of its
lines, so that a file that was cut short or changed is known before anything is believed. Pure files: no database here.
"""

import base64
import binascii
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import orjson

from core.errors import OtklikError, Refused

FORMAT = 1
MANIFEST = "manifest.json"
Kind = Literal["plain", "boolean", "bytes"]
"""How a column's values stand in a row: as they are, as true and false, as Base64."""
_READ, _HEAVY = 1 << 20, 8 << 20
_LARGEST_MANIFEST = 4 << 20


class DamagedBackup(OtklikError):
    """The file is no backup, was cut short, or is not what was written."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """One table in the archive; ``columns`` are (name, kind)."""

    name: str
    columns: tuple[tuple[str, Kind], ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the archive says of itself. ``revision`` is the schema's; ``created_at`` is RFC 3339 in UTC."""

    format: int
    revision: str
    release: str
    dialect: str
    created_at: str
    tables: tuple[TablePart, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(part.rows for part in self.tables)


class ArchiveWriter:
    """Writes beside ``path`` and puts the whole file there at the end; what fails leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._tables: list[TablePart] = []

    def __enter__(self) -> Self:
        try:
            # the store's content is nobody else's to read
            self._file: IO[bytes] = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
        except OSError as error:
            raise Refused(f"{self._path}: cannot be written: {error.strerror or error}") from None
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def table(self, name: str, columns: Sequence[tuple[str, Kind]]) -> "TableWriter":
        """The member of the next table; close it before the next one."""
        return TableWriter(self._zip, name, tuple(columns), self._tables)

    def finish(self, *, revision: str, release: str, dialect: str, created_at: str) -> Manifest:
        """Write the manifest, make the file durable and give it its name."""
        manifest = Manifest(FORMAT, revision, release, dialect, created_at, tuple(self._tables))
        self._zip.writestr(MANIFEST, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        return manifest


class TableWriter:
    """Rows of one table, as the database's driver gives them."""

    def __init__(
        self, archive: zipfile.ZipFile, name: str, columns: tuple[tuple[str, Kind], ...], done: list[TablePart]
    ) -> None:
        self._name, self._columns, self._done = name, columns, done
        self._member = archive.open(_member(name), "w", force_zip64=True)
        self._booleans = [place for place, (_, kind) in enumerate(columns) if kind == "boolean"]
        self._bytes = [place for place, (_, kind) in enumerate(columns) if kind == "bytes"]
        self._hash = hashlib.sha256()
        self._rows = 0

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add ``rows``."""
        lines = b"".join([orjson.dumps(self._encoded(row)) + b"\n" for row in rows])
        self._hash.update(lines)
        self._member.write(lines)
        self._rows += len(rows)

    def close(self) -> None:
        """The table is complete."""
        self._member.close()
        self._done.append(TablePart(self._name, self._columns, self._rows, self._hash.hexdigest()))

    def _encoded(self, row: Sequence[Any]) -> list[Any]:
        cells = list(row)
        for place in self._booleans:
            if cells[place] is not None:
                cells[place] = bool(cells[place])  # SQLite keeps 0 and 1
        for place in self._bytes:
            if cells[place] is not None:
                cells[place] = base64.b64encode(cells[place]).decode()
        return cells


class ArchiveReader:
    """An opened backup. Use it as a context manager.

    Raises:
        DamagedBackup: if it is no backup, or of a later format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise DamagedBackup(f"{path}: {error.strerror or error}") from None
        except zipfile.BadZipFile:
            raise DamagedBackup(f"{path}: this is no backup, or it was cut short; nothing was read from it") from None
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def rows(self, part: TablePart, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a table, at most ``size`` or some megabytes at a time, as drivers take them.

        Raises:
            DamagedBackup: at the latest after the last row, if anything is not as the manifest says.
        """
        try:
            yield from self._rows(part, size)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, binascii.Error, OSError):
            raise DamagedBackup(f"{self.path}: table {part.name} is damaged; use another backup") from None

    def verify(self) -> None:
        """Read everything and believe it.

        Raises:
            DamagedBackup: if anything is not as the manifest says.
        """
        for part in self.manifest.tables:
            for _ in self.rows(part, 10_000):
                pass

    def _rows(self, part: TablePart, size: int) -> Iterator[list[tuple[Any, ...]]]:
        digest, count = hashlib.sha256(), 0
        encoded = [place for place, (_, kind) in enumerate(part.columns) if kind == "bytes"]
        width = len(part.columns)
        batch: list[tuple[Any, ...]] = []
        weight = 0
        with self._zip.open(_member(part.name)) as member:
            rest = b""
            while block := member.read(_READ):
                digest.update(block)
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    cells = orjson.loads(line)
                    if not isinstance(cells, list) or len(cells) != width:
                        raise ValueError(part.name)
                    for place in encoded:
                        if cells[place] is not None:
                            cells[place] = base64.b64decode(cells[place], validate=True)
                    batch.append(tuple(cells))
                    count += 1
                    weight += len(line)
                    if len(batch) >= size or weight >= _HEAVY:
                        yield batch
                        batch, weight = [], 0
        if batch:
            yield batch
        if rest or count != part.rows or digest.hexdigest() != part.sha256:
            raise ValueError(part.name)

    def _read_manifest(self) -> Manifest:
        wrong = DamagedBackup(f"{self.path}: this is no backup of Otklik, or it is damaged")
        try:
            if self._zip.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
                raise wrong
            told = orjson.loads(self._zip.read(MANIFEST))
            if told["format"] > FORMAT:
                raise DamagedBackup(
                    f"{self.path}: written by a newer Otklik (release {told.get('release')}); install that version"
                )
            tables = tuple(
                TablePart(one["name"], tuple((name, kind) for name, kind in one["columns"]), one["rows"], one["sha256"])
                for one in told.pop("tables")
            )
            return Manifest(**told, tables=tables)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, ValueError, AttributeError):
            raise wrong from None


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"
