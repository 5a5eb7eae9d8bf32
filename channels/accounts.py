"""Reading an account's options into its adapter's frozen settings, strictly: every complaint names the setting."""

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from core.errors import ConfigurationError

T = TypeVar("T")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def read_settings(kind: type[T], account: str, options: Mapping[str, object]) -> T:
    """An instance of the dataclass ``kind`` from ``options``, text values (from the environment) included.

    ``account`` fills the field of that name. A field's ``metadata["help"]`` says what to write.

    Raises:
        ConfigurationError: missing, unknown or unreadable settings, each on a line of its own, never with its value.
    """
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    given: dict[str, object] = {name: value for name, value in options.items() if value is not None and value != ""}
    if "account" in fields:
        given["account"] = account
    problems = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            problems.append(f"{account}.{name}: no such setting" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        try:
            values[name] = _converted(hints[name], value)
        except ValueError as error:
            problems.append(f"{account}.{name}: {error}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in given:
            problems.append(f"{account}.{name}: is missing" + _help(field))
    if problems:
        raise ConfigurationError("\n".join(problems))
    try:
        return kind(**values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{account}.{error}") from None


def _help(field: "dataclasses.Field[Any]") -> str:
    text = field.metadata.get("help", "")
    return f"; write {text}" if text else ""


def _converted(hint: Any, value: object) -> object:
    """``value`` as the field's type; sequences come as lists or as text with commas."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    origin = get_origin(hint) or hint
    if origin in (tuple, frozenset):
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple, set, frozenset)):
            raise ValueError("must be a list")
        return origin(str(item).strip() for item in items if str(item).strip())
    if hint is bool:
        word = str(value).strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError("must be true or false")
        return word in _TRUE
    if hint in (int, float):
        if isinstance(value, bool):
            raise ValueError("must be a number")
        try:
            return hint(str(value))
        except ValueError:
            raise ValueError("must be a whole number" if hint is int else "must be a number") from None
    if origin is str or get_args(hint):  # text, or a Literal of texts
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise ValueError("must be text")
        allowed = get_args(hint)
        if allowed and value not in allowed:
            raise ValueError(f"must be one of {', '.join(map(str, allowed))}")
        return str(value).strip()
    return value
