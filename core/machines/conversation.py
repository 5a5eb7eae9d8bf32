"""A conversation: who talks with the customer now."""

from enum import StrEnum

from core.transitions import Machine, Transition


class ConversationState(StrEnum):
    """Who owns the conversation."""

    BOT = "bot"  # flows and answers
    QUEUED = "queued"  # waits for a person
    ASSIGNED = "assigned"  # an agent holds it by a token
    SNOOZED = "snoozed"  # the agent looks again later
    RESOLVED = "resolved"  # closed until the customer writes again


_S = ConversationState
LIVE_CHAT = frozenset({_S.QUEUED, _S.ASSIGNED, _S.SNOOZED})

QUEUE = Transition("queue", "HandoffRequested", frozenset({_S.BOT}), _S.QUEUED)
ASSIGN = Transition(
    "assign",
    "AgentAssigned",
    frozenset({_S.BOT, _S.QUEUED, _S.ASSIGNED, _S.SNOOZED}),
    _S.ASSIGNED,
    effect="issues a new token",
)
UNASSIGN = Transition(
    "unassign", "AgentLeft", frozenset({_S.ASSIGNED, _S.SNOOZED}), _S.QUEUED, effect="the token is void"
)
SNOOZE = Transition("snooze", "ConversationSnoozed", frozenset({_S.ASSIGNED}), _S.SNOOZED)
WAKE = Transition("wake", "SnoozeEnded", frozenset({_S.SNOOZED}), _S.ASSIGNED)
RESOLVE = Transition(
    "resolve", "ConversationResolved", frozenset({_S.BOT, _S.QUEUED, _S.ASSIGNED, _S.SNOOZED}), _S.RESOLVED
)
RETURN = Transition(
    "return",
    "ConversationReturned",
    frozenset({_S.QUEUED, _S.ASSIGNED, _S.SNOOZED}),
    _S.BOT,
    effect="the agent's token is void",
)
REOPEN_TO_BOT = Transition(
    "reopen",
    "ConversationReopened",
    frozenset({_S.RESOLVED}),
    _S.BOT,
    guard=lambda facts: bool(facts.get("flow_takes_it")),
    guard_text="a flow takes it",
)
REOPEN = Transition("reopen", "ConversationReopened", frozenset({_S.RESOLVED}), _S.QUEUED)

CONVERSATION = Machine(
    "conversation",
    ConversationState,
    _S.BOT,
    (QUEUE, ASSIGN, UNASSIGN, SNOOZE, WAKE, RETURN, RESOLVE, REOPEN_TO_BOT, REOPEN),
)
