"""Marketing keeps the frequency caps over all campaigns. Only planning asks: a plan is what caps count."""

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict
from campaigns.limits.caps import free_from
from campaigns.limits.hours import ALWAYS


def stops(facts: PlanFacts) -> bool:
    if facts.send.purpose in ALWAYS:
        return False
    return free_from(facts.send.now, facts.caps, facts.sent, facts.channel, facts.zone) > facts.send.now


GATE = PlanningGate("cap", Verdict.DEFER, stops)
