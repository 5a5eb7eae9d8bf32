"""Every state of every machine against every event: where it leads, and that everything else is refused."""

import pytest

from core.machines import MACHINES
from core.machines.conversation import CONVERSATION
from core.machines.message import MESSAGE
from core.statuses import RANK
from core.transitions import IllegalTransition, Machine, apply

# event → {states that it applies to: where it leads}; what is not here must be refused
EXPECTED: dict[str, dict[str, dict[str, str]]] = {
    "campaign": {
        "CampaignStarted": {"draft": "active"},
        "CampaignPaused": {"active": "paused"},
        "CampaignResumed": {"paused": "active"},
        "CampaignStopped": {"draft active paused": "stopped"},
        "CampaignEnded": {"active": "ended"},
    }
    | {"CampaignArchived": {"stopped ended": "archived"}},
    "enrolment": {
        "LiveChatOpened": {"waiting": "held"},
        "LiveChatEnded": {"held": "waiting"},
        "EnrolmentAnswered": {"waiting held": "answered"},
        "GoalReached": {"waiting held": "converted"},
        "StepsExhausted": {"waiting": "exhausted"},
        "EnrolmentExited": {"waiting held": "exited"},
    },
    "message": {
        "MessageClaimed": {"planned": "claimed"},
        "ClaimReturned": {"claimed": "planned"},
        "AttemptStarted": {"claimed": "dispatching"},
        "MessageCancelled": {"planned claimed": "cancelled"},
        "MessageSkipped": {"planned claimed": "skipped"},
        "MessageAccepted": {"dispatching unknown": "accepted"},
        "MessageRejected": {"dispatching unknown": "rejected"},
        "MessageNotSent": {"dispatching unknown": "planned"},
        "OutcomeUnknown": {"dispatching": "unknown"},
        "MessageDelivered": {"dispatching unknown accepted": "delivered"},
        "MessageFailed": {"dispatching unknown accepted delivered": "failed"},
        "MessageRead": {"dispatching unknown accepted delivered failed": "read"},
    },
    "conversation": {
        "HandoffRequested": {"bot": "queued"},
        "AgentAssigned": {"bot queued assigned snoozed": "assigned"},
        "AgentLeft": {"assigned snoozed": "queued"},
        "ConversationReturned": {"queued assigned snoozed": "bot"},
        "ConversationSnoozed": {"assigned": "snoozed"},
        "SnoozeEnded": {"snoozed": "assigned"},
        "ConversationResolved": {"bot queued assigned snoozed": "resolved"},
        "ConversationReopened": {"resolved": "queued"},
    },
    "flow run": {
        "QuestionAsked": {"asking calling": "asking"},
        "AnswerRequested": {"asking calling": "calling"},
        "FlowFinished": {"asking calling": "finished"},
        "FlowHandedOver": {"asking calling": "handed_over"},
        "FlowLeft": {"asking calling": "left"},
        "QuestionTimedOut": {"asking": "silent"},
    },
}
# without these the guard refuses, or another arrow of the same event is taken
ALLOWING = {"fence_is_valid": True}
PAIRS = [
    pytest.param(machine, state, event, id=f"{machine.name}: {state.value}, {event}")
    for machine in MACHINES
    for state in machine.states
    for event in machine.events()
]


@pytest.mark.parametrize(("machine", "state", "event"), PAIRS)
def test_every_state_and_event(machine: Machine, state, event: str) -> None:
    leads = {source: target for sources, target in EXPECTED[machine.name][event].items() for source in sources.split()}
    if state.value in leads:
        assert apply(machine, state, event, ALLOWING).value == leads[state.value]
    else:
        with pytest.raises(IllegalTransition, match=f"{event} does not apply to {state.value}"):
            apply(machine, state, event, ALLOWING)


def test_every_machine_and_event_is_here() -> None:
    assert {machine.name: set(machine.events()) for machine in MACHINES} == {
        name: set(events) for name, events in EXPECTED.items()
    }


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached = {machine.initial} | {transition.target for transition in machine.transitions}
    assert reached == set(machine.states)


@pytest.mark.parametrize(
    "facts", [{}, {"fence_is_valid": False}, {"fence_is_valid": True, "stopped_by": "consent"}], ids=repr
)
def test_a_stale_or_stopped_claim_is_not_dispatched(facts: dict) -> None:
    with pytest.raises(IllegalTransition):
        apply(MESSAGE, MESSAGE.states("claimed"), "AttemptStarted", facts)


def test_a_conversation_that_a_flow_takes_goes_to_the_bot() -> None:
    resolved = CONVERSATION.states("resolved")
    assert apply(CONVERSATION, resolved, "ConversationReopened", {"flow_takes_it": True}).value == "bot"


def test_receipts_climb_the_ladder_and_nothing_else_does() -> None:
    """The arrows of receipts and the ranks must say the same."""
    receipts = {"MessageDelivered": "delivered", "MessageFailed": "failed", "MessageRead": "read"}
    for event, name in receipts.items():
        reported = MESSAGE.states(name)
        for state in MESSAGE.states:
            rises = RANK["dispatching"] <= RANK.get(state, -1) < RANK[reported]
            assert (MESSAGE.find(state, event, {}) is not None) == rises, (state, event)
