"""``segments.yaml`` → syntax trees, with a line for every problem. The grammar is in ``docs/segments.md``."""

from collections.abc import Collection, Mapping
from typing import Any

from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.segments.leaves import LEAVES
from campaigns.segments.syntax import (
    Condition,
    Either,
    EventTest,
    Every,
    InSegment,
    Negation,
    SegmentDefinition,
    walk,
)
from campaigns.segments.textbook import FILE, TEXTBOOK, textbook
from core.installed import channel_names
from core.reading.problems import Problems, did_you_mean
from core.reading.yaml import Mapping as YamlMapping
from core.reading.yaml import Node, Scalar, Sequence, from_plain

MAX_CONDITIONS = 200
MAX_EVENTS = 20
LATER = ("sequence", "funnel", "near", "top", "sample")
INCLUDE = "include"
_HEADS = ("all", "any", "not", "segment", *LEAVES)


def read_segments(
    node: Node | None, file: str, problems: Problems, channels: Collection[str] | None = None
) -> dict[str, SegmentDefinition]:
    """Every segment of the file that could be read; what could not is a problem."""
    if node is None:
        return {}
    if not isinstance(node, YamlMapping):
        problems.add(file, node.line, "segments are names with conditions, such as dormant: {where: …}")
        return {}
    reader = _Reader(file, problems, channel_names() if channels is None else channels)
    found = _included(node, file, problems)
    for key, inner in node.entries.items():
        if key == INCLUDE:
            continue
        line = node.key_lines[key]
        try:
            name(key)
        except ValueError as error:
            problems.add(file, line, str(error))
            continue
        segment = reader.segment(key, inner, line)
        if segment is not None:
            found[key] = segment
    _check_references(found, {*found, *node.entries} - {INCLUDE}, reader.references, file, problems)
    return found


def _included(node: YamlMapping, file: str, problems: Problems) -> dict[str, SegmentDefinition]:
    """The segments that ``include:`` brings, those left out that the file has itself."""
    if INCLUDE not in node.entries:
        return {}
    asked = node.entries[INCLUDE]
    if not isinstance(asked, Scalar) or asked.text != TEXTBOOK:
        problems.add(
            file, node.key_lines[INCLUDE], f"{INCLUDE!r} brings a set of segments; the one there is: {TEXTBOOK}"
        )
        return {}
    reader = _Reader(FILE, problems, ())  # it names no channel
    entries = textbook().entries.items()
    read = {key: reader.segment(key, inner, inner.line) for key, inner in entries if key not in node.entries}
    return {key: segment for key, segment in read.items() if segment is not None}


def read_stored(name_: str, definition: Any) -> SegmentDefinition:
    """A segment as the store keeps it.

    Raises:
        WorkspaceInvalid: if this release cannot read it.
    """
    problems = Problems()
    segment = _Reader("the stored segments", problems, ()).segment(name_, from_plain(definition), 0)
    problems.raise_if_any()
    assert segment is not None  # noqa: S101  nothing was wrong
    return segment


def read_condition(
    node: Node, file: str, problems: Problems, channels: Collection[str] | None = None
) -> tuple[Condition | None, Mapping[str, int]]:
    """A condition that stands outside ``segments.yaml``, and the segments that it names, each with its line.

    None where something is wrong with it, which is then a problem.
    """
    reader = _Reader(file, problems, channel_names() if channels is None else channels)
    return reader.condition(node), reader.references


class _Reader:
    def __init__(self, file: str, problems: Problems, channels: Collection[str]) -> None:
        self._file = file
        self._problems = problems
        self._channels = channels  # empty: any
        self.references: dict[str, int] = {}

    def segment(self, title: str, node: Node, line: int) -> SegmentDefinition | None:
        fields = Fields.of(node, self._file, self._problems, f"segment {title!r}")
        if fields is None:
            return None
        description = fields.text("description")
        where = fields.get("where")
        if where is None:
            fields.problem("", f"segment {title!r} has no 'where'; write its condition there")
            fields.finish()
            return None
        fields.finish()
        condition = self.condition(where)
        if condition is None:
            return None
        parts = list(walk(condition))
        if (
            len(parts) > MAX_CONDITIONS
            or len({(part.event, part.where) for part in parts if isinstance(part, EventTest)}) > MAX_EVENTS
        ):
            self._problems.add(
                self._file,
                line,
                f"{title!r} has more than {MAX_CONDITIONS} conditions or {MAX_EVENTS} events; split it",
            )
            return None
        return SegmentDefinition(title, condition, node.plain(), description)

    def condition(self, node: Node) -> Condition | None:
        if isinstance(node, Sequence):
            return self._group("all", node)
        fields = Fields.of(node, self._file, self._problems, "a condition", LATER)
        if fields is None:
            return None
        head = next((key for key in _HEADS if key in fields.node.entries), "")
        before = len(self._problems)
        if head in LEAVES:
            made = LEAVES[head](fields, self._channels)
        elif head in ("all", "any"):
            made = self._group(head, fields.get(head))
        elif head == "not":
            made = self._not(fields)
        elif head == "segment":
            made = self._reference(fields)
        else:
            first = next(iter(fields.node.entries), "")
            near = did_you_mean(first, _HEADS)
            hint = near or f"; begin it with one of {', '.join(_HEADS)}"
            self._problems.add(self._file, node.line, f"{first!r} begins no condition{hint}")
            return None
        fields.finish()
        return made if len(self._problems) == before else None

    def _group(self, head: str, node: Node | None) -> Condition | None:
        if not isinstance(node, Sequence) or not node.items:
            line = node.line if node else 0
            self._problems.add(self._file, line, f"{head!r} takes a list of conditions; begin each with '- '")
            return None
        read = [self.condition(item) for item in node.items]
        conditions = tuple(condition for condition in read if condition is not None)
        if len(conditions) != len(read):
            return None
        return Every(conditions) if head == "all" else Either(conditions)

    def _not(self, fields: Fields) -> Condition | None:
        node = fields.get("not")
        inner = self.condition(node) if node is not None else None
        if node is None:
            fields.problem("not", "'not' takes a condition")
        return Negation(inner) if inner else None

    def _reference(self, fields: Fields) -> Condition:
        other = fields.parsed("segment", name, "")
        if other:
            self.references.setdefault(other, fields.line("segment"))
        return InSegment(other)


def _check_references(
    found: Mapping[str, SegmentDefinition],
    known: Collection[str],
    references: Mapping[str, int],
    file: str,
    problems: Problems,
) -> None:
    for other, line in references.items():
        if other not in known:
            problems.add(file, line, f"there is no segment {other!r}{did_you_mean(other, known)}")
    for title in found:
        path = cycle(title, found)
        if path and path[0] == min(path):
            problems.add(file, references.get(path[0], 0), f"segments lead in a circle: {' → '.join([*path, path[0]])}")


def cycle(start: str, segments: Mapping[str, SegmentDefinition]) -> list[str]:
    """The names on a way from ``start`` back to itself; empty if there is none."""
    stack: list[tuple[str, list[str]]] = [(start, [start])]
    seen: set[str] = set()
    while stack:
        current, path = stack.pop()
        segment = segments.get(current)
        for part in walk(segment.condition) if segment else ():
            if isinstance(part, InSegment):
                if part.name == start:
                    return path
                if part.name not in seen:
                    seen.add(part.name)
                    stack.append((part.name, [*path, part.name]))
    return []
