"""What a gate is: one pure rule and the SQL predicate that says the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from campaigns.definition import Cap, NoSendDays, SendingHours
from core.machines.campaign import CampaignState
from core.purposes import Purpose
from core.values import value
from storage.outbox.columns import SendColumns

_EVERY_HOUR = SendingHours(opens="00:00", closes="00:00")
_EVERY_DAY = NoSendDays()


class Verdict(StrEnum):
    """What happens to a message that a gate stops. The last three are verdicts of planning only."""

    HOLD = "hold"  # stays planned until the reason is gone
    CANCEL = "cancel"  # the journey is over
    SKIP = "skip"  # not here: the engine takes ``otherwise`` or the next step
    DEFER = "defer"  # stays planned; the engine gives it another window
    GHOST = "ghost"  # the journey walks and is counted, but sends and reserves nothing
    EXIT = "exit"  # the journey ends
    CHEAPER = "cheaper"  # by a channel that costs less, else not at all


@value(frozen=True, slots=True)
class SendFacts:
    """All that the gates look at for one message.

    ``now`` is business time, ``quiet_until`` ends a chat's rest, ``not_now_until`` that which the customer asked for.
    """

    purpose: Purpose
    now: datetime
    not_before: datetime | None = None
    not_after: datetime | None = None
    enrolment_open: bool | None = None  # None: not of a campaign
    campaign_state: CampaignState | None = None
    emergency_stop: bool = False
    consented: bool = False
    topic_refused: bool = False
    suppressed: bool = False
    reachable: bool = True
    live_chat: bool = False
    still_owned: bool | None = None  # None: whoever has the conversation, it may leave
    opens_flow: bool = False
    in_flow: bool = False
    quiet_until: datetime | None = None
    not_now_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """``stops`` and ``predicate`` are proven equal by a property test over random rows."""

    name: str
    verdict: Verdict
    stops: Callable[[SendFacts], bool]
    predicate: Callable[[SendColumns], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What planning looks at for one message beside what dispatch will check again.

    ``sent`` are the customer's other marketing messages, (channel, instant); ``country`` is whose holidays count.
    ``promised_elsewhere``: the product of the campaign's offer is promised to the customer by another journey.
    ``money_left`` None: no budget. Amounts are micro-units.
    """

    send: SendFacts
    zone: ZoneInfo
    channel: str
    held_out: bool = False
    hours: SendingHours = _EVERY_HOUR
    no_send: NoSendDays = _EVERY_DAY
    country: str = ""
    caps: tuple[Cap, ...] = ()
    sent: tuple[tuple[str, datetime], ...] = ()
    promised_elsewhere: bool = False
    price_micros: int = 0
    money_left: int | None = None


@dataclass(frozen=True, slots=True)
class PlanningGate:
    """A gate of planning; what it decides is fixed in the message's window or its hold, so dispatch need not ask."""

    name: str
    verdict: Verdict
    stops: Callable[[PlanFacts], bool]


def at_planning(gate: Gate) -> PlanningGate:
    """A gate of dispatch that planning asks as well."""
    return PlanningGate(gate.name, gate.verdict, lambda facts: gate.stops(facts.send))


@dataclass(frozen=True, slots=True)
class Stop:
    """Which gate said no, and what follows."""

    gate: str
    verdict: Verdict


def first_stop(gates: Iterable[Gate], facts: SendFacts) -> Stop | None:
    """The first gate that stops a message with these facts."""
    for gate in gates:
        if gate.stops(facts):
            return Stop(gate.name, gate.verdict)
    return None


def first_stop_of_plan(gates: Iterable[PlanningGate], facts: PlanFacts) -> Stop | None:
    """The first gate of planning that stops a message with these facts."""
    return next((Stop(gate.name, gate.verdict) for gate in gates if gate.stops(facts)), None)
