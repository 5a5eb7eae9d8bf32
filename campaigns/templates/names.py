"""The names that a template's source speaks of, and what must be looked up for them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jinja2 import nodes


@dataclass(frozen=True, slots=True)
class Asks:
    """What templates want to know beyond the customer: looked up only where one asks.

    ``events`` are the names whose last event is told.
    """

    event: bool = False
    last_order: bool = False
    events: frozenset[str] = frozenset()
    offer: bool = False

    def __or__(self, other: "Asks") -> "Asks":
        return Asks(
            self.event or other.event,
            self.last_order or other.last_order,
            self.events | other.events,
            self.offer or other.offer,
        )


NOTHING_ASKED = Asks()


def asked_by(trees: Iterable[nodes.Template]) -> Asks:
    """What the templates of these trees ask for."""
    parts = [dotted.split(".") for tree in trees for _, dotted in dotted_names(tree)]
    return Asks(
        event=any(part[0] == "event" for part in parts),
        last_order=any(part[:2] == ["orders", "last"] for part in parts),
        events=frozenset(part[1] for part in parts if part[0] == "events" and len(part) > 1),
        offer=any(part[0] == "offer" for part in parts),
    )


def dotted_names(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """(line, ``customer.first_name``) for every variable that is read, the template's own left out."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"} | {"loop", "range"}
    inner: set[int] = set()
    for node in _outermost_first(tree):
        if id(node) in inner or not isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            continue
        dotted, parts = _dotted(node)
        inner.update(parts)
        if not dotted or dotted.partition(".")[0] in own or (isinstance(node, nodes.Name) and node.ctx == "store"):
            continue
        yield node.lineno, dotted


def _outermost_first(tree: nodes.Node) -> Iterator[nodes.Node]:
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(node.iter_child_nodes())))


def _dotted(node: nodes.Node) -> tuple[str, list[int]]:
    # 'customer.first_name' of nested Getattr/Getitem, with the ids of the nodes inside; '' if it starts elsewhere
    keys: list[str] = []
    inside: list[int] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        keys.append(node.attr if isinstance(node, nodes.Getattr) else str(getattr(node.arg, "value", "")))
        node = node.node
        inside.append(id(node))
    if not isinstance(node, nodes.Name):
        return "", inside
    return ".".join([node.name, *reversed(keys)]), inside
