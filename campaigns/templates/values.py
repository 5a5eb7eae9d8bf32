"""Values inside a template: bounded texts and numbers."""

from decimal import Decimal, InvalidOperation
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError, UndefinedError

MAX_TEXT = 10_000
"""Characters that one value may have inside a template."""


def bounded(text: str) -> str:
    """``text``, unless it is too long to have come from honest means."""
    if len(text) > MAX_TEXT:
        raise SecurityError(f"a value grew longer than {MAX_TEXT} characters")
    return text


def text_of(value: Any) -> str:
    """A value as text: nothing for None, an error for what is undefined."""
    if isinstance(value, Undefined):
        raise UndefinedError("a value is undefined")
    return "" if value is None else bounded(str(value))


def decimal_of(value: Any) -> Decimal | None:
    """A value as a number: None for nothing, an error for what is none."""
    text = text_of(value).strip()
    if not text:
        return None
    try:
        made = Decimal(text)
    except InvalidOperation:
        made = Decimal("NaN")
    if not made.is_finite() or abs(made) > 10**18:
        raise SecurityError(f"{text[:40]!r} is not a number")
    return made
