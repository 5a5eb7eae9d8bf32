"""Marketing arrives in sending hours, on a day that is not closed where the customer lives.

Planning puts the message into a window; dispatch holds it there (:mod:`campaigns.gates.window`).
"""

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict
from campaigns.limits.hours import ALWAYS, ClosedDays, windows


def stops(facts: PlanFacts) -> bool:
    if facts.send.purpose in ALWAYS:
        return False
    closed = ClosedDays.of(facts.no_send, facts.country)
    return next(windows(facts.send.now, facts.zone, facts.hours, closed)).opens > facts.send.now


GATE = PlanningGate("sending_hours", Verdict.DEFER, stops)
