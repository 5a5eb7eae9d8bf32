"""Values of the hot path: frozen to the type checker, plain at run time.

``@dataclass(frozen=True)`` writes each field by a call, which makes a value of sixteen fields cost what its message's
HTML costs to render. ``@value(frozen=True, slots=True)`` reads the same and checks the same, and is made four times as
fast; nothing but the type checker keeps its fields from being set.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> Any:
        """A dataclass that compares and hashes as a frozen one."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
