"""Files as streams of rows: what kind of file it is, and one shape for all of them.

A source is opened once; :meth:`Source.rows` may be started more than once (a look at the first rows, then the import).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from storage.imports.encodings import UnreadableFile

DELIMITED, JSON_LINES, PARQUET = "csv", "jsonl", "parquet"
_ENDINGS = {
    ".csv": DELIMITED, ".tsv": DELIMITED, ".txt": DELIMITED,
    ".jsonl": JSON_LINES, ".ndjson": JSON_LINES,
    ".parquet": PARQUET, ".pq": PARQUET,
}  # fmt: skip
OTHER_KEYS = "(other keys)"
"""The column in which JSON Lines gives the keys that the first rows did not have."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read the file; what is empty is detected. ``delimiter`` is one character."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that could not be taken apart. ``text`` is its beginning."""

    reason: str
    text: str = ""


Row = tuple[int, "list[Any] | BrokenRow"]
"""The line where the row begins (counted from 1, the header included), and its cells."""


class Source(Protocol):
    """An opened file: ``headers`` name the cells of every row; ``size`` is in bytes; ``typed``: not all is text."""

    headers: list[str]
    size: int
    description: str
    typed: bool

    def rows(self) -> Iterator[Row]:
        """The rows from the first on; blank lines are left out."""
        ...

    def position(self) -> int:
        """Bytes read so far by the latest :meth:`rows`."""
        ...


def open_source(path: Path, options: SourceOptions) -> Source:
    """The file behind ``path``.

    Raises:
        UnreadableFile: if it is not there, is empty, or is of no kind that can be read; the text names the file.
    """
    try:
        return _opened(path, options)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from None
    except UnreadableFile as error:
        raise UnreadableFile(f"{path}: {error}") from None


def _opened(path: Path, options: SourceOptions) -> Source:
    kind = options.format or _ENDINGS.get(path.suffix.lower(), DELIMITED)
    if not path.is_file():
        raise UnreadableFile("there is no such file" if not path.exists() else "this is not a file")
    if not path.stat().st_size:
        raise UnreadableFile("the file is empty")
    if kind == DELIMITED:
        from storage.imports.delimited import DelimitedSource

        return DelimitedSource(path, options)
    if kind == JSON_LINES:
        from storage.imports.records import JsonLinesSource

        return JsonLinesSource(path, options)
    if kind == PARQUET:
        from storage.imports.records import ParquetSource

        return ParquetSource(path)
    raise UnreadableFile(f"{kind!r} is not a format; write csv, jsonl or parquet")


def first_rows(source: Source, count: int = 200) -> list[list[Any]]:
    """Up to ``count`` whole rows from the beginning."""
    found: list[list[Any]] = []
    for _, cells in source.rows():
        if isinstance(cells, list):
            found.append(cells)
        if len(found) >= count:
            break
    return found
