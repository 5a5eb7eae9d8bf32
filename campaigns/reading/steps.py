"""What files of steps share, campaigns' and flows': what a step begins with, the ways of a branch, tests."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from core.reading.problems import Problems, did_you_mean
from core.reading.yaml import Node, Scalar
from core.reading.yaml import Sequence as YamlSequence

T = TypeVar("T")
CHANGES = ("set", "tag", "untag", "stage")
"""The keys that one step may have together."""
ELSE = "else"
MAX_DEPTH = 5
"""Branches that may stand in each other, and one more."""


def head_of(fields: Fields, heads: Sequence[str], own: Mapping[str, str], beside: Collection[str]) -> str:
    """The key that a step begins with; empty, and noted, where it is none or two.

    ``own`` is, by the head of a step, another head that may stand in it; ``beside`` are keys that begin no step.
    """
    present = [key for key in heads if key in fields.node.entries]
    if present:
        present = [present[0], *(key for key in present[1:] if key != own.get(present[0]))]
    if present and present[0] in CHANGES:
        present = [present[0], *(key for key in present if key not in CHANGES)]
    if len(present) > 1:
        fields.problem(present[1], f"a step does one thing, not {' and '.join(map(repr, present))}; make two steps")
        return ""
    if present:
        return present[0]
    first = next((key for key in fields.node.entries if key not in beside), "")
    near = did_you_mean(first, heads)
    fields.problem(first, f"{first!r} begins no step{near or '; begin it with one of ' + ', '.join(heads)}")
    return ""


def ways_of(fields: Fields, depth: int, *, whole: str, way: str, example: str) -> Iterator[tuple[Fields, bool]]:
    """The ways of a ``branch`` that stands so deep, each with whether it is ``else``; what is no way is noted.

    ``whole`` is what it stands in, in the plural; ``way`` and ``example`` are how one way, and a branch, are written.
    """
    node = fields.get("branch")
    if depth >= MAX_DEPTH:
        fields.problem("branch", f"branches stand in each other {MAX_DEPTH} deep; make two {whole} of this one")
        return
    if not isinstance(node, YamlSequence) or not node.items:
        fields.problem("branch", f"a branch is a list of ways on; write {example}")
        return
    before, has_arms = len(fields.problems), False
    for place, item in enumerate(node.items):
        inner = Fields.of(item, fields.file, fields.problems, "a way of a branch")
        if inner is None:
            continue
        is_else = ELSE in inner.node.entries
        if is_else and place + 1 != len(node.items):
            inner.problem(ELSE, "'else' is the last way of a branch; what follows it is never taken")
        has_arms = has_arms or not is_else
        yield inner, is_else
        inner.finish()
    if not has_arms and len(fields.problems) == before:
        fields.problem("branch", f"the branch has only an 'else'; drop the branch, or add {way}")


def names_in(fields: Fields, key: str) -> tuple[str, ...]:
    """The names under a key, each once; what is none is noted."""
    found = []
    for word in fields.words(key) or ():
        try:
            found.append(name(word))
        except ValueError as error:
            fields.problem(key, f"{key}: {error}")
    return tuple(dict.fromkeys(found))


def is_true(fields: Fields, key: str) -> bool:
    """Whether the key's value is a plain ``true``."""
    node = fields.get(key)
    return isinstance(node, Scalar) and node.value is True


def each_test(node: Node, file: str, problems: Problems, read: Callable[[Fields, int], T]) -> list[T]:
    """The ``tests`` of a file, each read with its place from 1 on."""
    if not isinstance(node, YamlSequence):
        problems.add(file, node.line, "'tests' must be a list of tests")
        return []
    numbered = enumerate((Fields.of(item, file, problems, "a test") for item in node.items), 1)
    return [read(fields, place) for place, fields in numbered if fields is not None]
