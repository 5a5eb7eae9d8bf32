"""A worker's local journal: marks around every use of a socket.

``begin`` in the store says that a message *may* be on its way; the journal says whether it really was. Marks are
written without fsync: they survive a kill of the process, not a crash of the machine, and are trusted only under the
same boot. The file stays locked while its worker lives, so whoever can lock it knows that the worker is dead.
"""

import fcntl
import os
from pathlib import Path

import orjson

from core.outcomes import Outcome

START, END = b"S", b"E"


def boot_id() -> str:
    """Names this boot of this machine; empty where the system does not tell (then no journal is trusted)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Journal:
    """The open journal of a living worker. One line a mark, one ``write`` a line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def start(self, attempt: str) -> None:
        """The next thing that happens to this attempt is the socket."""
        os.write(self._file, START + attempt.encode() + b"\n")

    def end(self, attempt: str, outcome: Outcome) -> None:
        """The socket is done with this attempt."""
        os.write(self._file, END + attempt.encode() + b" " + orjson.dumps(outcome.as_dict()) + b"\n")

    def close(self, *, remove: bool) -> None:
        """Release the lock; remove the file once everything in it is in the store."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


def read_dead(path: Path) -> tuple[frozenset[str], dict[str, Outcome]] | None:
    """(started, ended) of a dead worker's journal; None if its worker lives.

    A torn last line, cut off by the kill, counts as not written.

    Raises:
        FileNotFoundError: if there is no such journal.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        with os.fdopen(os.dup(file), "rb") as stream:
            content = stream.read()
    finally:
        os.close(file)
    started: set[str] = set()
    ended: dict[str, Outcome] = {}
    for line in content.split(b"\n")[:-1]:
        if line.startswith(START):
            started.add(line[1:].decode())
        elif line.startswith(END):
            attempt, _, payload = line[1:].partition(b" ")
            ended[attempt.decode()] = Outcome.from_dict(orjson.loads(payload))
    return frozenset(started), ended
