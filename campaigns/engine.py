"""The sequence engine: pure. ``(journey, facts, now) → (journey, effects)``.

No I/O, no clock, no chance that is not a hash. Effects are data; :mod:`campaigns.runner` carries them out. The same
engine runs live and in simulation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import CampaignDefinition, SendingHours, Step
from campaigns.gates import ADDRESS_GATES, SendFacts, first_stop
from campaigns.hours import window_for
from campaigns.periods import Period
from core.machines.enrolment import ENROLMENT, EnrolmentState
from core.machines.message import MessageState
from core.purposes import Purpose
from core.statuses import UNDELIVERABLE
from core.transitions import apply

MAIN = "main"
OTHERWISE = "otherwise"
LATE = timedelta(hours=1)
"""A message accepted later than this after its ``send_at`` starts its wait at acceptance."""

_NOT_OUT_YET = frozenset({MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING})


@dataclass(frozen=True, slots=True)
class Journey:
    """An enrolment as the engine sees it. ``step`` is empty before the first; ``due_at`` None waits for an event."""

    state: EnrolmentState = EnrolmentState.WAITING
    step: str = ""
    leg: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """One address of the customer, with what the gates know of it. ``consented`` is for the campaign's purpose."""

    id: str
    channel: str
    consented: bool = False
    suppressed: bool = False
    reachable: bool = True
    country: str = ""


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """The message of the step where the journey stands. Instants are business time."""

    id: str
    state: MessageState
    planned_at: datetime
    send_at: datetime
    not_after: datetime
    sent_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the engine may know of a customer and the workspace. ``identities`` are oldest first.

    By channel: ``countries`` are the only ones to be served (a workspace's choice), ``unserved`` those that the
    provider does not reach. A country not served is unreachable.
    """

    zone: ZoneInfo
    sending_hours: SendingHours
    identities: tuple[IdentityFacts, ...] = ()
    message: MessageFacts | None = None
    countries: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unserved: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Plan one message: (enrolment, ``step``, ``leg``) is its key."""

    step: str
    leg: str
    channel: str
    template: str
    identity_id: str
    purpose: Purpose
    send_at: datetime
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Reschedule:
    """Give a planned message that missed its window another one."""

    message_id: str
    send_at: datetime
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class SkipMessage:
    """Give up a planned message."""

    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the journey's history."""

    event: str
    step: str = ""
    leg: str = ""
    detail: str = ""


Effect = SendMessage | Reschedule | SkipMessage | Note


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a journey, and what is to be done."""

    journey: Journey
    effects: tuple[Effect, ...]


def decide(definition: CampaignDefinition, journey: Journey, facts: Facts, now: datetime) -> Decision:
    """What a due journey does at ``now``. Total: a closed or held journey stays as it is."""
    if journey.state is not EnrolmentState.WAITING:
        return Decision(replace(journey, due_at=None), ())
    if not journey.step:
        return _take(definition, definition.steps[0], MAIN, facts, now, ())
    step = definition.step(journey.step)
    if step is None:
        return _close(journey, "StepsExhausted", (Note("StepMissing", journey.step),))
    message = facts.message
    if message is None:
        return _go_on(definition, step, journey.leg, facts, now, ())
    if message.state in _NOT_OUT_YET:
        return _while_planned(definition, step, journey, message, facts, now)
    if message.state in UNDELIVERABLE:
        note = Note("SendFailed", step.id, journey.leg, message.reason)
        return _go_on(definition, step, journey.leg, facts, now, (note,))
    if message.state is MessageState.CANCELLED:
        return _next(definition, step, facts, now, ())
    due = wait_ends(step.wait, message.send_at, message.sent_at, facts.zone)
    if due > now:
        return Decision(replace(journey, due_at=due), ())
    return _next(definition, step, facts, now, (Note("WaitEnded", step.id, journey.leg),))


def wait_ends(wait: Period | None, send_at: datetime, sent_at: datetime | None, zone: ZoneInfo) -> datetime:
    """When a step's wait is over: counted from the plan, or from acceptance if that was more than an hour later."""
    start = sent_at if sent_at is not None and sent_at - send_at > LATE else send_at
    return wait.after(start, zone) if wait is not None else start


def _while_planned(
    definition: CampaignDefinition, step: Step, journey: Journey, message: MessageFacts, facts: Facts, now: datetime
) -> Decision:
    """A message that has not left: wait for its outcome, or move it to another window, or give it up."""
    if message.state is not MessageState.PLANNED or now < message.not_after:
        return Decision(replace(journey, due_at=None), ())
    patience = step.expires.rough
    window = window_for(definition.purpose, now, facts.zone, facts.sending_hours, patience=patience)
    if window.opens - message.planned_at > patience:
        effects = (SkipMessage(message.id, "expired"), Note("SendExpired", step.id, journey.leg))
        return _next(definition, step, facts, now, effects)
    moved = Reschedule(message.id, window.opens, window.opens, window.closes)
    return Decision(replace(journey, due_at=None), (moved, Note("SendDeferred", step.id, journey.leg, "window")))


def _go_on(
    definition: CampaignDefinition, step: Step, leg: str, facts: Facts, now: datetime, effects: tuple[Effect, ...]
) -> Decision:
    """After a leg that did not reach the customer: the other leg, else the next step, at once."""
    if leg == MAIN and step.otherwise is not None:
        return _take(definition, step, OTHERWISE, facts, now, effects)
    return _next(definition, step, facts, now, effects)


def _next(
    definition: CampaignDefinition, step: Step, facts: Facts, now: datetime, effects: tuple[Effect, ...]
) -> Decision:
    following = definition.step_after(step.id)
    if following is None:
        return _close(Journey(step=step.id), "StepsExhausted", effects)
    return _take(definition, following, MAIN, facts, now, effects)


def _take(
    definition: CampaignDefinition, step: Step, leg: str, facts: Facts, now: datetime, effects: tuple[Effect, ...]
) -> Decision:
    """Plan a leg, or say why not and go on: a step that sends nothing waits nothing."""
    found, reason = _address(definition, step, leg, facts, now)
    if found is None:
        return _go_on(definition, step, leg, facts, now, (*effects, Note("SendDiverted", step.id, leg, reason)))
    target = step.chosen(leg)
    patience = step.expires.rough
    window = window_for(definition.purpose, now, facts.zone, facts.sending_hours, patience=patience)
    if window.opens - now > patience:
        note = Note("SendSkipped", step.id, leg, "expires before the next sending hours")
        return _next(definition, step, facts, now, (*effects, note))
    send = SendMessage(
        step=step.id,
        leg=leg,
        channel=target.channel,
        template=target.template,
        identity_id=found.id,
        purpose=definition.purpose,
        send_at=window.opens,
        not_before=window.opens,
        not_after=window.closes,
    )
    due = wait_ends(step.wait, window.opens, None, facts.zone)
    return Decision(Journey(EnrolmentState.WAITING, step.id, leg, due), (*effects, send))


def _address(
    definition: CampaignDefinition, step: Step, leg: str, facts: Facts, now: datetime
) -> tuple[IdentityFacts | None, str]:
    """The first address of the leg's channel that every gate lets through, or the reason that none does."""
    target = step.chosen(leg)
    reason = f"no {target.channel} address"
    served = facts.countries.get(target.channel)
    unserved = facts.unserved.get(target.channel, frozenset())
    for identity in facts.identities:
        if identity.channel != target.channel:
            continue
        if identity.country and (identity.country in unserved or (served and identity.country not in served)):
            reason = f"{target.channel} does not serve {identity.country}"
            continue
        stop = first_stop(ADDRESS_GATES, _send_facts(definition, identity, now))
        if stop is None:
            return identity, ""
        reason = stop.gate
    return None, reason


def _send_facts(definition: CampaignDefinition, identity: IdentityFacts, now: datetime) -> SendFacts:
    return SendFacts(
        purpose=definition.purpose,
        now=now,
        consented=identity.consented,
        suppressed=identity.suppressed,
        reachable=identity.reachable,
    )


def _close(journey: Journey, event: str, effects: tuple[Effect, ...]) -> Decision:
    state = apply(ENROLMENT, EnrolmentState.WAITING, event)
    return Decision(replace(journey, state=state, due_at=None), (*effects, Note(event, journey.step)))
