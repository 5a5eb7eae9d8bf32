"""What passes between the outbox and the dispatcher. Plain frozen values."""

from datetime import datetime
from typing import Any

from core.messages import Address
from core.outcomes import Outcome
from core.purposes import Purpose
from core.values import value


@value(frozen=True, slots=True)
class Claim:
    """A message that a worker holds under ``fence``. What it says is still to be composed.

    ``content`` is the ready text of a conversation message, None for a campaign's (its template speaks). ``repeats`` is
    the message of unknown fate that an operator sends again by this one; mostly empty.
    """

    message_id: str
    fence: int
    customer_id: str
    identity_id: str
    to: Address
    purpose: Purpose
    campaign_id: str | None = None
    enrolment_id: str | None = None
    version: str = ""
    step: str = ""
    leg: str = ""
    template: str = ""
    send_at: datetime | None = None
    content: dict[str, Any] | None = None
    window_from: datetime | None = None
    repeats: str = ""


@value(frozen=True, slots=True)
class Ready:
    """A composed claim about to be committed as an attempt; ``subject`` and ``body`` are kept with the message."""

    claim: Claim
    attempt_id: str
    account: str
    subject: str
    body: str


@value(frozen=True, slots=True)
class Ended:
    """An attempt's outcome. It attaches to its attempt at any time, whatever became of the claim."""

    attempt_id: str
    message_id: str
    outcome: Outcome
