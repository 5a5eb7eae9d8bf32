"""Comma, semicolon, tab or bar separated files, read row by row with true line numbers.

A quote that is opened and never closed swallows what follows; then only the line that opened it is rejected, and
reading goes on at the next line.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from storage.imports.encodings import Encoding, UnreadableFile, detect_encoding
from storage.imports.sources import BrokenRow, Row, SourceOptions

_DELIMITERS = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SAMPLE = 1 << 16  # characters
_SAMPLE_ROWS = 50
_BLOCK = 1 << 16  # characters read at a time
_WRONG = re.compile("[\0\ufffd\ud800-\udfff]")


class DelimitedSource:
    """An opened CSV file."""

    typed = False

    def __init__(self, path: Path, options: SourceOptions) -> None:
        if len(options.delimiter) > 1:
            raise UnreadableFile(f"the delimiter {options.delimiter!r} must be one character")
        self._path = path
        self._encoding = detect_encoding(path, options.encoding)
        self._raw: Any = None
        self.size = path.stat().st_size
        with self._open() as stream:
            sample = stream.read(_SAMPLE)
        self._skipped, self._delimiter = _delimiter(sample, options.delimiter)
        self._header_lines, self.headers = self._read_header()
        self.description = f"{self._encoding.name}, {_NAMES.get(self._delimiter, repr(self._delimiter))} separated"

    def rows(self) -> Iterator[Row]:
        with self._open() as stream:
            for _ in range(self._header_lines):
                stream.readline()
            self._raw = stream.buffer
            yield from _rows(stream, self._header_lines, self._delimiter, self._encoding)

    def position(self) -> int:
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self.size

    def _open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(
            self._path.open("rb"), encoding=self._encoding.name, errors="surrogateescape"
            if not self._encoding.name.startswith(("utf-16", "utf-32")) else "replace", newline=""
        )  # fmt: skip

    def _read_header(self) -> tuple[int, list[str]]:
        """Lines that the header takes, blank ones before it included, and the names in it."""
        with self._open() as stream:
            lines = self._skipped
            for _ in range(lines):
                stream.readline()
            reader = csv.reader(stream, delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        return lines + reader.line_num, _named(cells)
            except csv.Error as error:
                raise UnreadableFile(f"line {lines + 1}: the header cannot be read: {error}") from None
        raise UnreadableFile("the file has no header line that names its columns")


def _rows(stream: io.TextIOWrapper, base: int, delimiter: str, encoding: Encoding) -> Iterator[Row]:
    """Rows of ``stream``, whose next line is number ``base`` + 1."""
    while block := stream.readlines(_BLOCK):
        rows = _plain_block(block, delimiter, encoding)
        if rows is None:
            base = yield from _careful_rows(stream, deque(block), base, delimiter, encoding)
        else:
            for line, cells in enumerate(rows, base + 1):
                if cells:
                    yield line, cells
            base += len(block)


def _plain_block(block: list[str], delimiter: str, encoding: Encoding) -> list[list[str]] | None:
    """The rows of ``block`` where nothing is wrong with it and each line is one; a blank line has no cells."""
    if not encoding.clean and _wrong_characters(block):
        return None
    try:
        rows = list(csv.reader(block, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows if len(rows) == len(block) else None


def _careful_rows(
    stream: io.TextIOWrapper, ahead: deque[str], base: int, delimiter: str, encoding: Encoding
) -> Generator[Row, None, int]:
    """Rows of the lines ``ahead``, and of those after them that the last row takes; gives the number of lines done."""
    record: list[str] = []  # lines of the row being read

    def feed() -> Iterator[str]:
        while line := ahead.popleft() if ahead else stream.readline() if record else "":
            record.append(line)
            yield line

    while ahead:
        reader = csv.reader(feed(), delimiter=delimiter, strict=True)
        begin = base
        try:
            for cells in reader:
                line, begin = begin + 1, base + reader.line_num
                if not encoding.clean and (wrong := _wrong_characters(record)):
                    yield line, BrokenRow(f"{wrong} (read as {encoding.name})", record[0].rstrip("\r\n"))
                elif cells:
                    yield line, cells
                record.clear()
            base = begin
        except csv.Error as error:
            yield begin + 1, BrokenRow(_explained(error, len(record)), record[0].rstrip("\r\n"))
            ahead.extendleft(reversed(record[1:]))  # read once more, after a quote that was never closed
            base = begin + 1
            record.clear()
    return base


def _wrong_characters(lines: Iterable[str]) -> str:
    for line in lines:
        if _WRONG.search(line):
            return "the row holds a NUL character" if "\0" in line else "the row holds bytes that are no characters"
    return ""


def _explained(error: csv.Error, lines: int) -> str:
    text = str(error)
    if "unexpected end" in text or "field larger" in text or lines > 1:
        return 'a quotation mark (") is opened and not closed'
    if "expected after" in text:
        return 'a quotation mark (") inside a quoted cell must be doubled ("")'
    return text


def _named(cells: list[str]) -> list[str]:
    """Header cells, trimmed; a name that was there before gets a number."""
    names: list[str] = []
    for index, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"column {index}"
        base, number = name, 2
        while name in names:
            name, number = f"{base} {number}", number + 1
        names.append(name)
    return names


def _delimiter(sample: str, wanted: str) -> tuple[int, str]:
    """Lines to skip and the delimiter: told by the option, by Excel's ``sep=`` line, or by what cuts rows alike."""
    first = sample.split("\n", 1)[0].rstrip("\r").strip('"')
    if first.lower().startswith("sep=") and len(first) == 5:
        return 1, wanted or first[4]
    return 0, wanted or max(_DELIMITERS, key=lambda candidate: _evenness(sample, candidate))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    """How well ``delimiter`` cuts the sample: the share of rows as wide as the header, then that width."""
    widths: list[int] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                widths.append(len(cells))
            if len(widths) >= _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    if not widths or widths[0] < 2:
        return 0.0, 1
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]
