"""A product is promised to a customer once: a journey whose offer is for one that another promised goes no further.

Only planning asks: the grant is written with the plan, under the customer's lock.
"""

from collections.abc import Iterable
from typing import Protocol

from campaigns.gates.gate import PlanFacts, PlanningGate, Verdict


class Promise(Protocol):
    """A grant in force."""

    @property
    def offer(self) -> str: ...

    @property
    def product(self) -> str: ...


def promised_by(product: str, grants: Iterable[Promise]) -> str:
    """The offer by which the product is promised to the customer already, or nothing."""
    return next((grant.offer for grant in grants if grant.product == product), "")


def stops(facts: PlanFacts) -> bool:
    return facts.promised_elsewhere


GATE = PlanningGate("offer", Verdict.EXIT, stops)
