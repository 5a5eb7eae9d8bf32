"""Values of the hot path: frozen to the type checker, plain at run time.

``@dataclass(frozen=True)`` writes each field by a call, which makes a value of sixteen fields cost what its message's
HTML costs to render. ``@value(frozen=True, slots=True)`` reads the same and checks the same, and is made four times as
fast; nothing but the type checker keeps its fields from being set.
"""

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> Any:
        """A dataclass that compares and hashes as a frozen one."""
        return dataclass(slots=slots, unsafe_hash=frozen)


T = TypeVar("T")


class Fields(Generic[T]):
    """A dataclass's values as tuples of their fields, and back; ``names`` are in the order of the tuples."""

    def __init__(self, kind: type[T]) -> None:
        self.names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
        self._kind = kind
        self._get = attrgetter(*self.names)

    def of(self, one: T) -> tuple[Any, ...]:
        """The fields of ``one``."""
        found: tuple[Any, ...] = self._get(one)
        return found

    def made(self, of: tuple[Any, ...]) -> T:
        """The value with these fields."""
        return self._kind(*of)


__all__ = ["Fields", "value"]
