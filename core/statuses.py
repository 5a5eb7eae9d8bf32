"""Statuses as a ladder: a receipt can raise a message, never lower it."""

from collections.abc import Iterable

from core.machines.message import MessageState

RANK: dict[MessageState, int] = {
    MessageState.PLANNED: 0,
    MessageState.CLAIMED: 10,
    MessageState.DISPATCHING: 20,
    MessageState.UNKNOWN: 30,
    MessageState.ACCEPTED: 40,
    MessageState.DELIVERED: 50,
    MessageState.FAILED: 55,  # a late bounce outranks "delivered"; a reader proves the bounce wrong
    MessageState.READ: 60,
}
"""Higher wins. Rejected, cancelled and skipped are off the ladder: nothing follows them."""

REPORTABLE = frozenset({MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.FAILED, MessageState.READ})
"""What a provider's receipt can say."""

SENT = frozenset(
    {
        MessageState.DISPATCHING,
        MessageState.UNKNOWN,
        MessageState.ACCEPTED,
        MessageState.DELIVERED,
        MessageState.FAILED,
        MessageState.READ,
    }
)
"""May have left us: what an answer can be an answer to."""

UNDELIVERABLE = frozenset({MessageState.REJECTED, MessageState.FAILED, MessageState.SKIPPED})
"""Did not and will not reach the customer: the sequence goes on at once."""


def highest(states: Iterable[MessageState]) -> MessageState:
    """The effective state among those reported."""
    return max(states, key=lambda state: RANK.get(state, -1))


def can_raise(current: MessageState, reported: MessageState) -> bool:
    """Whether a receipt saying ``reported`` changes a message that is ``current``."""
    return current in RANK and RANK[current] >= RANK[MessageState.DISPATCHING] and RANK[reported] > RANK[current]
