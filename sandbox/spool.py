"""Raw mails on disk: an unnamed temporary file written round and round, so that memory stays flat."""

import os
import tempfile
from typing import IO

CAPACITY = 1 << 30  # bytes; the oldest mails give way to new ones


class Spool:
    """Byte records by position. A position stays readable until CAPACITY bytes were written after it."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="sandbox-spool-")  # noqa: SIM115 - lives as long as self
        self._fd = self._file.fileno()
        self._capacity = capacity
        self._end = 0

    def put(self, record: bytes) -> tuple[int, int] | None:
        """Keep ``record``; its (position, length), or None when it is larger than the whole spool."""
        length = len(record)
        if length > self._capacity:
            return None
        offset = self._end % self._capacity
        if offset + length > self._capacity:  # a record never wraps
            self._end += self._capacity - offset
            offset = 0
        os.pwrite(self._fd, record, offset)
        position, self._end = self._end, self._end + length
        return position, length

    def get(self, place: tuple[int, int] | None) -> bytes | None:
        """The record at ``place``; None when it was never kept or has given way."""
        if place is None:
            return None
        position, length = place
        if self._end - position > self._capacity:
            return None
        return os.pread(self._fd, length, position % self._capacity)

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()
