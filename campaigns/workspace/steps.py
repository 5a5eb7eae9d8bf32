"""``steps:``: a list with branches in it → one flat list, in which the arms of a branch meet again by ``then``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.definition import END, Action, Arm, BranchStep, Step, When
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.reading.steps import ELSE, head_of, ways_of
from campaigns.workspace.actions import READERS
from campaigns.workspace.conditions import read_when
from campaigns.workspace.scope import Scope
from campaigns.workspace.sends import BY_MESSAGE, Defaults, SendReader
from core.reading.yaml import Node, Sequence

MAX_STEPS = 200
HEADS = ("send", "branch", *READERS)
"""What a step may begin with; ``wait`` begins one only where nothing else does."""
_OWN = dict.fromkeys(BY_MESSAGE, "wait")
_ACTIONS = tuple(key for key in READERS if key not in ("wait", "end"))
_NUMBERED = ("branch", "end")
"""Nobody ever stands at these, so that their default ids may shift."""


@dataclass(slots=True)
class _Arm:
    when: When | None
    steps: list["_Read"]


@dataclass(slots=True)
class _Read:
    """A step as it stands in the file, with the arms that stand in it. ``step`` is None where it is broken."""

    id: str
    line: int
    step: Step | None = None
    arms: list[_Arm] = field(default_factory=list)
    otherwise: _Arm | None = None


class StepReader:
    """Reads the steps of one campaign. ``lines`` is where each step stands, by its id."""

    def __init__(self, scope: Scope, defaults: Defaults) -> None:
        self._scope = scope
        self._defaults = defaults
        self._prefix = ""
        self.lines: dict[str, int] = {}

    def steps(self, fields: Fields) -> list[Step]:
        """The campaign's steps; those that are broken are left out, and noted."""
        node = fields.get("steps")
        if not isinstance(node, Sequence) or not node.items:
            fields.problem("steps", "a campaign needs steps; write a list, such as steps: [{send: email}]")
            return []
        return _flat(self._list(node.items, 1), END, top=True)

    def actions(self, fields: Fields) -> list[Action]:
        """What ``on_answer`` does."""
        node = fields.get("on_answer")
        if node is None:
            return []
        if not isinstance(node, Sequence) or not node.items:
            fields.problem("on_answer", "'on_answer' takes a list, such as [{handoff: true}, {tag: answered}]")
            return []
        found: list[Any] = []
        self._prefix = "answer-"
        for item in node.items:
            inner = Fields.of(item, self._scope.file, self._scope.problems, "an action")
            if inner is None:
                continue
            head = next((key for key in inner.node.entries if key in HEADS), "")
            if head and head not in _ACTIONS:
                inner.problem(head, f"{head!r} cannot be done on an answer; write one of {', '.join(_ACTIONS)}")
                continue
            read = self._step(inner, 1, by_message={})
            if read is not None and read.step is not None:
                found.append(read.step)
        return found

    def _list(self, items: list[Node], depth: int) -> list[_Read]:
        found = []
        for item in items:
            fields = Fields.of(item, self._scope.file, self._scope.problems, "a step")
            read = self._step(fields, depth) if fields else None
            if read is not None:
                found.append(read)
                if len(self.lines) > MAX_STEPS:
                    self._scope.problem(read.line, f"more than {MAX_STEPS} steps; make two campaigns of this one")
                    break
        return found

    def _step(self, fields: Fields, depth: int, by_message: Mapping[str, SendReader] = BY_MESSAGE) -> _Read | None:
        head = head_of(fields, HEADS, _OWN, ("id", "when"))
        if not head:
            return None
        base: dict[str, Any] = {"id": "x", "when": read_when(fields, "when", self._scope)}
        own = fields.parsed("id", name, "")
        read = _Read("", fields.node.line)
        if head == "branch":
            self._claim(read, own, "branch")  # before the branches inside it take that name
            step = self._branch(fields, base, read, depth)
        else:
            sends = by_message.get(head)
            made = sends(fields, base, self._defaults, self._scope) if sends else None
            title, step = made or READERS[head](fields, base, self._scope)
            self._claim(read, own, title)
        fields.finish()
        broken_id = fields.get("id") is not None and not own
        read.step = step.model_copy(update={"id": read.id}) if step is not None and not broken_id else None
        return read

    def _branch(self, fields: Fields, base: dict[str, Any], read: _Read, depth: int) -> Step | None:
        before = len(self._scope.problems)
        way, example = "{when: …, steps: […]}", "branch: [{when: vip, steps: […]}, {else: […]}]"
        for inner, is_else in ways_of(fields, depth, whole="campaigns", way=way, example=example):
            if is_else:
                read.otherwise = _Arm(None, self._arm_steps(inner, ELSE, depth))
            else:
                read.arms.append(self._arm(inner, depth))
        if len(self._scope.problems) != before:
            return None
        return BranchStep(**base, arms=tuple(Arm(when=arm.when or When(), first=END) for arm in read.arms))

    def _arm(self, inner: Fields, depth: int) -> _Arm:
        if inner.get("when") is None:
            inner.problem("", "a way of a branch has no 'when'; add it, or write else: […] for all the others")
        when = read_when(inner, "when", self._scope)
        if inner.get("steps") is None and "steps" not in inner.node.entries:
            inner.problem("", "a way of a branch has no 'steps'; add them (steps: [] goes on behind the branch)")
        return _Arm(when, self._arm_steps(inner, "steps", depth))

    def _arm_steps(self, inner: Fields, key: str, depth: int) -> list[_Read]:
        node = inner.get(key)
        if node is None:
            return []
        if not isinstance(node, Sequence):
            inner.problem(key, f"{key!r} takes a list of steps; begin each with '- '")
            return []
        return self._list(node.items, depth + 1)

    def _title(self, title: str) -> str:
        title = (self._prefix + title)[:60].strip("-")
        if title not in _NUMBERED or title not in self.lines:
            return title
        return next(made for number in range(2, MAX_STEPS + 9) if (made := f"{title}-{number}") not in self.lines)

    def _claim(self, read: _Read, own: str, title: str) -> None:
        read.id = own or self._title(title)
        first = self.lines.get(read.id)
        if first is not None:
            hint = "rename one" if own else f"give one of them an id of its own, such as id: {read.id[:50]}-2"
            self._scope.problem(read.line, f"step {read.id!r} is in line {first} already; {hint}")
        self.lines.setdefault(read.id, read.line)


def _flat(listed: list[_Read], after: str, *, top: bool = False) -> list[Step]:
    """The steps in order, ends of arms led to ``after``; broken ones left out."""
    whole = [read for read in listed if read.step is not None]
    found: list[Step] = []
    for place, read in enumerate(whole):
        following = whole[place + 1].id if place + 1 < len(whole) else after
        step = read.step
        if isinstance(step, BranchStep):
            found += _branched(step, read, following)
        elif step is not None:
            is_last = place + 1 == len(whole)
            found.append(step.model_copy(update={"then": after}) if is_last and not top else step)
    return found


def _branched(step: BranchStep, read: _Read, following: str) -> list[Step]:
    ways = [*read.arms, *([read.otherwise] if read.otherwise else [])]
    inside = [_flat(way.steps, following) for way in ways]
    firsts = [steps[0].id if steps else following for steps in inside]
    arms = tuple(
        arm.model_copy(update={"first": first}) for arm, first in zip(step.arms, firsts[: len(step.arms)], strict=True)
    )
    otherwise = firsts[-1] if read.otherwise else following
    head = step.model_copy(update={"arms": arms, "otherwise": otherwise, "then": following})
    return [head, *(inner for steps in inside for inner in steps)]
