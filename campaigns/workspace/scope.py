"""What the readers of one campaign file share: where problems go, and what the file turned out to name."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from campaigns.definition import Leg
from core.reading.problems import Problems, did_you_mean

Kind = Literal["segment", "offer", "budget", "topic", "flow", "handler"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that must exist elsewhere, with the line that says it. A handler is a kind of command."""

    kind: Kind
    name: str
    line: int


@dataclass(slots=True)
class Scope:
    """One campaign file while it is read.

    ``variants`` are those of the experiment; None where it could not be read, so that nothing is called unknown.
    ``conditions`` are the file's own by their ``@`` name. ``legs`` have the line that names each.
    """

    file: str
    problems: Problems
    channels: Collection[str]
    variants: frozenset[str] | None = frozenset()
    references: list[Reference] = field(default_factory=list)
    conditions: dict[str, Any] = field(default_factory=dict)
    legs: list[tuple[Leg, int]] = field(default_factory=list)
    variants_used: set[str] = field(default_factory=set)

    def problem(self, line: int, message: str) -> None:
        """Note a problem of this file."""
        self.problems.add(self.file, line, message)

    def refer(self, kind: Kind, name: str, line: int) -> None:
        """Note a name that must exist elsewhere."""
        if name:
            self.references.append(Reference(kind, name, line))

    def variant(self, name: str, line: int) -> bool:
        """Whether the experiment has that variant; a problem where it has not."""
        self.variants_used.add(name)
        if self.variants is None or name in self.variants:
            return self.variants is not None
        known = ", ".join(sorted(self.variants))
        hint = did_you_mean(name, self.variants) or (
            f" (variants: {known})" if known else "; add it: experiment: {variants: [a, b]}"
        )
        self.problem(line, f"there is no variant {name[:80]!r}{hint}")
        return False
