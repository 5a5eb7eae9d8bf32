"""When customers enter a campaign."""

from datetime import date, datetime
from typing import Literal

from campaigns.definition.values import Clock, Name, Plain, Value
from campaigns.periods import Period


class Goal(Value):
    """The event that the campaign is for. It always ends a journey; without ``within`` at any time."""

    event: Name
    within: Period | None = None


class Start(Value):
    """When customers enter.

    ``now`` (once, when applied) · ``at`` a local time · ``cron`` · ``event``: at each event of that name, whose
    properties match ``where`` · ``segment``: when somebody enters (or, ``on: left``, leaves) it · ``date``: on the day
    that lies ``offset`` (``before``: earlier) from the day in the customer's ``field``, each year where ``yearly``, at
    the wall time ``time`` · ``api``: when told.

    ``zone`` is ``organisation``, ``customer`` (each zone on its own wall clock) or an IANA name.
    """

    kind: Literal["now", "at", "cron", "event", "segment", "date", "api"] = "now"
    at: datetime | None = None
    cron: str = ""
    event: str = ""
    where: Plain | None = None
    segment: str = ""
    on: Literal["entered", "left"] = "entered"
    field: str = ""
    offset: Period | None = None
    before: bool = False
    yearly: bool = False
    time: Clock = "10:00"
    zone: str = "organisation"


class ActivePeriod(Value):
    """First and last day (inclusive, organisation's zone) on which customers may enter."""

    first: date | None = None
    last: date | None = None
