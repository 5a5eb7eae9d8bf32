"""The file of rejected rows: line number, reason, and the row as it was, to be mended and imported again."""

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from storage.imports.columns import REJECTED_LINE, REJECTED_REASON
from storage.imports.encodings import UnreadableFile
from storage.imports.records import as_text

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inert(cell: str) -> str:
    """``cell`` so that a spreadsheet shows it and does not run it."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def restored(cell: str) -> str:
    """The inverse of :func:`inert`, for importing a mended file of rejected rows."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip(" ").startswith(_FORMULA) else cell


def rejected_path(path: Path) -> Path:
    """Where rejected rows of ``path`` go by default."""
    return path.with_name(f"{path.name}.rejected.csv")


class RejectedRows:
    """Opened by its first row; without one, what an earlier import left there is removed."""

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.path = path
        self.count = 0
        self._headers = [header for header in headers if header not in (REJECTED_LINE, REJECTED_REASON)]
        self._kept = [i for i, header in enumerate(headers) if header not in (REJECTED_LINE, REJECTED_REASON)]
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        elif kind is None and _is_ours(self.path):
            self.path.unlink(missing_ok=True)

    def add(self, line: int, reason: str, cells: Sequence[Any]) -> None:
        """One rejected row.

        Raises:
            UnreadableFile: if the file cannot be written.
        """
        if self._writer is None:
            try:
                self._file = self.path.open("w", encoding="utf-8-sig", newline="", errors="backslashreplace")
            except OSError as error:
                raise UnreadableFile(
                    f"{self.path}: rejected rows cannot be written: {error.strerror}; say --rejected PLACE"
                ) from None
            self._writer = csv.writer(self._file)
            self._writer.writerow([REJECTED_LINE, REJECTED_REASON, *map(inert, self._headers)])
        kept = [cells[i] for i in self._kept if i < len(cells)] + list(cells[len(self._headers) + 2 :])
        self._writer.writerow([line, inert(reason), *(inert(as_text(cell)) for cell in kept)])
        self.count += 1


def _is_ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.readline().startswith(f"{REJECTED_LINE},{REJECTED_REASON}")
    except OSError:
        return False
