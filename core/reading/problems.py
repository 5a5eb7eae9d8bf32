"""Problems in a workspace, for the person who wrote it: ``file:line: what is wrong; what to write instead``."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import OtklikError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong. ``line`` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class WorkspaceInvalid(OtklikError):
    """A workspace that cannot be used; ``problems`` has all of them, in the order of files and lines.

    ``warnings`` are what would not have kept it from being used.
    """

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.warnings = tuple(sorted(set(warnings)))
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects problems while reading goes on, and apart from them warnings: what is likely not meant, but works."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._warned: list[Problem] = []

    def add(self, file: str, line: int, message: str) -> None:
        self._found.append(Problem(file, line, message))

    def warn(self, file: str, line: int, message: str) -> None:
        """Note what does not count as a problem."""
        self._warned.append(Problem(file, line, message))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What was warned of, once each, in the order of files and lines."""
        return tuple(sorted(set(self._warned)))

    def __bool__(self) -> bool:
        return bool(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def found(self) -> tuple[Problem, ...]:
        return tuple(self._found)

    def raise_if_any(self) -> None:
        """Raise :class:`WorkspaceInvalid` with everything found, if anything was."""
        if self._found:
            raise WorkspaceInvalid(self._found, self._warned)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'steps'?`` for a near miss, else the empty string."""
    near = difflib.get_close_matches(word[:80], list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
