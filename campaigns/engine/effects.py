"""What a decision does: effects are data, carried out by :mod:`campaigns.running.runner` in the batch's transaction."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from campaigns.engine.journey import Journey
from core.purposes import Purpose
from core.values import value


@value(frozen=True, slots=True)
class SendMessage:
    """Plan one message: (enrolment, ``step``, ``leg``) is its key.

    ``price_micros`` is what it may cost at the most; ``parts`` counts SMS segments.
    """

    step: str
    leg: str
    channel: str
    template: str
    identity_id: str
    purpose: Purpose
    send_at: datetime
    not_before: datetime
    not_after: datetime
    price_micros: int = 0
    parts: int = 1


@value(frozen=True, slots=True)
class Reschedule:
    """Give a planned message that missed its window another one."""

    message_id: str
    send_at: datetime
    not_before: datetime
    not_after: datetime


@value(frozen=True, slots=True)
class SkipMessage:
    """Give up a planned message."""

    message_id: str
    reason: str


@value(frozen=True, slots=True)
class Follow:
    """From now on the journey waits for this message of its step, which was planned beside the first."""

    message_id: str


@value(frozen=True, slots=True)
class GrantOffer:
    """Promise an offer to the customer, with a code of their own where it has such."""

    offer: str
    product: str
    step: str = ""


@value(frozen=True, slots=True)
class ChangeCustomer:
    """Set fields (``attributes.NAME`` or a column; None empties), tags and stage."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    stage: str = ""
    step: str = ""


@value(frozen=True, slots=True)
class RecordEvent:
    """Something that the campaign did for the customer, as an event of theirs."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    step: str = ""


@value(frozen=True, slots=True)
class CreateTask:
    """A task for a person; ``due_at`` None: whenever."""

    step: str
    kind: str
    note: str = ""
    due_at: datetime | None = None


@value(frozen=True, slots=True)
class Command:
    """Ask whoever registered a handler for ``kind``: handoff, flow, webhook."""

    kind: str
    step: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class TakeQuota:
    """Count one of a step's tasks or handoffs of today."""

    step: str


@value(frozen=True, slots=True)
class Note:
    """A line of the journey's history."""

    event: str
    step: str = ""
    leg: str = ""
    detail: str = ""


Effect = (
    SendMessage
    | Reschedule
    | SkipMessage
    | Follow
    | GrantOffer
    | ChangeCustomer
    | RecordEvent
    | CreateTask
    | Command
    | TakeQuota
    | Note
)


@value(frozen=True, slots=True)
class Decision:
    """What becomes of a journey, and what is to be done."""

    journey: Journey
    effects: tuple[Effect, ...]
