"""Deliveries on disk: what providers brought while the database was away is safe here until it is back.

A file holds what would have been one commit. Its first line has the length and the SHA-256 of the rest. It is written
under another name, synced, renamed, and its folder synced: a file that is torn nevertheless was damaged afterwards; it
is set aside and told of, and holds up no other. To store a file twice changes nothing, because the intake drops
repeats: so a file is deleted once its commit is through, and whoever dies in between leaves it to the next start.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from core.clock import from_micros, machine_now
from core.errors import ConfigurationError, StoreUnavailable
from core.ids import new_id

log = structlog.get_logger(__name__)

Row = tuple[str, str, str, bytes, str, int]
"""Account, key, channel, payload, meta as JSON, instant of receipt in microseconds."""
_FORMAT = b"otklik-deliveries-1"
WHOLE, PART, ASIDE = ".deliveries", ".part", ".aside"
_STALE = timedelta(hours=1)
"""A part this old is nobody's any more; nothing of it was acknowledged."""


class DiskSpool:
    """The files of ``folder`` that wait, in the order in which they came; at most ``most`` bytes. For one committer.

    Several processes may share the folder: each keeps its own, and takes along what it found when it started.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self._most = most
        self._files: list[tuple[Path, int]] = []
        self._taken = 0
        self._bytes = 0

    @classmethod
    async def open(cls, folder: Path, most: int) -> "DiskSpool":
        """The spool of ``folder``, which is made if it is missing, with what waits there.

        Raises:
            ConfigurationError: the folder cannot be used.
        """
        spool = cls(folder, most)
        try:
            await asyncio.to_thread(spool._find)
        except OSError as error:
            raise ConfigurationError(f"OTKLIK_DATA_DIR: {folder} cannot be used ({error.strerror})") from None
        return spool

    def _find(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self.folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # another process is done with it
                status = path.stat()
                if path.suffix == WHOLE:
                    self._add(path, status.st_size)
                elif path.suffix == PART and from_micros(status.st_mtime_ns // 1000) < machine_now() - _STALE:
                    path.unlink()

    def _add(self, path: Path, size: int) -> None:
        self._files.append((path, size))
        self._bytes += size

    @property
    def waiting(self) -> int:
        """Files whose deliveries are not in the database yet."""
        return len(self._files)

    async def keep(self, deliveries: Sequence[Sequence[Row]]) -> None:
        """Keep ``deliveries``: they survive a loss of power when this returns.

        Raises:
            StoreUnavailable: nothing of it was kept; there is no room, or the disk does not take it.
        """
        self._add(*await asyncio.to_thread(self._keep, deliveries))

    def _keep(self, deliveries: Sequence[Sequence[Row]]) -> tuple[Path, int]:
        content = _written(deliveries)
        if self._bytes + len(content) > self._most:
            raise StoreUnavailable("there is no room for more deliveries on disk (OTKLIK_SPOOL_MB)")
        whole = self.folder / f"{new_id()}{WHOLE}"
        part = whole.with_suffix(PART)
        try:
            with open(part, "xb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(whole)
            self._sync()
        except OSError as error:
            for path in (part, whole):
                with contextlib.suppress(OSError):
                    path.unlink()
            raise StoreUnavailable(f"{self.folder} does not take deliveries: {error.strerror}") from error
        return whole, len(content)

    async def first(self, most: int = 0) -> list[list[Row]]:
        """The deliveries of the file that waits longest, and of those after it until they are ``most`` bytes.

        Empty when none wait. Files that are damaged are set aside on the way.

        Raises:
            StoreUnavailable: they cannot be read now.
        """
        found: list[list[Row]] = []
        self._taken = read = 0
        while self._taken < len(self._files) and (not found or read < most):
            path, size = self._files[self._taken]
            try:
                found += _read(await asyncio.to_thread(path.read_bytes))
                self._taken += 1
                read += size
            except FileNotFoundError:
                self._forget(self._taken)  # another process has stored it
            except ValueError as error:
                await self._put_aside(self._taken, str(error))
            except OSError as error:
                if error.errno != errno.EIO:  # too many open files, say
                    raise StoreUnavailable(f"{path} cannot be read: {error.strerror}") from error
                await self._put_aside(self._taken, str(error))
        return found

    async def drop(self) -> None:
        """What :meth:`first` gave is in the database."""
        for _ in range(self._taken):
            path, _ = self._files[0]
            try:
                await asyncio.to_thread(path.unlink, missing_ok=True)
            except OSError as error:  # it is stored again after the next start, which changes nothing
                log.warning("a file of stored deliveries stays", path=str(path), error=error.strerror)
            self._forget(0)
        self._taken = 0

    async def set_aside(self, why: str) -> None:
        """The file that waits longest can never be stored; a person has to look at it."""
        self._taken = 0
        await self._put_aside(0, why)

    async def _put_aside(self, number: int, why: str) -> None:
        path, _ = self._files[number]
        log.error("deliveries on disk are set aside", path=str(path), error=why)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(path.rename, path.with_suffix(ASIDE))
        self._forget(number)

    async def aside(self) -> int:
        """Files that were set aside and are still there."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self.folder.glob(f"*{ASIDE}")))

    def _forget(self, number: int) -> None:
        self._bytes -= self._files.pop(number)[1]

    def _sync(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _written(deliveries: Sequence[Sequence[Row]]) -> bytes:
    body = orjson.dumps([[_plain(row) for row in rows] for rows in deliveries])
    return b"%b %d %b\n%b" % (_FORMAT, len(body), hashlib.sha256(body).hexdigest().encode(), body)


def _plain(row: Row) -> list[Any]:
    account, key, channel, payload, meta, received_at = row
    return [account, key, channel, b64encode(payload).decode(), meta, received_at]


def _read(content: bytes) -> list[list[Row]]:
    """What :func:`_written` made.

    Raises:
        ValueError: it is something else, or not whole.
    """
    head, _, body = content.partition(b"\n")
    if head != b"%b %d %b" % (_FORMAT, len(body), hashlib.sha256(body).hexdigest().encode()):
        raise ValueError("it is not as it was written")
    return [
        [
            (account, key, channel, b64decode(payload), meta, received_at)
            for account, key, channel, payload, meta, received_at in rows
        ]
        for rows in orjson.loads(body)
    ]
