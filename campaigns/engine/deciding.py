"""The sequence engine: pure. ``(journey, facts, now) → (journey, effects)``.

No I/O, no clock, no chance that is not a hash. A decision walks from where the journey stands over every step that is
done at once to the next one that waits. The same engine runs live and in simulation.
"""

from dataclasses import replace
from datetime import datetime

from campaigns.definition import (
    END,
    BranchStep,
    CampaignDefinition,
    EndStep,
    FlowStep,
    GiveStep,
    HandoffStep,
    Leg,
    SendStep,
    SetStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
)
from campaigns.engine.choosing import holds, offer_for, target
from campaigns.engine.doing import begun, do
from campaigns.engine.effects import (
    Decision,
    Follow,
    GrantOffer,
    Reschedule,
    SkipMessage,
    TakeQuota,
)
from campaigns.engine.journey import Facts, GrantFacts, Journey, MessageFacts
from campaigns.engine.planning import Plan, too_late
from campaigns.engine.waiting import STALE, is_missed, step_ends, wait_ends
from campaigns.gates import SendFacts, first_stop, live_chat, not_now, topic
from core.machines.enrolment import ENROLMENT, EXHAUST, EXIT, HOLD, EnrolmentState
from core.machines.message import MessageState
from core.purposes import NEEDS_CONSENT
from core.statuses import UNDELIVERABLE
from core.transitions import apply

MAIN = "main"
OTHERWISE = "otherwise"
DROPPED = "dropped"
"""The leg of a step whose message was not planned, because its time came during a pause: only its wait is kept."""
FLOW_OVER = "flow-over"
"""The leg of a step whose flow has come to its end: nothing is waited for any more."""

_NOT_OUT_YET = frozenset({MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING})


def decide(definition: CampaignDefinition, journey: Journey, facts: Facts, now: datetime) -> Decision:
    """What a due journey does at ``now``. Total: a closed or held journey stays as it is."""
    if journey.state is not EnrolmentState.WAITING:
        return Decision(replace(journey, due_at=None), ())
    return _Walk(definition, journey, facts, now).decision()


class _Walk:
    """One decision: from where the journey stands to where it waits again, collecting effects on the way."""

    def __init__(self, definition: CampaignDefinition, journey: Journey, facts: Facts, now: datetime) -> None:
        self._definition = definition
        self._journey = journey
        self._facts = facts
        self._now = now
        self._quota = dict(facts.quota_left)
        self._last = journey.step
        self._missed: datetime | None = None  # when this fell due, if that was during a pause that drops messages
        self._plan = Plan(definition, journey, facts, now)

    def decision(self) -> Decision:
        journey = self._journey
        self._fell_due(journey.due_at)
        if not journey.step:
            return self._walk(self._definition.steps[0])
        step = self._definition.step(journey.step)
        match step:
            case None:
                self._plan.note("StepMissing", journey.step)
                return self._close(EXHAUST.event)
            case SendStep():
                return self._at_send(step)
            case WaitStep():
                self._plan.note("WaitEnded", step.id)
                return self._walk(self._after(step))
            case _:  # waits for another day's quota
                return self._walk(step, arrived=journey.step_at)

    def _fell_due(self, at: datetime | None) -> None:
        self._missed = at if at is not None and is_missed(at, self._facts.pauses) else None

    # ── walking ──────────────────────────────────────────────────────────────

    def _walk(self, step: Step | None, *, arrived: datetime | None = None) -> Decision:
        """Take steps until one waits. ``arrived`` is when the journey first came to ``step``, if that was earlier."""
        for _ in range(len(self._definition.steps) + 1):
            if step is None:
                return self._close(EXHAUST.event)
            since, arrived = arrived or self._now, None
            self._last = step.id
            if not holds(step.when, self._journey, self._facts):
                self._plan.note("StepPassed", step.id)
                step = self._after(step)
                continue
            decided = self._take(step, since)
            if decided is not None:
                return decided
            step = self._branch(step) if isinstance(step, BranchStep) else self._after(step)
        raise AssertionError(f"campaign {self._definition.name}: its steps lead in a circle")

    def _take(self, step: Step, since: datetime) -> Decision | None:
        """Do a step; a decision where the journey stays at it or ends, None where it goes on."""
        match step:
            case SendStep():
                return self._send_step(step, MAIN, since)
            case WaitStep():
                return self._stay(step.id, "", step_ends(step, self._missed or self._now, self._facts.zone), since)
            case EndStep():
                return self._close(EXIT.event, step.reason or "ended")
            case HandoffStep() | TaskStep() if step.max is not None and not self._journey.ghost:
                return self._within_quota(step, step.max.number, since)
            case BranchStep():
                return None
            case _:
                self._do(step)
                return None

    def _branch(self, step: BranchStep) -> Step | None:
        for arm in step.arms:
            if holds(arm.when, self._journey, self._facts):
                self._plan.note("BranchTaken", step.id, detail=arm.first)
                return self._definition.step(arm.first)
        if step.otherwise:
            self._plan.note("BranchTaken", step.id, detail=step.otherwise)
            return self._definition.step(step.otherwise)
        following = self._after(step)
        self._plan.note("BranchTaken", step.id, detail=following.id if following is not None else END)
        return following

    def _after(self, step: Step) -> Step | None:
        return self._definition.step_after(step.id)

    def _do(self, step: HandoffStep | TaskStep | SetStep | GiveStep | FlowStep | WebhookStep) -> None:
        if self._journey.ghost:
            self._plan.note("GhostPassed", step.id)
            return
        effects = do(step, self._facts, self._now)
        self._plan.effects += effects
        granted = tuple(
            GrantFacts(one.offer, one.product, self._journey.id) for one in effects if isinstance(one, GrantOffer)
        )
        if granted:  # the next step of this very walk must not promise the product once more
            self._facts = replace(self._facts, grants=(*self._facts.grants, *granted))

    def _within_quota(self, step: HandoffStep | TaskStep, number: int, since: datetime) -> Decision | None:
        """Do it if today's quota has room; else wait for tomorrow's, for as long as the step is patient."""
        if self._quota.get(step.id, number) > 0:
            self._quota[step.id] = self._quota.get(step.id, number) - 1
            self._plan.effects.append(TakeQuota(step.id))
            self._do(step)
            return None
        tomorrow = self._facts.tomorrow
        if tomorrow is None or tomorrow - since > step.expires.rough:
            self._plan.note("StepSkipped", step.id, detail=f"over {number} a day")
            return None
        if self._journey.step != step.id:
            self._plan.note("StepDeferred", step.id, detail=f"over {number} a day")
        return self._stay(step.id, "", tomorrow, since)

    # ── sending ──────────────────────────────────────────────────────────────

    def _at_send(self, step: SendStep) -> Decision:
        """At a send: its message tells how it went."""
        journey, message = self._journey, self._facts.message
        since = journey.step_at or self._now
        if (journey.ghost and journey.leg) or journey.leg in (DROPPED, FLOW_OVER):
            self._plan.note("WaitEnded", step.id, journey.leg)
            return self._walk(self._after(step))
        if message is None:  # was held before it was planned
            return self._send_step(step, journey.leg or MAIN, since) or self._leave(step)
        if message.state in _NOT_OUT_YET:
            return self._while_planned(step, message)
        dropped = message.state is MessageState.SKIPPED and message.reason == STALE
        if message.state in UNDELIVERABLE and not dropped:
            self._plan.note("SendFailed", step.id, journey.leg, message.reason)
            return self._instead(step, journey.leg, self._now) or self._leave(step)
        if message.state is MessageState.CANCELLED:
            return self._leave(step)
        due = wait_ends(step.wait, message.send_at, message.sent_at, self._facts.zone, self._facts.pauses)
        if due > self._now:
            # it is out: the flow goes on from there (whoever begins it knows by the message that it has begun)
            begins = (begun(step.id, step.flow, message.id),) if step.flow is not None else ()
            return Decision(replace(journey, due_at=due), begins)
        self._fell_due(due)
        self._plan.note("WaitEnded", step.id, journey.leg)
        return self._leave(step)

    def _leave(self, step: SendStep) -> Decision:
        """Go on; or first follow a message beside the one that is over, as long as it is not out."""
        for message in self._facts.beside:
            if message.state in _NOT_OUT_YET:
                self._plan.effects.append(Follow(message.id))
                missed = message.state is MessageState.PLANNED and self._now >= message.not_after
                moved = replace(self._journey, leg=message.leg, due_at=self._now if missed else None)
                return Decision(moved, tuple(self._plan.effects))
        return self._walk(self._after(step))

    def _instead(self, step: SendStep, leg: str, since: datetime, beside: tuple[Leg, ...] = ()) -> Decision | None:
        """After a leg that did not reach the customer: the other leg; None where there is none."""
        if leg == MAIN and step.otherwise is not None:
            return self._send(step, OTHERWISE, since, beside)
        return None

    def _send_step(self, step: SendStep, leg: str, since: datetime) -> Decision | None:
        """Plan ``leg`` and those beside it; the journey follows the first that can be planned."""
        names = [one.channel for one in step.also]
        beside = step.also[names.index(leg) + 1 :] if leg in names else step.also
        if step.id == self._journey.step:  # held at another leg after these had been written
            written = {one.leg for one in self._facts.beside}
            beside = tuple(one for one in beside if one.channel not in written)
        decided = self._send(step, leg, since, beside)
        for place, one in enumerate(beside):
            if decided is not None:
                break
            decided = self._send(step, one.channel, since, beside[place + 1 :])
        return decided

    def _send(self, step: SendStep, leg_name: str, since: datetime, beside: tuple[Leg, ...]) -> Decision | None:
        """Plan a leg and those ``beside`` it, hold, or end; None where nothing is sent and the journey goes on."""
        if self._missed is not None:
            return self._drop(step, leg_name, self._missed)
        definition, facts, leg = self._definition, self._facts, step.chosen(leg_name)
        marketing = definition.purpose in NEEDS_CONSENT
        if marketing and not facts.listed:
            return self._close(EXIT.event, "not on the allowlist")
        found, reason = target(definition, leg, self._journey, facts, self._now)
        if found is None:
            self._plan.note("SendDiverted", step.id, leg_name, reason)
            return self._instead(step, leg_name, since, beside)
        if reason:
            self._plan.note("ChannelChosen", step.id, leg_name, reason)
        said = SendFacts(
            definition.purpose, self._now, topic_refused=facts.topic_refused, not_now_until=facts.not_now_until
        )
        if (refusal := first_stop((topic.GATE, not_now.GATE), said)) is not None:
            return self._close(EXIT.event, refusal.gate)
        if facts.live_chat and not self._journey.ghost and self._stopped_by_chat():
            return self._hold(step, leg_name, since)
        opens = self._plan.opening(step, found.channel, since)
        if opens.window is None:
            self._plan.note("SendSkipped", step.id, leg_name, too_late(opens))
            return None
        offer = offer_for(definition, self._journey, facts)
        if offer.reason:
            self._plan.note("OfferWithheld", step.id, leg_name, offer.reason)
            return self._close(EXIT.event, "offer")
        paid = self._plan.paid(step, leg_name, leg, found, opens, since)
        if paid is None:
            return None
        chosen, window, deferred_by = paid
        if offer.new:
            self._plan.grant(step, offer)
        self._plan.send(step, leg_name, chosen, window, deferred_by)
        for one in beside:
            self._plan.send_beside(step, one, since)
        return self._stay(step.id, leg_name, wait_ends(step.wait, window.opens, None, facts.zone), since)

    def _drop(self, step: SendStep, leg: str, at: datetime) -> Decision:
        """The message's time came ``at``, during a pause: it is not sent, and what follows goes by the calendar."""
        self._plan.note("SendSkipped", step.id, leg, STALE)
        return self._stay(step.id, DROPPED, wait_ends(step.wait, at, None, self._facts.zone), at)

    def _stopped_by_chat(self) -> bool:
        return live_chat.GATE.stops(SendFacts(self._definition.purpose, self._now, live_chat=True))

    def _while_planned(self, step: SendStep, message: MessageFacts) -> Decision:
        """A message that has not left: wait for its outcome, or move it to another window, or give it up."""
        journey = self._journey
        if message.state is not MessageState.PLANNED or self._now < message.not_after:
            return Decision(replace(journey, due_at=None), ())
        channel = message.channel or step.chosen(journey.leg).channel
        opens = self._plan.opening(step, channel, message.planned_at, message_id=message.id)
        window = opens.window
        if window is None:
            self._plan.effects.append(SkipMessage(message.id, "expired"))
            self._plan.note("SendExpired", step.id, journey.leg)
            return self._leave(step)
        self._plan.effects.append(Reschedule(message.id, window.opens, window.opens, window.closes))
        self._plan.note("SendDeferred", step.id, journey.leg, opens.deferred_by or "window")
        self._move_beside(step)
        return Decision(replace(journey, due_at=None), tuple(self._plan.effects))

    def _move_beside(self, step: SendStep) -> None:
        """Those beside a message that missed their windows with it, as after a pause, are moved with it."""
        for other in self._facts.beside:
            if other.state is not MessageState.PLANNED or self._now < other.not_after:
                continue
            window = self._plan.opening(step, other.channel, other.planned_at, message_id=other.id).window
            if window is None:
                self._plan.effects.append(SkipMessage(other.id, "expired"))
                self._plan.note("SendExpired", step.id, other.leg)
            else:
                self._plan.effects.append(Reschedule(other.id, window.opens, window.opens, window.closes))

    # ── ending a decision ────────────────────────────────────────────────────

    def _hold(self, step: SendStep, leg: str, since: datetime) -> Decision:
        self._plan.note(HOLD.event, step.id, leg)
        state = apply(ENROLMENT, self._journey.state, HOLD.event)
        moved = replace(self._journey, state=state, step=step.id, leg=leg, step_at=since, due_at=None)
        return Decision(moved, tuple(self._plan.effects))

    def _stay(self, step: str, leg: str, due_at: datetime | None, since: datetime) -> Decision:
        was = self._journey  # written out: `replace` costs as much as the rest of the walk
        moved = Journey(was.state, step, leg, due_at, since, was.reason, was.variant, was.ghost, was.id)
        return Decision(moved, tuple(self._plan.effects))

    def _close(self, event: str, reason: str = "") -> Decision:
        state = apply(ENROLMENT, EnrolmentState.WAITING, event)
        self._plan.note(event, self._last, detail=reason)
        closed = replace(self._journey, state=state, step=self._last, leg="", due_at=None, reason=reason)
        return Decision(closed, tuple(self._plan.effects))
