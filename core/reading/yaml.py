"""YAML read within bounds: every value knows its line, and only plain values exist.

Refused with their line: more than 1 MB, more than 40 levels, more than 50,000 values, anchors, aliases, merge keys,
tags, duplicate keys. Only ``true``/``false``, ``null``/``~`` and decimal numbers are read as such; ``NO``, ``on`` and
``08:00`` stay the texts they look like.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from core.reading.problems import Problem, WorkspaceInvalid

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 50_000

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,15}")
_CONSTANTS: dict[str, Any] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "Null": None, "~": None, "": None,
}  # fmt: skip
# YAML allows more, but C0 controls and NUL have no place in a workspace and PostgreSQL refuses NUL.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value; ``text`` is how it was written."""

    value: Plain
    line: int
    column: int
    text: str = ""

    def plain(self) -> Any:
        return self.value


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)

    def plain(self) -> Any:
        return [item.plain() for item in self.items]


@dataclass(slots=True)
class Mapping:
    """Keys (always text) with their nodes, in the order of the file; ``key_lines`` says where each key stands."""

    line: int
    column: int
    entries: dict[str, "Node"] = field(default_factory=dict)
    key_lines: dict[str, int] = field(default_factory=dict)

    def plain(self) -> Any:
        return {key: node.plain() for key, node in self.entries.items()}


Node = Scalar | Sequence | Mapping


def read_yaml(text: str | bytes, file: str, *, first_line: int = 1) -> Node | None:
    """The single document in ``text``, or None if empty; its first line is line ``first_line`` of ``file``.

    Raises:
        WorkspaceInvalid: with the first problem; after it the rest cannot be trusted.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise _refusal(file, 0, f"the file is larger than {MAX_BYTES // 1_000_000} MB; split it")
    offset = first_line - 1
    try:
        source = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return _Builder(file, offset).build(iter(_events(source)))
    except UnicodeDecodeError as error:
        raise _refusal(file, 0, f"byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 + offset if mark else 0
        raise _refusal(file, line, f"this is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise _refusal(file, 0, f"this is not YAML: {str(error).splitlines()[0]}") from None


def from_plain(value: Any, line: int = 0) -> Node:
    """Nodes around plain data, so that stored definitions are read by the same readers; lines are ``line``."""
    if isinstance(value, dict):
        entries = {str(key): from_plain(item, line) for key, item in value.items()}
        return Mapping(line, 0, entries, dict.fromkeys(entries, line))
    if isinstance(value, list | tuple):
        return Sequence(line, 0, [from_plain(item, line) for item in value])
    return Scalar(value, line, 0, "" if value is None else str(value))


def _events(source: str) -> Iterator[Any]:
    # Event by event: a bomb is refused at the event that shows it, before the rest is parsed.
    loader = _LOADER(source)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _refusal(file: str, line: int, message: str) -> WorkspaceInvalid:
    return WorkspaceInvalid([Problem(file, line, message)])


class _Builder:
    def __init__(self, file: str, offset: int) -> None:
        self._file = file
        self._offset = offset
        self._nodes = 0

    def build(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        open_nodes: list[Sequence | Mapping] = []
        keys: list[Scalar | None] = []  # the key that waits for its value, per open node
        documents = 0
        for event in events:
            line = event.start_mark.line + 1 + self._offset
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _refusal(self._file, line, "a second document begins here; keep one in a file")
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                open_nodes.pop()
                keys.pop()
            elif isinstance(event, yaml.AliasEvent):
                raise _refusal(self._file, line, "anchors and aliases (&, *) are not read; write the value out")
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event, line)
                if not open_nodes:
                    root = node
                else:
                    self._attach(open_nodes[-1], keys, node)
                if not isinstance(node, Scalar):
                    if len(open_nodes) >= MAX_DEPTH:
                        raise _refusal(self._file, line, f"nested deeper than {MAX_DEPTH} levels; flatten it")
                    open_nodes.append(node)
                    keys.append(None)
        return root if not (isinstance(root, Scalar) and root.value is None) else None

    def _node(self, event: Any, line: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refusal(self._file, line, f"more than {MAX_NODES} values in one file; split it")
        if event.anchor is not None:
            raise _refusal(self._file, line, "anchors and aliases (&, *) are not read; write the value out")
        if event.tag is not None and event.tag != "!":
            raise _refusal(self._file, line, f"tags such as {event.tag[:40]!r} are not read; remove it")
        column = event.start_mark.column + 1
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(line, column)
        if isinstance(event, yaml.MappingStartEvent):
            return Mapping(line, column)
        text: str = event.value
        if _CONTROL.search(text):
            raise _refusal(self._file, line, "a control character stands here; remove it")
        return Scalar(text if event.style or event.tag == "!" else _resolved(text), line, column, text)

    def _attach(self, parent: Sequence | Mapping, keys: list[Scalar | None], node: Node) -> None:
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = keys[-1]
        if key is None:
            if not isinstance(node, Scalar):
                raise _refusal(self._file, node.line, "a key must be a word, not a list or a mapping")
            if node.text == "<<":
                raise _refusal(self._file, node.line, "merge keys (<<) are not read; write the values out")
            if node.text in parent.entries:
                first = parent.key_lines[node.text]
                raise _refusal(self._file, node.line, f"{node.text!r} stands here twice; first in line {first}")
            keys[-1] = node
            parent.key_lines[node.text] = node.line
            return
        parent.entries[key.text] = node
        keys[-1] = None


def _resolved(text: str) -> Plain:
    if text in _CONSTANTS:
        constant: Plain = _CONSTANTS[text]
        return constant
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
