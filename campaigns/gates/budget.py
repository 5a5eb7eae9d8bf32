"""A message is planned only if its price's ceiling can be reserved. Only planning asks: the hold is written with it."""

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict


def stops(facts: PlanFacts) -> bool:
    return facts.money_left is not None and facts.price_micros > facts.money_left


GATE = PlanningGate("budget", Verdict.CHEAPER, stops)
