"""What a simulated customer says to a question: the assumed answer, else one that is good. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil, floor
from typing import Any

from bot.flows.definition import AnswerStep, AskStep, FlowBody, WebhookStep
from bot.flows.understanding import Heard, button_value, limit_day
from campaigns.simulation.assuming import Assumable
from campaigns.simulation.behaviour import Talking

_WORDS = "simulated"
_NUMBERS = 9
"""How many more than the least a number may be where there is no most."""
_DAYS = 30


def assumable(bodies: Mapping[str, FlowBody]) -> Assumable:
    """By flow, the questions with their choices (empty: any answer), and the steps that call somebody (None)."""
    found: dict[str, dict[str, frozenset[str] | None]] = {}
    for name, body in bodies.items():
        steps = found[name] = {}
        for step in body.definition.steps:
            if isinstance(step, AskStep):
                steps[step.into] = frozenset(one.value for one in step.choices)
            elif isinstance(step, WebhookStep | AnswerStep):
                steps[step.id] = None
    return found


def supposed(flow: str, step: AskStep, talking: Talking, chances: Sequence[float], today: date) -> Heard:
    """What is said to ``step``: the first of ``chances`` draws which answer, the second what is made up."""
    value = _drawn(step, talking.answers.get(step.into, {}), chances[0])
    if value is None:
        value = _made_up(step, chances[1], today)
    if step.type == "file":
        return Heard(files=({"name": value, "media_type": "", "blob": ""},))
    if step.type == "choice":
        return Heard(button=button_value(flow, step.id, value))
    return Heard(text=value)


def counted(step: AskStep, talking: Talking, value: Any) -> str:
    """As what an answer is counted; empty for one among many that nobody named."""
    said = str(value.get("name", "")) if isinstance(value, Mapping) else str(value)
    listed = bool(step.choices) or step.type == "number" or said in talking.answers.get(step.into, {})
    return said if listed else ""


def _drawn(step: AskStep, shares: Mapping[str, float], chance: float) -> str | None:
    """The answer that ``chance`` stands for, None where it is one that nobody named."""
    others = [one.value for one in step.choices if one.value not in shares]
    whole = sum(shares.values())
    if step.choices and not others and whole:
        chance *= whole  # all of them are named: what they leave belongs to nobody
    for value, share in shares.items():
        if chance < share:
            return value
        chance -= share
    if not others:
        return list(shares)[-1] if step.choices and shares else None
    return others[min(int(chance / max(1 - whole, 1e-9) * len(others)), len(others) - 1)]


def _made_up(step: AskStep, chance: float, today: date) -> str:
    limits = step.limits
    match step.type:
        case "number":
            least = limits.least if limits.least is not None else min(1.0, limits.most or 1.0)
            most = limits.most if limits.most is not None else least + _NUMBERS
            low, high = ceil(least), floor(most)
            return str(low + int(chance * (high - low + 1))) if low <= high else f"{least:g}"
        case "date":
            return _day(step, chance, today).isoformat()
        case "phone":
            return f"+120255501{int(chance * 100):02}"
        case "email":
            return f"{_WORDS}{int(chance * 1e6)}@example.org"
        case "location":
            return f"51.{int(chance * 1e4):04},-0.1278"
        case _:
            return _text(step, chance)


def _text(step: AskStep, chance: float) -> str:
    limits = step.limits
    if limits.like:
        digit = str(int(chance * 10))
        return "".join({"A": "A", "9": digit}.get(sign, sign) for sign in limits.like)
    return (_WORDS + "." * (limits.shortest - len(_WORDS)))[: limits.longest]


def _day(step: AskStep, chance: float, today: date) -> date:
    first, last = limit_day(step.limits.first, today), limit_day(step.limits.last, today)
    if first is None:
        first = today if last is None or last > today else last - timedelta(days=_DAYS)
    if last is None:
        last = first + timedelta(days=_DAYS)
    return first + timedelta(days=int(chance * max(0, (last - first).days + 1)))
