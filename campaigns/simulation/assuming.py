"""``flows:`` of a behaviour file: how customers go through the flows that campaigns start."""

from collections.abc import Mapping
from decimal import Decimal

from campaigns.reading.fields import Fields
from campaigns.simulation.behaviour import ANY, Talking
from campaigns.workspace.values import share
from core.reading.problems import did_you_mean

Steps = Mapping[str, frozenset[str] | None]
"""By question the answers that there are (empty: any that is good), None for a step that calls somebody."""
Assumable = Mapping[str, Steps]
"""By flow, what can be assumed of it."""
ABANDON, FAILED = "abandon", "failed"


def read_talking(fields: Fields, flows: Assumable | None) -> dict[str, Talking]:
    """By flow; ``flows`` None: those that exist are not known, and every name is taken."""
    inner = fields.mapping("flows")
    if inner is None:
        return {}
    found = {}
    for name in inner.node.entries:
        if flows is not None and name != ANY and name not in flows:
            inner.problem(name, f"there is no flow {name!r}{did_you_mean(name, flows)}")
        one = inner.mapping(name)
        if one is not None:
            found[name] = _talking(one, None if flows is None or name == ANY else flows.get(name), any_=name == ANY)
    inner.finish()
    return found


def _talking(fields: Fields, steps: Steps | None, *, any_: bool) -> Talking:
    """``{abandon: 20%, rating: {"5": 60%, abandon: 10%}, parcel: {failed: 5%}}``."""
    abandon = _share(fields, ABANDON, Talking().abandon)
    abandons, answers, fails = {}, {}, {}
    for name in [name for name in fields.node.entries if name != ABANDON]:
        if any_:
            fields.problem(name, f"{name!r} is of one flow; beside {ANY!r} only {ABANDON!r} can be said")
        if steps is not None and name not in steps:
            near = did_you_mean(name, steps) or f" (there are: {', '.join(steps) or 'none'})"
            fields.problem(name, f"the flow has no question or call {name!r}{near}")
        inner = fields.mapping(name)
        shares = {key: _share(inner, key, 0.0) for key in inner.node.entries} if inner is not None else {}
        if ABANDON in shares:
            abandons[name] = shares.pop(ABANDON)
        if FAILED in shares:
            fails[name] = shares.pop(FAILED)
        if inner is not None and shares:
            _check_answers(
                fields, inner, name, shares, steps.get(name, frozenset()) if steps is not None else frozenset()
            )
            answers[name] = shares
    fields.finish()
    return Talking(abandon, abandons, answers, fails)


def _check_answers(
    fields: Fields, inner: Fields, name: str, shares: Mapping[str, float], known: frozenset[str] | None
) -> None:
    for value in shares:
        if known is None:
            inner.problem(value, f"{name!r} asks nothing; write such as {name}: {{{FAILED}: 10%}}")
        elif known and value not in known:
            near = did_you_mean(value, known) or f" (there are: {', '.join(sorted(known))})"
            inner.problem(value, f"{name!r} has no answer {value!r}{near}")
    if sum(shares.values()) > 1 + 1e-9:
        fields.problem(name, f"the answers to {name!r} are more than the whole together; 100% is the most")


def _share(fields: Fields, key: str, default: float) -> float:
    return float(fields.parsed(key, share, Decimal(str(default))))
