"""What the readers of one flow file share: where problems go, and what the file turned out to name."""

from dataclasses import dataclass, field
from typing import Literal

from core.reading.problems import Problems

Kind = Literal["segment", "campaign", "template", "target", "variable"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that must exist elsewhere, with the line that says it; ``target`` and ``variable`` in the same file."""

    kind: Kind
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of template source with the line where it begins."""

    source: str
    line: int


@dataclass(slots=True)
class Scope:
    """One flow file while it is read. ``languages`` is, for every text by its line, the languages that it speaks."""

    file: str
    problems: Problems
    references: list[Reference] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    languages: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)

    def problem(self, line: int, message: str) -> None:
        """Note a problem of this file."""
        self.problems.add(self.file, line, message)

    def refer(self, kind: Kind, name: str, line: int) -> None:
        """Note a name that must exist."""
        if name:
            self.references.append(Reference(kind, name, line))
