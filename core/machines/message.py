"""An outgoing message: from the plan to the customer's eye.

Up to the attempt the machine decides; after it the ladder of receipts does (:mod:`core.statuses`): the effective state
is the highest rank that was ever reported, so receipts may come late, twice and in any order.
"""

from enum import StrEnum

from core.transitions import Machine, Transition


class MessageState(StrEnum):
    """What is known of a message."""

    PLANNED = "planned"  # may be claimed when its time comes
    CLAIMED = "claimed"  # a worker holds it under a lease
    DISPATCHING = "dispatching"  # the attempt is durable; the socket may be in use
    UNKNOWN = "unknown"  # may have been sent; held until a receipt, a reply or a person settles it
    ACCEPTED = "accepted"  # the provider took it
    DELIVERED = "delivered"  # it reached the device or mailbox
    FAILED = "failed"  # taken, then bounced or undelivered
    READ = "read"  # the provider says it was read
    REJECTED = "rejected"  # the provider refused it
    CANCELLED = "cancelled"  # stopped by an answer, an opt-out or a person before it left
    SKIPPED = "skipped"  # not sent for a reason that is kept


_S = MessageState

CLAIM = Transition("claim", "MessageClaimed", frozenset({_S.PLANNED}), _S.CLAIMED, effect="raises the fence")
UNCLAIM = Transition("unclaim", "ClaimReturned", frozenset({_S.CLAIMED}), _S.PLANNED)
DISPATCH = Transition(
    "dispatch",
    "AttemptStarted",
    frozenset({_S.CLAIMED}),
    _S.DISPATCHING,
    guard=lambda facts: bool(facts.get("fence_is_valid")) and not facts.get("stopped_by"),
    guard_text="fence and lease are valid, no stop applies",
    effect="a durable attempt is committed before the socket is used",
)
CANCEL = Transition("cancel", "MessageCancelled", frozenset({_S.PLANNED, _S.CLAIMED}), _S.CANCELLED)
SKIP = Transition("skip", "MessageSkipped", frozenset({_S.PLANNED, _S.CLAIMED}), _S.SKIPPED)
ACCEPT = Transition("accept", "MessageAccepted", frozenset({_S.DISPATCHING, _S.UNKNOWN}), _S.ACCEPTED)
REJECT = Transition("reject", "MessageRejected", frozenset({_S.DISPATCHING, _S.UNKNOWN}), _S.REJECTED)
RETURN = Transition(
    "return",
    "MessageNotSent",
    frozenset({_S.DISPATCHING, _S.UNKNOWN}),
    _S.PLANNED,
    effect="only when proven not sent; waits for its next attempt",
)
LOSE_SIGHT = Transition("lose sight", "OutcomeUnknown", frozenset({_S.DISPATCHING}), _S.UNKNOWN)
DELIVER = Transition("deliver", "MessageDelivered", frozenset({_S.DISPATCHING, _S.UNKNOWN, _S.ACCEPTED}), _S.DELIVERED)
FAIL = Transition(
    "fail", "MessageFailed", frozenset({_S.DISPATCHING, _S.UNKNOWN, _S.ACCEPTED, _S.DELIVERED}), _S.FAILED
)
READ = Transition(
    "read",
    "MessageRead",
    frozenset({_S.DISPATCHING, _S.UNKNOWN, _S.ACCEPTED, _S.DELIVERED, _S.FAILED}),
    _S.READ,
)

MESSAGE = Machine(
    "message",
    MessageState,
    _S.PLANNED,
    (CLAIM, UNCLAIM, DISPATCH, CANCEL, SKIP, ACCEPT, REJECT, RETURN, LOSE_SIGHT, DELIVER, FAIL, READ),
)
