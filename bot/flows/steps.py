"""``steps:`` of a flow: a list with branches in it → one flat list, each step knowing the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.flows.asking import read_ask, target, variable
from bot.flows.definition import (
    ANSWERS,
    CUSTOMER,
    END,
    EXITS,
    HUMAN,
    PRIORITIES,
    AnswerStep,
    Arm,
    BranchStep,
    Condition,
    EndStep,
    EventStep,
    HandoffStep,
    SayStep,
    SetStep,
    StartStep,
    Step,
    WebhookStep,
)
from bot.flows.scope import Scope
from bot.flows.texts import read_buttons, read_data, read_template, read_words
from bot.flows.whens import read_condition
from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.reading.steps import ELSE, head_of, is_true, names_in, ways_of
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.workspace.actions import SETTABLE, settable
from campaigns.workspace.values import web_address
from core.reading.problems import did_you_mean
from core.reading.yaml import Node, Scalar, Sequence

MAX_STEPS = 200
LONGEST_CALL = Period(60, "s")


@dataclass(slots=True)
class _Read:
    """A step as it stands in the file; ``arms`` are a branch's, ``otherwise`` its last; None where it is broken."""

    id: str
    line: int
    step: Step | None = None
    arms: list["_Way"] = field(default_factory=list)
    otherwise: "_Way | None" = None


@dataclass(slots=True)
class _Way:
    """An arm: the steps in it, or where it leads."""

    when: Condition | None
    steps: list[_Read] = field(default_factory=list)
    then: str = ""


class StepReader:
    """Reads the steps of one flow. ``lines`` is where each stands, by its id."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.lines: dict[str, int] = {}

    def steps(self, fields: Fields) -> list[Step]:
        """The flow's steps; those that are broken are left out, and noted."""
        node = fields.get("steps")
        if not isinstance(node, Sequence) or not node.items:
            fields.problem("steps", "a flow needs steps; write a list, such as steps: [{say: Hello}]")
            return []
        self._reserve(node)
        return _flat(self._list(node.items, 1), END)

    def _reserve(self, node: Sequence) -> None:
        """Note the ids that are written, before others are made up."""
        self._written = set(_ids_in(node))

    def _list(self, items: list[Node], depth: int) -> list[_Read]:
        found = []
        for item in items:
            fields = Fields.of(item, self._scope.file, self._scope.problems, "a step")
            read = self._step(fields, depth) if fields else None
            if read is not None:
                found.append(read)
                if len(self.lines) > MAX_STEPS:
                    self._scope.problem(read.line, f"more than {MAX_STEPS} steps; make two flows of this one")
                    break
        return found

    def _step(self, fields: Fields, depth: int) -> _Read | None:
        head = head_of(fields, HEADS, {"ask": "say"}, ("id", "when", "then"))
        if not head:
            return None
        base: dict[str, Any] = {"id": "x", "when": read_condition(fields, "when", self._scope)}
        own = fields.parsed("id", name, "")
        if own in EXITS:
            fields.problem("id", f"{own!r} is where flows are left to; name the step otherwise")
        read = _Read("", fields.node.line)
        if head == "branch":
            self._claim(read, own, fields, head)
            read.step = self._branch(fields, base, read, depth)
        else:
            made = read_ask(fields, base, self._scope) if head == "ask" else _READERS[head](fields, base, self._scope)
            self._claim(read, own, fields, head)
            read.step = made
        if "then" not in fields.asked:
            then = target(fields, "then", self._scope)
            if then and head in ("handoff", "end", "branch"):
                fields.problem("then", f"nothing follows {head!r}; remove 'then'")
            read.step = read.step.model_copy(update={"then": then}) if read.step is not None and then else read.step
        fields.finish()
        if read.step is not None:
            read.step = read.step.model_copy(update={"id": read.id})
        return read

    def _claim(self, read: _Read, own: str, fields: Fields, head: str) -> None:
        read.id = own or self._title(fields, head)
        first = self.lines.get(read.id)
        if first is not None:
            self._scope.problem(read.line, f"step {read.id!r} is in line {first} already; rename one")
        self.lines.setdefault(read.id, read.line)

    def _title(self, fields: Fields, head: str) -> str:
        named = fields.node.entries.get(head)
        told = named.text if head in ("ask", "event", "start") and isinstance(named, Scalar) else ""
        title = (told if head == "ask" else f"{head}-{told}" if told else _TITLES.get(head, head))[:50]
        taken = self.lines.keys() | self._written | set(EXITS)
        if title not in taken:
            return title
        return next(made for number in range(2, 9 * MAX_STEPS) if (made := f"{title}-{number}") not in taken)

    def _branch(self, fields: Fields, base: dict[str, Any], read: _Read, depth: int) -> Step | None:
        before = len(self._scope.problems)
        example = "branch: [{when: {answers.topic: refund}, then: refund}, {else: other}]"
        for inner, is_else in ways_of(fields, depth, whole="flows", way="{when: …, then: …}", example=example):
            if is_else:
                read.otherwise = self._way(inner, ELSE, ELSE, depth)
            else:
                read.arms.append(self._way(inner, "then", "steps", depth))
        if len(self._scope.problems) != before:
            return None
        return BranchStep(**base, arms=tuple(Arm(when=arm.when or Condition(), first=END) for arm in read.arms))

    def _way(self, inner: Fields, by_name: str, by_steps: str, depth: int) -> _Way:
        """``then: STEP`` or ``steps: [...]``; an ``else`` takes either."""
        when = read_condition(inner, "when", self._scope)
        if by_name != ELSE and inner.get("when") is None:
            inner.problem("", "a way of a branch has no 'when'; add it, or write else: for all the others")
        inner.get(by_name), inner.get(by_steps)
        node = inner.node.entries.get(by_steps)
        if isinstance(node, Sequence):
            if by_name != by_steps and by_name in inner.node.entries:
                inner.problem(by_name, "a way has 'then' or 'steps', not both; write the steps alone")
            return _Way(when, self._list(node.items, depth + 1))
        then = target(inner, by_name, self._scope)
        if not then:
            inner.problem("", "a way of a branch leads nowhere; add then: STEP, or steps: […]")
        return _Way(when, then=then)


def _ids_in(node: Node) -> list[str]:
    if isinstance(node, Scalar):
        return []
    if isinstance(node, Sequence):
        return [found for item in node.items for found in _ids_in(item)]
    own = node.entries.get("id")
    found = [own.text] if isinstance(own, Scalar) else []
    inside = [node.entries[key] for key in ("branch", "steps", ELSE) if key in node.entries]
    return found + [id_ for item in inside for id_ in _ids_in(item)]


def _flat(listed: list[_Read], after: str) -> list[Step]:
    """The steps in order, each with the next; broken ones left out."""
    whole = [read for read in listed if read.step is not None]
    found: list[Step] = []
    for place, read in enumerate(whole):
        following = whole[place + 1].id if place + 1 < len(whole) else after
        step = read.step
        if isinstance(step, BranchStep):
            found += _branched(step, read, following)
        elif step is not None:
            found.append(step.model_copy(update={"next": following}))
    return found


def _branched(step: BranchStep, read: _Read, following: str) -> list[Step]:
    ways = [*read.arms, *([read.otherwise] if read.otherwise else [])]
    inside = [_flat(way.steps, following) for way in ways]
    firsts = [
        way.then or (steps[0].id if steps else following) for way, steps in zip(ways, inside, strict=True)
    ]  # fmt: skip
    arms = tuple(
        arm.model_copy(update={"first": first}) for arm, first in zip(step.arms, firsts[: len(step.arms)], strict=True)
    )
    otherwise = firsts[-1] if read.otherwise else following
    head = step.model_copy(update={"arms": arms, "otherwise": otherwise, "next": following})
    return [head, *(inner for steps in inside for inner in steps)]


def _say(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    words, buttons = read_words(fields, "say", scope), read_buttons(fields, scope)
    return SayStep(**base, words=words, buttons=buttons) if words is not None else None


def _set(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    values = read_data(fields, "set", scope)
    for key in values:
        if key.startswith(ANSWERS):
            scope.variables.add(_variable(fields, key.removeprefix(ANSWERS)))
        elif not (key.startswith(CUSTOMER) and _is_settable(key.removeprefix(CUSTOMER))):
            known = [f"{CUSTOMER}{column}" for column in SETTABLE]
            near = f"; did you mean '{CUSTOMER}{key}'?" if f"{CUSTOMER}{key}" in known else did_you_mean(key, known)
            hint = near or f"; write {ANSWERS}NAME, {CUSTOMER}{ATTRIBUTE}NAME or {', '.join(known)}"
            fields.problem("set", f"{key!r} cannot be set{hint}")
        elif (column := key.removeprefix(CUSTOMER)) in SETTABLE and "{" not in str(values[key]):
            _check_field(fields, column, values[key])
    tags, untag = names_in(fields, "tag"), names_in(fields, "untag")
    if both := sorted(set(tags) & set(untag)):
        fields.problem("untag", f"tag {both[0]!r} is put on and taken off in one step; keep one of them")
    return SetStep(**base, values=values, tag=tags, untag=untag, stage=fields.parsed("stage", name, ""))


def _variable(fields: Fields, text: str) -> str:
    try:
        return variable(text)
    except ValueError as error:
        fields.problem("set", f"{ANSWERS}{error}")
        return text


def _check_field(fields: Fields, column: str, value: Any) -> None:
    try:
        if value is not None:
            settable(column, str(value))
    except ValueError as error:
        fields.problem("set", f"{CUSTOMER}{column}: {error}")


def _is_settable(column: str) -> bool:
    own = column.removeprefix(ATTRIBUTE)
    return column in SETTABLE or (own != column and 0 < len(own) <= 63)


def _event(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    event, data = fields.parsed("event", name, ""), read_data(fields, "data", scope)
    return EventStep(**base, event=event, data=data) if event else None


def _webhook(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    url, data = fields.parsed("webhook", web_address, ""), read_data(fields, "data", scope)
    timeout = fields.period("timeout") or Period(10, "s")
    if not 0 < timeout.rough.total_seconds() <= LONGEST_CALL.rough.total_seconds():
        fields.problem("timeout", f"a customer waits for the answer: write 1s to {LONGEST_CALL}")
    into = fields.parsed("into", variable, "")
    scope.variables.add(into)
    failed = target(fields, "failed", scope, HUMAN)
    made = {**base, "url": url, "data": data, "timeout": timeout, "into": into, "failed": failed}
    return WebhookStep.model_validate(made) if url else None


def _start(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    campaign = fields.parsed("start", name, "")
    scope.refer("campaign", campaign, fields.line("start"))
    return StartStep(**base, campaign=campaign) if campaign else None


def _answer(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    question = "" if is_true(fields, "answer") else read_template(fields, "answer", scope)
    return AnswerStep(**base, question=question, unknown=target(fields, "unknown", scope, HUMAN))


def read_handoff(fields: Fields, key: str, base: dict[str, Any], scope: Scope) -> HandoffStep:
    """A handoff: its queue under ``key`` (``true``: the common one), note and priority beside it."""
    queue = "" if is_true(fields, key) else fields.parsed(key, name, "")
    priority = fields.choice("priority", PRIORITIES, "normal")
    note = read_template(fields, "note", scope)
    return HandoffStep.model_validate({**base, "queue": queue, "note": note, "priority": priority})


def _handoff(fields: Fields, base: dict[str, Any], scope: Scope) -> Step | None:
    return read_handoff(fields, "handoff", base, scope)


def _end(fields: Fields, base: dict[str, Any], _scope: Scope) -> Step | None:
    if not is_true(fields, "end"):
        fields.problem("end", "write end: true")
    return EndStep(**base)


_READERS: Mapping[str, Callable[[Fields, dict[str, Any], Scope], Step | None]] = {
    "say": _say, "set": _set, "tag": _set, "untag": _set, "stage": _set, "event": _event, "webhook": _webhook,
    "start": _start, "answer": _answer, "handoff": _handoff, "end": _end,
}  # fmt: skip
HEADS = ("ask", "branch", *_READERS)
"""What a step may begin with."""
_TITLES = {"end": "ending", "tag": "set", "untag": "set", "stage": "set"}
