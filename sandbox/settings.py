"""Changing a provider's settings by JSON: known names and types only."""

import dataclasses
from typing import Any

from sandbox.outbound import require_loopback


def apply_settings(settings: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """Change fields of the dataclass ``settings`` and return all of them; ValueError names what is wrong.

    Lists replace, mappings are merged into what is there, and fields that end in ``url`` must be on this machine.
    """
    known = {field.name for field in dataclasses.fields(settings)}
    unknown = set(changes) - known
    if unknown:
        raise ValueError(f"unknown setting {min(unknown)!r}; known are {', '.join(sorted(known))}")
    for name, value in changes.items():
        present = getattr(settings, name)
        if name.endswith("url"):
            if value is not None:
                require_loopback(str(value))
        elif isinstance(present, float) and isinstance(value, int | float) and not isinstance(value, bool):
            value = float(value)  # noqa: PLW2901 - JSON writes 60 for 60.0
        elif not isinstance(value, type(present)):
            raise ValueError(f"{name!r} must be {_words(present)}")
        if isinstance(present, dict):
            value = {**present, **value}  # noqa: PLW2901
        setattr(settings, name, value)
    shown = dataclasses.asdict(settings)
    return {name: sorted(value) if isinstance(value, set) else value for name, value in shown.items()}


def _words(value: object) -> str:
    kinds: dict[type, str] = {
        bool: "true or false",
        str: "a string",
        list: "a list",
        dict: "an object",
        int: "a number",
    }
    return kinds.get(type(value), "of another type")
