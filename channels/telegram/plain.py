"""Plain JSON values from outside, read without believing their types."""

from typing import Any


def mapping(value: object) -> dict[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """``value`` as text if it is text or a whole number, else empty."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def number(value: object) -> int:
    """``value`` if it is a whole number that is not negative, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
