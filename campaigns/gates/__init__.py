"""Gates: what can stop, defer or divert a send. One module a gate; this list is their order."""

from campaigns.gates import answered, consent, emergency_stop, live_chat, paused, reachability, suppression, window
from campaigns.gates.gate import Gate, SendFacts, Stop, Verdict, first_stop

DISPATCH_GATES: tuple[Gate, ...] = (
    answered.GATE,
    emergency_stop.GATE,
    paused.GATE,
    consent.GATE,
    suppression.GATE,
    reachability.GATE,
    live_chat.GATE,
    window.GATE,
)
"""Checked again, in this order, in the transaction that commits an attempt."""

ADDRESS_GATES: tuple[Gate, ...] = (consent.GATE, suppression.GATE, reachability.GATE)
"""What the engine asks of an address when it plans; the first that lets the message through is taken."""

__all__ = ["ADDRESS_GATES", "DISPATCH_GATES", "Gate", "SendFacts", "Stop", "Verdict", "first_stop"]
