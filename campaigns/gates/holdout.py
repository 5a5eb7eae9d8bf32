"""Who is held out hears nothing: the journey walks as a ghost and its goals count, so that both arms compare."""

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict


def stops(facts: PlanFacts) -> bool:
    return facts.held_out


GATE = PlanningGate("holdout", Verdict.GHOST, stops)
