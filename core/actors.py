"""Who did it: stands on every change that the audit keeps."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["system", "operator", "customer", "agent", "import", "provider"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change; ``id`` is empty where the kind says it all."""

    kind: ActorKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


SYSTEM = Actor("system")
