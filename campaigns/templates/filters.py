"""The filters that templates may use. Each takes and gives plain values and bounds what it makes.

Those that depend on the reader are in :mod:`campaigns.templates.localised`.
"""

from collections.abc import Callable
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from campaigns.templates.localised import date_text, digits, money, number, plural, time_text, toman
from campaigns.templates.values import MAX_TEXT, bounded, text_of


def default(value: Any, other: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002  as in Jinja2
    """``other`` where there is no value; with ``true`` also where it is empty."""
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return other
    return value


def truncate(value: Any, length: int = 80, end: str = "…") -> str:
    """At most ``length`` characters, cut at a space where there is one."""
    text, length, end = text_of(value), max(1, min(int(length), MAX_TEXT)), text_of(end)
    if len(text) <= length:
        return text
    cut = text[: max(0, length - len(end))]
    return (cut.rsplit(" ", 1)[0] or cut).rstrip() + end


def replace(value: Any, old: str, new: str) -> str:
    """Every ``old`` replaced by ``new``."""
    text, old, new = text_of(value), text_of(old), text_of(new)
    if not old:
        return text
    if len(text) + text.count(old) * len(new) > 2 * MAX_TEXT:
        raise SecurityError(f"a value grew longer than {MAX_TEXT} characters")
    return bounded(text.replace(old, new))


def join(value: Any, separator: str = ", ") -> str:
    """The items of a list as one text."""
    items, separator = list(value)[:1000], text_of(separator)
    if sum(len(text_of(item)) for item in items) + len(separator) * len(items) > 2 * MAX_TEXT:
        raise SecurityError(f"a value grew longer than {MAX_TEXT} characters")
    return bounded(separator.join(text_of(item) for item in items))


def length(value: Any) -> int:
    """Characters of a text, items of a list."""
    return len(value) if isinstance(value, str | list | tuple | dict) else len(text_of(value))


def first(value: Any) -> Any:
    """The first item, or nothing."""
    return value[0] if isinstance(value, str | list | tuple) and value else None


def last(value: Any) -> Any:
    """The last item, or nothing."""
    return value[-1] if isinstance(value, str | list | tuple) and value else None


def rounded(value: Any, digits: int = 0) -> float | int:
    """A number rounded to ``digits`` places."""
    places = max(0, min(int(digits), 6))
    return round(float(value), places) if places else round(float(value))


def integer(value: Any) -> int:
    """The whole part of a number."""
    return int(float(text_of(value) or 0))


FILTERS: dict[str, Callable[..., Any]] = {
    "default": default,
    "d": default,
    "upper": lambda value: text_of(value).upper(),
    "lower": lambda value: text_of(value).lower(),
    "title": lambda value: text_of(value).title(),
    "capitalize": lambda value: text_of(value).capitalize(),
    "trim": lambda value: text_of(value).strip(),
    "truncate": truncate,
    "replace": replace,
    "join": join,
    "length": length,
    "first": first,
    "last": last,
    "round": rounded,
    "int": integer,
    "abs": lambda value: abs(float(value)) if isinstance(value, float) else abs(int(value)),
    "date": date_text,
    "time": time_text,
    "money": money,
    "toman": toman,
    "number": number,
    "digits": digits,
    "plural": plural,
}
