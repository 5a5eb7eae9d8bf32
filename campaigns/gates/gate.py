"""What a gate is: one pure rule and the SQL predicate that says the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement

from core.machines.campaign import CampaignState
from core.purposes import Purpose
from storage.outbox.columns import SendColumns


class Verdict(StrEnum):
    """What happens to a message that a gate stops."""

    HOLD = "hold"  # stays planned until the reason is gone
    CANCEL = "cancel"  # the journey is over
    SKIP = "skip"  # not here: the engine takes ``otherwise`` or the next step
    DEFER = "defer"  # stays planned; the engine gives it another window


@dataclass(frozen=True, slots=True)
class SendFacts:
    """All that the gates look at for one message. ``now`` is business time."""

    purpose: Purpose
    now: datetime
    not_before: datetime | None = None
    not_after: datetime | None = None
    enrolment_open: bool | None = None  # None: not of a campaign
    campaign_state: CampaignState | None = None
    emergency_stop: bool = False
    consented: bool = False
    suppressed: bool = False
    reachable: bool = True
    live_chat: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """``stops`` and ``predicate`` are proven equal by a property test over random rows."""

    name: str
    verdict: Verdict
    stops: Callable[[SendFacts], bool]
    predicate: Callable[[SendColumns], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Stop:
    """Which gate said no, and what follows."""

    gate: str
    verdict: Verdict


def first_stop(gates: Iterable[Gate], facts: SendFacts) -> Stop | None:
    """The first gate that stops a message with these facts."""
    return next((Stop(gate.name, gate.verdict) for gate in gates if gate.stops(facts)), None)
