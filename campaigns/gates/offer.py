"""A product is promised to a customer once: a journey whose offer is for one that another promised goes no further.

Only planning asks: the grant is written with the plan, under the customer's lock.
"""

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict


def stops(facts: PlanFacts) -> bool:
    return facts.promised_elsewhere


GATE = PlanningGate("offer", Verdict.EXIT, stops)
