"""``when:`` in a campaign: a segment's name, a condition as in ``segments.yaml``, a variant, or both.

A condition that stands in the campaign gets a name of its own (``@1``, ``@2`` in the order of the file).
"""

from campaigns.definition import When
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.segments.reading import read_condition, read_stored
from campaigns.workspace.scope import Scope
from core.reading.problems import WorkspaceInvalid
from core.reading.yaml import Mapping, Node, Scalar, Sequence

_HINT = "write a segment's name, {variant: NAME}, or a condition as in segments.yaml"


def read_when(fields: Fields, key: str, scope: Scope) -> When | None:
    """Who is meant under ``key``; None where nothing is said or (a problem) it cannot be read."""
    node = fields.get(key)
    if node is None:
        return None
    if isinstance(node, Scalar):
        return _segment(node, scope, key)
    if isinstance(node, Sequence):
        return _condition(node, scope)
    return _mapping(node, scope)


def _segment(node: Scalar, scope: Scope, key: str) -> When | None:
    try:
        segment = name(node.text)
    except ValueError as error:
        scope.problem(node.line, f"{key}: {error}; {_HINT}")
        return None
    scope.refer("segment", segment, node.line)
    return When(condition=segment)


def _mapping(node: Mapping, scope: Scope) -> When | None:
    if "variant" not in node.entries:
        segment = node.entries.get("segment")
        if len(node.entries) == 1 and isinstance(segment, Scalar):
            return _segment(segment, scope, "segment")
        return _condition(node, scope)
    inner = Fields(node, scope.file, scope.problems, "'when'")
    line = inner.line("variant")
    words = inner.words("variant") or []
    variants = frozenset(word for word in words if scope.variant(word, line))
    rest = {key: value for key, value in node.entries.items() if key != "variant"}
    if not rest:
        if not words:
            inner.problem("variant", "'variant' names none; write one, such as {variant: warm}")
        return When(variants=variants) if variants else None
    lines = {key: node.key_lines[key] for key in rest}
    other = _mapping(Mapping(node.line, node.column, rest, lines), scope)
    return None if other is None else When(condition=other.condition, variants=variants)


def _condition(node: Node, scope: Scope) -> When | None:
    condition, segments = read_condition(node, scope.file, scope.problems, scope.channels)
    for segment, line in segments.items():
        scope.refer("segment", segment, line)
    if condition is None:
        return None
    plain = node.plain()
    try:
        read_stored("a condition", {"where": plain})  # as it will be read from the applied version
    except WorkspaceInvalid as error:
        for problem in error.problems:
            scope.problem(node.line, problem.message)
        return None
    own = next((key for key, known in scope.conditions.items() if known == plain), f"@{len(scope.conditions) + 1}")
    scope.conditions[own] = plain
    return When(condition=own)
