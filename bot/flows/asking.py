"""Reading an ``ask`` step: the question, what may be answered, what becomes of other answers and of none."""

import re
from datetime import date
from typing import Any

from bot.flows.definition import ANSWER_TYPES, END, HUMAN, AskStep, Choice, Limits
from bot.flows.scope import Scope
from bot.flows.texts import read_label, read_words
from bot.flows.understanding import limit_day
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping, Scalar

MAX_CHOICES = 12
_RANGE = re.compile(r"(\d{1,3})\.\.(\d{1,3})")
_ANY_DAY = date(2000, 1, 1)
TRIES = 3


def read_ask(fields: Fields, base: dict[str, Any], scope: Scope) -> AskStep | None:
    """The step; None, and problems, where it is broken. ``then`` by choice is taken out of the fields."""
    before = len(scope.problems)
    into = fields.parsed("ask", variable, "")
    scope.variables.add(into)
    words = read_words(fields, "say", scope)
    choices = _choices(fields, scope)
    type_ = fields.choice("type", ANSWER_TYPES, "choice" if choices else "text")
    if type_ == "choice" and not choices:
        fields.problem("type", "a choice needs choices; add choices: {yes: Yes, no: No}")
    if choices and type_ not in ("choice", "text", "number"):
        fields.problem("type", f"choices go with type choice, text or number, not with {type_}")
    if type_ == "number" and any(not one.value.isdecimal() for one in choices):
        fields.problem("choices", "the choices of a number are numbers, such as choices: 0..10")
    limits = _limits(fields, type_)
    again = read_words(fields, "again", scope)
    tries = fields.parsed("tries", _tries, TRIES)
    not_understood = target(fields, "not_understood", scope, HUMAN)
    timeout = fields.period("timeout")
    no_answer = target(fields, "no_answer", scope, END)
    prove = fields.flag("prove")
    if prove and type_ not in ("email", "phone"):
        fields.problem("prove", f"a code goes to an address: write type: email or type: phone, not {type_}")
    if words is None:
        fields.problem("", "a question has no words; add say: {en: …, ru: …}")
    if len(scope.problems) != before or words is None:
        return None
    return AskStep.model_validate(
        {
            **base, "into": into, "type": type_, "words": words, "choices": choices, "limits": limits, "again": again,
            "tries": tries, "not_understood": not_understood, "timeout": timeout, "no_answer": no_answer,
            "prove": prove,
        }
    )  # fmt: skip


def variable(text: str) -> str:
    """A variable's name: one that a template can read.

    Raises:
        ValueError: in words for people.
    """
    if "-" in name(text):
        raise ValueError(f"{text[:80]!r} cannot be read by templates; write {text.replace('-', '_')!r}")
    return text


def target(fields: Fields, key: str, scope: Scope, default: str = "") -> str:
    """The step that ``key`` leads to."""
    found = fields.parsed(key, name, "")
    scope.refer("target", found, fields.line(key))
    return found or default


def _choices(fields: Fields, scope: Scope) -> tuple[Choice, ...]:
    node = fields.get("choices")
    leads = _then_by_choice(fields, scope)
    if node is None:
        if leads:
            fields.problem("then", "'then' by choice needs choices; write then: STEP")
        return ()
    if isinstance(node, Scalar) and (match := _RANGE.fullmatch(node.text)):
        numbers = range(int(match[1]), int(match[2]) + 1)
        found = [Choice(value=str(number), label={"": str(number)}) for number in numbers]
    elif isinstance(node, Mapping):
        inner = Fields(node, scope.file, scope.problems, "'choices'")
        found = [made for value in node.entries if (made := _choice(inner, value, scope)) is not None]
    else:
        fields.problem("choices", "'choices' are values with words, such as {refund: {en: Refund, ru: Возврат}}")
        return ()
    if not 0 < len(found) <= MAX_CHOICES:
        most = f"a question has 1 to {MAX_CHOICES} choices, this one has {len(found)}"
        fields.problem("choices", f"{most}; ask twice, or let the customer type")
    _refuse_twins(fields, found)
    for value in leads:
        if value not in {one.value for one in found}:
            near = did_you_mean(value, [one.value for one in found])
            fields.problem("then", f"'then' names {value!r}, which is no choice{near}")
    return tuple(one.model_copy(update={"then": leads.get(one.value, "")}) for one in found)


def _choice(inner: Fields, value: str, scope: Scope) -> Choice | None:
    try:
        name(value)
    except ValueError as error:
        inner.problem(value, f"choices: {error}")
        return None
    label = read_label(inner, value, scope)
    if not label:
        inner.problem(value, f"choice {value!r} has no words; write such as {value}: {{en: …, ru: …}}")
        return None
    return Choice(value=value, label=label)


def _refuse_twins(fields: Fields, choices: list[Choice]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for one in choices:
        for language, label in one.label.items():
            other = seen.setdefault((language, label.casefold().strip()), one.value)
            if other != one.value:
                fields.problem("choices", f"choices {other!r} and {one.value!r} have the same words; change one")


def _then_by_choice(fields: Fields, scope: Scope) -> dict[str, str]:
    node = fields.node.entries.get("then")
    if not isinstance(node, Mapping):
        return {}
    inner = fields.mapping("then")
    return {} if inner is None else {value: target(inner, value, scope) for value in node.entries}


def _limits(fields: Fields, type_: str) -> Limits:
    inner = fields.mapping("validate")
    if inner is None:
        return Limits()
    made: dict[str, Any] = {}
    match type_:
        case "number":
            made = {"least": inner.parsed("from", float, None), "most": inner.parsed("to", float, None)}
        case "date":
            made = {"first": inner.parsed("from", _day, ""), "last": inner.parsed("to", _day, "")}
        case "text":
            made = {
                "shortest": inner.parsed("shortest", _length, 1), "longest": inner.parsed("longest", _length, 2_000),
                "like": inner.text("like", limit=60),
            }  # fmt: skip
        case _:
            fields.problem("validate", f"'validate' goes with type text, number or date; {type_} is checked by itself")
    if made:
        inner.finish()
    least, most = made.get("least"), made.get("most")
    if least is not None and most is not None and least > most:
        inner.problem("to", "'to' lies before 'from', so that no answer is right; swap them")
    if made.get("shortest", 1) > made.get("longest", 2_000):
        inner.problem("longest", "'longest' is below 'shortest', so that no answer is right; swap them")
    return Limits.model_validate(made)


def _day(text: str) -> str:
    limit_day(text, _ANY_DAY)
    return text


def _length(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 2_000:
        raise ValueError(f"{text[:40]!r} is no length; write a number from 1 to 2000")
    return int(text)


def _tries(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 20:
        raise ValueError(f"{text[:40]!r} is no number of tries; write one from 1 to 20")
    return int(text)
