"""Gates: what can stop, defer or divert a send. One module a gate; these lists are their order.

``purpose withdrawn → exit`` has no module: whoever withdraws closes the customer's journeys in that transaction.
"""

from campaigns.gates import (
    answered,
    budget,
    cap,
    consent,
    emergency_stop,
    holdout,
    in_conversation,
    live_chat,
    not_now,
    offer,
    ownership,
    paused,
    reachability,
    sending_hours,
    suppression,
    topic,
    window,
)
from campaigns.gates.gate import (
    Gate,
    PlanFacts,
    PlanningGate,
    SendFacts,
    Stop,
    Verdict,
    at_planning,
    first_stop,
    first_stop_of_plan,
)

DISPATCH_GATES: tuple[Gate, ...] = (
    answered.GATE,
    ownership.GATE,
    emergency_stop.GATE,
    paused.GATE,
    consent.GATE,
    suppression.GATE,
    reachability.GATE,
    topic.GATE,
    not_now.GATE,
    live_chat.GATE,
    in_conversation.GATE,
    window.GATE,
)
"""Checked again, in this order, in the transaction that commits an attempt."""

ADDRESS_GATES: tuple[Gate, ...] = (consent.GATE, suppression.GATE, reachability.GATE)
"""What the engine asks of an address when it plans; the first that lets the message through is taken."""

PLANNING_GATES: tuple[PlanningGate, ...] = (
    holdout.GATE,
    *map(at_planning, (emergency_stop.GATE, paused.GATE, *ADDRESS_GATES)),
    topic.AT_PLANNING,
    not_now.AT_PLANNING,
    at_planning(live_chat.GATE),
    sending_hours.GATE,
    cap.GATE,
    offer.GATE,
    budget.GATE,
)
"""The order in which planning meets the gates. Held are due journeys themselves where everything or the campaign stands
still: they are not looked at (``campaigns.facts.due_condition``)."""

__all__ = [
    "ADDRESS_GATES",
    "DISPATCH_GATES",
    "PLANNING_GATES",
    "Gate",
    "PlanFacts",
    "PlanningGate",
    "SendFacts",
    "Stop",
    "Verdict",
    "first_stop",
    "first_stop_of_plan",
]
