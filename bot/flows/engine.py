"""The flows' engine: ``(run, signal, facts, now) → (run, effects)``. Pure: no I/O, no clock, no chance."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.flows.conditions import holds
from bot.flows.definition import (
    ANSWERS,
    CUSTOMER,
    END,
    HUMAN,
    AnswerStep,
    AskStep,
    BranchStep,
    Condition,
    EndStep,
    EventStep,
    FlowBody,
    HandoffStep,
    SayStep,
    SetStep,
    StartStep,
    Step,
    WebhookStep,
)
from bot.flows.effects import (
    AskAnswers,
    AskProof,
    Begun,
    Called,
    CallWebhook,
    Change,
    Decision,
    Effect,
    Facts,
    Opened,
    OpenHandoff,
    Proved,
    RecordEvent,
    Replied,
    Run,
    Say,
    Signal,
    StartCampaign,
    TimedOut,
)
from bot.flows.escapes import Escape, escape
from bot.flows.speaking import Surroundings, again, data_for, filled, question, said_of_ours, statement
from bot.flows.understanding import Heard, Reader, Understood, button_value, is_of_flow, understood
from campaigns.periods import Period, zone_named
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.templates.content import Rendered
from campaigns.workspace.actions import settable
from core.errors import OtklikError
from core.machines.flow_run import (
    ASK,
    CALL,
    FALL_SILENT,
    FINISH,
    FLOW_RUN,
    HAND_OVER,
    LEAVE,
    OPEN_RUNS,
    FlowRunState,
)
from core.messages import EMAIL, SMS
from core.text import clipped
from core.transitions import Transition, apply

MOST_STEPS = 500
"""Steps that are taken at once; ``check`` refuses loops without a question, so that nobody comes near."""
LATE_ANSWERS = timedelta(minutes=1)
"""How much longer than its own time-out a call is waited for before the flow goes on without it."""
ANSWERS_WITHIN = timedelta(minutes=2)
PROOF_WITHIN = timedelta(minutes=11)
"""How long a code is waited for: a little longer than it is good."""
_ANSWER_ALONE = re.compile(r"\{\{ *answers\.([a-z0-9_]+) *\}\}")
_BARE_NUMBER = re.compile(r"\W*[0-9۰-۹٠-٩]{1,2}\W*")


class FlowRunsAway(OtklikError):
    """A flow takes step after step and never waits."""


def advance(body: FlowBody, run: Run, signal: Signal, facts: Facts, now: datetime) -> Decision:
    """What ``signal`` makes of the run; one that does not concern it changes nothing.

    Raises:
        TemplateFailure: if words cannot be rendered with these data.
        FlowRunsAway: if the flow never waits.
    """
    if run.state not in OPEN_RUNS:
        return Decision(run)
    return _Turn.of(body, run, facts, now).take(signal)


@dataclass(slots=True)
class _Turn:
    """One advance: what it changes so far."""

    body: FlowBody
    run: Run
    now: datetime
    around: Surroundings
    answers: dict[str, Any]
    tags: set[str]
    segments: frozenset[str]
    effects: list[Effect] = field(default_factory=list)

    @classmethod
    def of(cls, body: FlowBody, run: Run, facts: Facts, now: datetime) -> "_Turn":
        own = replace(facts.around, customer=dict(facts.around.customer))
        return cls(body, replace(run, turn=run.turn + 1), now, own, dict(run.answers), set(facts.tags), facts.segments)

    def take(self, signal: Signal) -> Decision:
        """Follow the signal."""
        step = self.body.definition.step(self.run.step)
        match signal:
            case Begun():
                self.run = replace(self.run, said=clipped(signal.text, 2_000))
                self._go(self.body.definition.first)
            case Opened():
                self._open()
            case Heard() if isinstance(step, AskStep):
                self._hear(step, signal)
            case Heard():
                self.run = replace(self.run, said=clipped(signal.text, 2_000))
            case TimedOut() if self.run.due_at is not None and self.run.due_at <= self.now:
                self._time_out(step)
            case Called() if isinstance(step, WebhookStep) and step.id == signal.step:
                if signal.ok and step.into:
                    self.answers[step.into] = {} if signal.data is None else signal.data
                self._go(step.following if signal.ok else step.failed)
            case Proved() if isinstance(step, AskStep) and step.prove and step.into in self.answers:
                self._proved(step, ok=signal.ok)
            case Replied() if isinstance(step, AnswerStep) and step.id == signal.step:
                self._go(step.following if signal.found else step.unknown)
            case _:
                return Decision(replace(self.run, turn=self.run.turn - 1))
        return Decision(replace(self.run, answers=self.answers), tuple(self.effects))

    def _open(self) -> None:
        """Go on behind the first words, which a campaign's message said."""
        first = self.body.definition.steps[0]
        self.run = replace(self.run, step=first.id, tries=0)
        if isinstance(first, AskStep):
            self._wait(first)
        else:
            self._go(first.following)

    def _hear(self, step: AskStep, heard: Heard) -> None:
        flow = self.body.definition
        if heard.text:
            self.run = replace(self.run, said=clipped(heard.text, 2_000))
        if heard.button and heard.button != button_value(flow.name, step.id, heard.button.rpartition("/")[2]):
            if is_of_flow(heard.button, flow.name) and not _BARE_NUMBER.fullmatch(heard.text):
                self._say(step.id, question(step, self.body, self._data(), self.around))  # an old question's button
                return
            heard = replace(heard, button="") if is_of_flow(heard.button, flow.name) else heard
        found = understood(flow.name, step, heard, self._reader())
        if found is None or found.choice is None:
            out = escape(heard.text)
            if out is not None:
                self._escape(out)
                return
        if found is not None:
            self._answered(step, found)
            return
        self.run = replace(self.run, tries=self.run.tries + 1)
        if self.run.tries >= step.tries:
            self._go(step.not_understood)
            return
        self._say(step.id, again(step, self.body, self._data(), self.around))
        self._wait(step)

    def _answered(self, step: AskStep, found: Understood) -> None:
        self.answers[step.into] = found.value
        if step.prove:
            channel = EMAIL if step.type == "email" else SMS
            self.effects.append(AskProof(step.id, channel, str(found.value)))
            self._call(PROOF_WITHIN)
            return
        self._go((found.choice.then if found.choice is not None else "") or step.following)

    def _proved(self, step: AskStep, *, ok: bool) -> None:
        """What nobody has proven is no answer."""
        if not ok:
            del self.answers[step.into]
        self._go(step.following if ok else step.not_understood)

    def _escape(self, out: Escape) -> None:
        match out:
            case Escape.MENU:
                self._go(self.body.definition.menu_step)
            case Escape.HUMAN:
                self._go(HUMAN)
            case Escape.STOP:
                self._say(self.run.step, said_of_ours("flow.stopped", self.around))
                self._close(LEAVE)

    def _time_out(self, step: Step | None) -> None:
        match step:
            case AskStep() if self.run.state is FlowRunState.CALLING:  # for the code
                self._proved(step, ok=False)
            case AskStep() if step.no_answer == END:
                self._close(FALL_SILENT)
            case AskStep():
                self._go(step.no_answer)
            case WebhookStep():
                self._go(step.failed)
            case AnswerStep():
                self._go(step.unknown)
            case _:
                self._close(FINISH)

    def _go(self, target: str) -> None:
        """Take one step after the other, from ``target`` to the first that waits or to the end."""
        for _ in range(MOST_STEPS):
            if target == END:
                self._close(FINISH)
                return
            if target == HUMAN:
                self._say(self.run.step, said_of_ours("flow.human", self.around))
                self._hand_over(self.body.definition.human)
                return
            step = self.body.definition.step(target)
            if step is None:  # what is applied was checked; this is another release's
                self._hand_over(self.body.definition.human)
                return
            if step.when is not None and not self._holds(step.when):
                target = step.next
                continue
            self.run = replace(self.run, step=step.id)
            followed = self._do(step)
            if followed is None:
                return
            target = followed
        raise FlowRunsAway(f"flow {self.body.definition.name}: {MOST_STEPS} steps without a question")

    def _do(self, step: Step) -> str | None:
        """Do one step; gives where it leads, None where the flow waits or is over."""
        match step:
            case SayStep():
                self._say(step.id, statement(step, self.body, self._data(), self.around))
            case AskStep():
                self._say(step.id, question(step, self.body, self._data(), self.around))
                self.run = replace(self.run, tries=0)
                self._wait(step)
                return None
            case BranchStep():
                return next((arm.first for arm in step.arms if self._holds(arm.when)), step.otherwise)
            case SetStep():
                self._set(step)
            case EventStep():
                self.effects.append(RecordEvent(step.id, step.event, self._filled(step.data)))
            case WebhookStep():
                self.effects.append(CallWebhook(step.id, step.url, self._filled(step.data), step.timeout.rough))
                self._call(step.timeout.rough + LATE_ANSWERS)
                return None
            case StartStep():
                self.effects.append(StartCampaign(step.id, step.campaign))
            case AnswerStep():
                asked = self._filled(step.question) if step.question else self.run.said
                self.effects.append(AskAnswers(step.id, asked))
                self._call(ANSWERS_WITHIN)
                return None
            case HandoffStep():
                self._hand_over(step)
                return None
            case EndStep():
                return END
        return step.following

    def _set(self, step: SetStep) -> None:
        fields: dict[str, Any] = {}
        for name, value in step.values.items():
            made = self._filled(value)
            if name.startswith(ANSWERS):
                self.answers[name.removeprefix(ANSWERS)] = made
            elif (column := name.removeprefix(CUSTOMER)).startswith(ATTRIBUTE):
                fields[column] = made
            elif _is_good(column, made):
                fields[column] = made if made is None else settable(column, str(made))
        self.tags = (self.tags | set(step.tag)) - set(step.untag)
        fields_seen = {**fields, "stage": step.stage} if step.stage else fields
        if fields_seen or step.tag or step.untag:
            self.effects.append(Change(step.id, fields, step.tag, step.untag, step.stage))
            self.around = replace(self.around, customer=_changed(self.around.customer, fields_seen))

    def _wait(self, step: AskStep) -> None:
        self._move(ASK)
        patience = step.timeout or self.body.definition.timeout
        self.run = replace(self.run, due_at=self._after(patience))

    def _call(self, patience: timedelta) -> None:
        self._move(CALL)
        self.run = replace(self.run, due_at=self.now + patience)

    def _hand_over(self, how: HandoffStep) -> None:
        self.effects.append(OpenHandoff(self.run.step or how.id, how.queue, self._filled(how.note), how.priority))
        self._close(HAND_OVER)

    def _close(self, by: Transition[Any]) -> None:
        self._move(by)
        self.run = replace(self.run, due_at=None)

    def _move(self, by: Transition[Any]) -> None:
        self.run = replace(self.run, state=apply(FLOW_RUN, self.run.state, by.event))

    def _say(self, step: str, content: Rendered) -> None:
        self.effects.append(Say(step, content))

    def _holds(self, condition: Condition) -> bool:
        return holds(
            condition,
            answers=self.answers,
            customer=self.around.customer,
            tags=frozenset(self.tags),
            segments=self.segments,
        )

    def _data(self) -> dict[str, Any]:
        return data_for(self.body.definition, self.around, self.answers, self.now)

    def _filled(self, value: Any) -> Any:
        """``value`` with every text in it rendered."""
        if isinstance(value, str):
            if (alone := _ANSWER_ALONE.fullmatch(value)) is not None:
                return self.answers.get(alone[1], "")  # a number stays one
            return filled(value, self._data(), self.around) if "{" in value else value
        if isinstance(value, Mapping):
            return {key: self._filled(item) for key, item in value.items()}
        return [self._filled(item) for item in value] if isinstance(value, list | tuple) else value

    def _reader(self) -> Reader:
        today = self.now.astimezone(zone_named(self.around.zone)).date()
        return Reader(self.around.reads, str(self.around.customer.get("country") or ""), today)

    def _after(self, period: Period) -> datetime:
        return period.after(self.now, zone_named(self.around.zone))


def _is_good(column: str, value: Any) -> bool:
    """Whether a field can be that: what customers type may be no zone and no day, and then nothing is changed."""
    if value is None:
        return True
    try:
        settable(column, str(value))
    except (KeyError, ValueError):
        return False
    return bool(str(value).strip())


def _changed(customer: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    made = {**customer, "attributes": dict(customer.get("attributes") or {})}
    for name, value in fields.items():
        place, key = (made["attributes"], name.removeprefix(ATTRIBUTE)) if name.startswith(ATTRIBUTE) else (made, name)
        place[key] = value
    return made
