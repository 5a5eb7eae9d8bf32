"""A message is planned only if its price's ceiling can be reserved. Only planning asks: the hold is written with it."""

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict


def falls_short(price_micros: int, money_left: int | None) -> bool:
    """Whether what is left (None: no budget) does not reach; micro-units."""
    return money_left is not None and price_micros > money_left


def stops(facts: PlanFacts) -> bool:
    return falls_short(facts.price_micros, facts.money_left)


GATE = PlanningGate("budget", Verdict.CHEAPER, stops)
