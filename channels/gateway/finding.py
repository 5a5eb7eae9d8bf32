"""Finding values in what a gateway says. Pure, and total: what is not there is empty."""

import re
from typing import Any

import orjson

from channels.gateway.description import Finder

LONGEST = 64 * 1024
"""Characters of an answer that are looked at."""
LONGEST_VALUE = 300
_GROUPS_OF_GROUPS = re.compile(r"\([^)]*[*+{][^)]*\)[*+{]")


def data_of(body: str) -> Any:
    """The answer as JSON, None where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def found(finder: Finder, body: str, data: Any) -> str:
    """The value as text; empty where there is none. ``data`` is ``body`` as JSON."""
    if finder.pattern is not None:
        match = finder.pattern.search(body[:LONGEST])
        return (match[1] or "")[:LONGEST_VALUE] if match else ""
    return as_text(at(finder.pointer, data))


def at(pointer: str, data: Any) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where it leads nowhere."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list):
            data = data[int(key)] if key.isascii() and key.isdigit() and len(key) < 7 and int(key) < len(data) else None
        else:
            return None
    return data


def as_text(value: Any) -> str:
    """A plain value as text, as tables write it: ``true``, ``7``, ``7.5``; anything else is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).strip()[:LONGEST_VALUE] if isinstance(value, (str, int, float)) else ""


def pattern(text: str) -> re.Pattern[str]:
    """A pattern with one group at least, without what takes for ever on a hostile text.

    Raises:
        ValueError: in words.
    """
    if _GROUPS_OF_GROUPS.search(text) or len(text) > 500:
        raise ValueError("repeats what repeats already, or is too long; write it simpler")
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise ValueError(f"is no pattern: {error}") from None
    if not compiled.groups:
        raise ValueError("has no group (in parentheses) for the value")
    return compiled


def pointer(text: str) -> str:
    """A JSON pointer.

    Raises:
        ValueError: in words.
    """
    if not text.startswith("/"):
        raise ValueError(f"is no place in the answer; write /{text}, with a slash for each level")
    return text
