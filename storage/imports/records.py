"""Files of typed records: JSON Lines, and Parquet where pyarrow is installed."""

import importlib
import io
import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import orjson

from storage.imports.encodings import UnreadableFile, detect_encoding
from storage.imports.sources import OTHER_KEYS, BrokenRow, Row, SourceOptions

_HEADER_ROWS = 1000
_BATCH = 2000


class JsonLinesSource:
    """One JSON object a line. Keys that the first thousand objects lack come together in the last column."""

    typed = True

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._encoding = detect_encoding(path, options.encoding)
        self._raw: IO[bytes] | None = None
        self.size = path.stat().st_size
        names: dict[str, None] = {}
        for seen, (_, record) in enumerate(self._objects()):
            if isinstance(record, dict):
                names.update(dict.fromkeys(record))
            if seen >= _HEADER_ROWS:
                break
        if not names:
            raise UnreadableFile("no line of the file is a JSON object")
        self.headers = [*names, OTHER_KEYS]
        self.description = f"JSON Lines, {self._encoding.name}"

    def rows(self) -> Iterator[Row]:
        names = self.headers[:-1]
        for line, record in self._objects():
            if isinstance(record, BrokenRow):
                yield line, record
                continue
            cells = [record.pop(name, None) for name in names]
            cells.append(record or None)
            yield line, cells

    def position(self) -> int:
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self.size

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | BrokenRow]]:
        stream = io.TextIOWrapper(self._path.open("rb"), encoding=self._encoding.name, errors="replace", newline="\n")
        with stream:
            self._raw = stream.buffer
            for line, text in enumerate(iter(stream.readline, ""), 1):
                if not text.strip():
                    continue
                try:
                    record = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    yield line, BrokenRow(f"not JSON: {error.msg} (column {error.colno})", text.strip()[:200])
                    continue
                if not isinstance(record, dict):
                    yield line, BrokenRow("not a JSON object", text.strip()[:200])
                elif "\ufffd" in text or "\\u0000" in text or "\0" in text:
                    yield line, BrokenRow("the row holds characters that are broken or NUL", text.strip()[:200])
                else:
                    yield line, record


class ParquetSource:
    """A Parquet file; its "lines" are row numbers from 1."""

    typed = True

    def __init__(self, path: Path) -> None:
        try:
            parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise UnreadableFile("Parquet needs pyarrow: pip install 'otklik[parquet]', or save it as CSV") from None
        self.size = path.stat().st_size
        self._position = 0
        try:
            self._file = parquet.ParquetFile(path)
        except Exception as error:  # noqa: BLE001  pyarrow raises whatever the bytes lead to
            raise UnreadableFile(f"not a Parquet file: {str(error).splitlines()[0]}") from None
        self.headers = [str(name) for name in self._file.schema_arrow.names]
        self.description = "Parquet"

    def rows(self) -> Iterator[Row]:
        number = 0
        total = self._file.metadata.num_rows or 1
        for batch in self._file.iter_batches(batch_size=_BATCH):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield number, [plain(cell) for cell in cells]
            self._position = self.size * number // total

    def position(self) -> int:
        return self._position


def plain(value: Any) -> Any:
    """A typed cell as what JSON can hold; not-a-number is nothing."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return str(value)


def as_text(value: Any) -> str:
    """A cell of any kind as the text that a CSV would have had."""
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case dict() | list():
            return orjson.dumps(value).decode()
        case _:
            return str(value)
