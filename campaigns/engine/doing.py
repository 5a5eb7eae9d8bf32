"""Steps that are done at once: what they change, in effects. Pure."""

from datetime import datetime

from campaigns.definition import Action, FlowStep, FlowVersion, GiveStep, HandoffStep, SetStep, TaskStep, WebhookStep
from campaigns.engine.effects import ChangeCustomer, Command, CreateTask, Effect, GrantOffer, Note, RecordEvent
from campaigns.engine.journey import Facts
from campaigns.gates.offer import promised_by

HANDOFF, FLOW, WEBHOOK = "handoff", "flow", "webhook"
"""Kinds of commands; who carries one out registers a handler for it."""


def do(step: Action, facts: Facts, now: datetime) -> list[Effect]:
    """The effects of ``step``, with a line for the journey's history."""
    match step:
        case HandoffStep():
            payload = {"queue": step.queue, "note": step.note}
            return [Command(HANDOFF, step.id, payload), Note("HandoffRequested", step.id, detail=step.queue)]
        case TaskStep():
            due = step.due.after(now, facts.zone) if step.due is not None else None
            return [CreateTask(step.id, step.task, step.note, due), Note("TaskCreated", step.id, detail=step.task)]
        case SetStep():
            change = ChangeCustomer(step.fields, step.tag, step.untag, step.stage, step.id)
            return [change, Note("CustomerChanged", step.id, detail=_changed(step))]
        case GiveStep():
            return _give(step, facts)
        case FlowStep():
            return [begun(step.id, step.flow), Note("FlowStarted", step.id, detail=step.flow.name)]
        case WebhookStep():
            called = {"url": step.url, "data": dict(step.data)}
            return [Command(WEBHOOK, step.id, called), Note("WebhookCalled", step.id, detail=step.url)]


def begun(step: str, flow: FlowVersion, message_id: str = "") -> Command:
    """Begin a flow: behind the message that said its first words, else where the customer talks to us."""
    return Command(FLOW, step, {"flow": flow.name, "version": flow.version, "message_id": message_id})


def _changed(step: SetStep) -> str:
    parts = [*step.fields, *(f"+{tag}" for tag in step.tag), *(f"-{tag}" for tag in step.untag)]
    return ", ".join([*parts, *([f"stage {step.stage}"] if step.stage else [])])


def _give(step: GiveStep, facts: Facts) -> list[Effect]:
    effects: list[Effect] = []
    if step.points:
        given = {"points": step.points, "reason": step.reason}
        effects += [
            RecordEvent("points_given", given, step.id),
            Note("PointsGiven", step.id, detail=str(step.points)),
        ]
    offer = facts.offers.get(step.voucher) if step.voucher else None
    if offer is not None:
        if promised_by(offer.product, facts.grants):
            effects.append(Note("OfferWithheld", step.id, detail=f"{offer.product} is promised already"))
        elif offer.codes == "unique" and facts.codes_left.get(offer.name, 0) < 1:
            effects.append(Note("OfferWithheld", step.id, detail=f"offer {offer.name} has no codes left"))
        else:
            effects.append(GrantOffer(offer.name, offer.product, step.id))
            effects.append(Note("VoucherGiven", step.id, detail=offer.name))
    return effects
