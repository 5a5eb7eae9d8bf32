"""What other campaigns take from one: its forecast beside them held against that of it alone. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.forecast.entrances import WEEKS
from campaigns.forecast.figures import NOTICED
from campaigns.forecast.walking import Tally

_TAKES = ("cap", "budget")


@dataclass(frozen=True, slots=True)
class Displaced:
    """``fewer`` messages leave (of a weekly forecast: each week).

    ``gates`` are (verdict, reason, customers) more than alone, ``by`` the campaigns whose messages or promises were
    there before.
    """

    fewer: float
    gates: Sequence[tuple[str, str, float]]
    by: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.gates) or self.fewer >= NOTICED


def displaced(together: Tally, alone: Tally, *, weekly: bool) -> Displaced:
    """The difference that the others make, by caps, budgets and the rule of one offer a product."""
    share = 1 / WEEKS if weekly else 1.0
    more: defaultdict[tuple[str, str], float] = defaultdict(float)
    for tally, sign in ((together, 1), (alone, -1)):
        for key, number in tally.gates.items():
            if key.verdict == "withheld" or key.reason.startswith(_TAKES):
                more[key.verdict, key.reason] += sign * number * share
    gates = [(*key, number) for key, number in sorted(more.items(), key=lambda one: -one[1]) if number >= NOTICED]
    fewer = (sum(alone.messages.values()) - sum(together.messages.values())) * share
    return Displaced(max(0.0, fewer), gates, [name for name, number in sorted(together.met.items()) if number > 0])
