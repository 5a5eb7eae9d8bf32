"""What the engine looks at: a journey and the facts about its customer. Plain frozen values."""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.definition import Cap, NoSendDays, Offer, SendingHours
from campaigns.engine.waiting import Standstill
from core.addresses import phone_country
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.values import value


@value(frozen=True, slots=True)
class Journey:
    """An enrolment as the engine sees it.

    ``step`` is empty before the first; ``step_at`` is when the journey came to it; ``due_at`` None waits for an event.
    ``reason`` is why it was closed. A ``ghost`` is held out: it walks and sends nothing.
    """

    state: EnrolmentState = EnrolmentState.WAITING
    step: str = ""
    leg: str = ""
    due_at: datetime | None = None
    step_at: datetime | None = None
    reason: str = ""
    variant: str = ""
    ghost: bool = False
    id: str = ""


@value(frozen=True, slots=True)
class IdentityFacts:
    """One address of the customer, with what the gates know of it. ``consented`` is for the campaign's purpose.

    ``country`` is empty where it is not known; that of a ``phone`` (E.164) is read off only where it is asked for.
    """

    id: str
    channel: str
    consented: bool = False
    suppressed: bool = False
    reachable: bool = True
    country: str = ""
    phone: str = ""

    @property
    def where(self) -> str:
        """The country that the address belongs to, as far as it tells."""
        return self.country or (phone_country(self.phone) if self.phone else "")


@value(frozen=True, slots=True)
class MessageFacts:
    """A message of the step where the journey stands. Instants are business time."""

    id: str
    state: MessageState
    planned_at: datetime
    send_at: datetime
    not_after: datetime
    sent_at: datetime | None = None
    reason: str = ""
    channel: str = ""
    leg: str = ""


@value(frozen=True, slots=True)
class Sent:
    """A marketing message to the customer that counts for caps: planned, under way or out. ``at`` is business time."""

    message_id: str
    channel: str
    at: datetime


@value(frozen=True, slots=True)
class GrantFacts:
    """An offer's grant in force."""

    offer: str
    product: str
    enrolment_id: str | None
    code: str = ""


@value(frozen=True, slots=True)
class ChannelHistory:
    """How the customer took to a channel: messages that arrived there lately, and those that they answered."""

    sent: int = 0
    answered: int = 0

    @property
    def score(self) -> float:
        """The expected share of answers, starting from one in two (Laplace's rule of succession)."""
        return (self.answered + 1) / (self.sent + 2)


@value(frozen=True, slots=True)
class Price:
    """What a message may cost, in micro-units of the workspace's currency; ``parts`` counts SMS segments."""

    micros: int = 0
    parts: int = 1


PriceOf = Callable[[str, IdentityFacts, str], Price]
"""(channel, address, template) → the price's ceiling. Deterministic."""


def free(_channel: str, _identity: IdentityFacts, _template: str) -> Price:
    """The price where nothing costs anything."""
    return Price()


_EVERY_DAY = NoSendDays()


@value(frozen=True, slots=True)
class Facts:
    """What the engine may know of a customer and the workspace. ``identities`` are oldest first.

    ``message`` is the one that the journey follows; ``beside`` are others of the same step that are not out yet.

    By channel: ``countries`` are the only ones to be served (a workspace's choice), ``unserved`` those that the
    provider does not reach. A country not served is unreachable.

    ``conditions`` say what holds, by ``When.condition``. ``topic_refused``: the customer wants no more of what the
    campaign is about. ``quiet_until`` is when a live chat's rest is over,
    ``not_now_until`` when one is that the customer asked for.
    ``money_left`` is what the campaign's budget has for this decision (None: no budget); ``when_short`` says what
    follows where that is too little, ``cheaper`` or ``skip``. ``codes_left`` are the codes
    in stock of offers that hand out single ones, ``quota_left`` the tasks and handoffs that a step may still make
    today, which ends at ``tomorrow``. ``listed`` is false for who may not be written to before going live.
    ``pauses`` are those of the campaign that are over, the oldest first.
    """

    zone: ZoneInfo
    sending_hours: SendingHours
    identities: tuple[IdentityFacts, ...] = ()
    message: MessageFacts | None = None
    beside: tuple[MessageFacts, ...] = ()
    countries: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unserved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    country: str = ""
    no_send: NoSendDays = _EVERY_DAY
    caps: tuple[Cap, ...] = ()
    sent: tuple[Sent, ...] = ()
    conditions: Mapping[str, bool] = field(default_factory=dict)
    topic_refused: bool = False
    live_chat: bool = False
    quiet_until: datetime | None = None
    not_now_until: datetime | None = None
    listed: bool = True
    price_of: PriceOf = free
    money_left: int | None = None
    when_short: str = "cheaper"
    offers: Mapping[str, Offer] = field(default_factory=dict)
    grants: tuple[GrantFacts, ...] = ()
    codes_left: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, object] = field(default_factory=dict)
    history: Mapping[str, ChannelHistory] = field(default_factory=dict)
    quota_left: Mapping[str, int] = field(default_factory=dict)
    tomorrow: datetime | None = None
    pauses: tuple[Standstill, ...] = ()
