"""Templates that speak of an event or an offer that their campaign does not have: those words stay empty."""

from collections.abc import Iterator, Mapping

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from campaigns.definition import CampaignBody, CampaignDefinition
from campaigns.templates.names import dotted_names
from campaigns.templates.sandbox import TEXT
from campaigns.templates.sources import take_apart
from core.reading.problems import Problems, WorkspaceInvalid

EVENT, OFFER = "event", "offer"
_NAME = "event.name"
_GUARDS = frozenset({"default", "d"})


def check_occasions(campaigns: Mapping[str, CampaignBody], files: Mapping[str, str], problems: Problems) -> None:
    """Warn once a template and campaign of each such word; ``files`` are the campaigns' own, by name.

    What a template asks for first (``{% if offer.code %}``, ``event.number | default``) it may speak of anywhere.
    """
    for name, body in campaigns.items():
        for path, text in body.templates.items():
            for line, message in sorted(_of_template(path, text, body.definition, files[name])):
                problems.warn(f"templates/{path}", line, message)


def _of_template(path: str, text: str, definition: CampaignDefinition, file: str) -> Iterator[tuple[int, str]]:
    try:
        pieces = [(piece.line, TEXT.tree(piece.source)) for piece in take_apart(path, text).texts()]
    except (WorkspaceInvalid, TemplateSyntaxError):
        return  # that it is broken is told elsewhere
    absent = _absent(definition, file)
    told: dict[str, tuple[int, str]] = {}
    for first, tree in pieces:
        own = frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx == "store")
        for line, dotted in _unguarded(tree, own):
            group = dotted.partition(".")[0]
            if group in absent and (group not in told or first + line - 1 < told[group][0]):
                told[group] = first + line - 1, f"{dotted!r} {absent[group]}"
    yield from told.values()
    for first, tree in pieces:
        for line, other in _other_events(tree, definition.start.event):
            said = f"campaign {definition.name!r} starts by {definition.start.event!r}, never by {other!r}"
            yield first + line - 1, f"{said}; name that one, or take this out"


def _absent(definition: CampaignDefinition, file: str) -> dict[str, str]:
    """Why each group of names is always empty here, and what to do."""
    found, named = {}, f"campaign {definition.name!r}"
    if definition.offer is None:
        hint = f"add offer: NAME to {file}, or take it out"
        found[OFFER] = f"is always empty in {named}, which has no offer; {hint}"
    if definition.start.kind not in ("event", "api"):
        hint = f"add start: {{event: NAME}} to {file}, or write events.NAME.last for the last one of a name"
        found[EVENT] = f"is always empty in {named}, which no event starts; {hint}"
    return found


def _unguarded(node: nodes.Node, guarded: frozenset[str]) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of what is read without having been asked for."""
    if isinstance(node, nodes.If | nodes.CondExpr):
        inside = guarded | _groups(node.test)
        then = node.body if isinstance(node, nodes.If) else [node.expr1]
        for child in node.iter_child_nodes():
            if child is not node.test:
                yield from _unguarded(child, inside if child in then else guarded)
    elif isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
        yield from ((line, dotted) for line, dotted in dotted_names(_alone(node)) if _group(dotted) not in guarded)
    elif isinstance(node, nodes.Filter) and node.name in _GUARDS:
        return
    else:
        for child in node.iter_child_nodes():
            yield from _unguarded(child, guarded)


def _alone(node: nodes.Node) -> nodes.Template:
    return nodes.Template([nodes.Output([node])], lineno=node.lineno)


def _groups(node: nodes.Node) -> frozenset[str]:
    return frozenset(_group(dotted) for _, dotted in dotted_names(_alone(node)))


def _group(dotted: str) -> str:
    return dotted.partition(".")[0]


def _other_events(tree: nodes.Template, started_by: str) -> Iterator[tuple[int, str]]:
    """(line, name) where ``event.name`` is held against the name of an event that does not start the campaign."""
    if not started_by:
        return
    for compare in tree.find_all(nodes.Compare):
        for operand in compare.ops:
            sides = compare.expr, operand.expr
            spoken = {dotted for side in sides for _, dotted in dotted_names(_alone(side))}
            names = [str(side.value) for side in sides if isinstance(side, nodes.Const)]
            if operand.op == "eq" and spoken == {_NAME} and names and names[0] != started_by:
                yield compare.lineno, names[0]
