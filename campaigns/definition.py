"""What a campaign is once its YAML has been read: plain frozen values that travel into the store and back.

The loader (:mod:`campaigns.workspace`) turns a marketer's short forms into these; the engine reads nothing else.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from campaigns.periods import Period
from core.purposes import Purpose

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Answer = Literal["reply", "click", "goal"]
DEFAULT_UNTIL: frozenset[Answer] = frozenset({"reply", "click", "goal"})


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Leg(_Value):
    """A channel with the template that speaks there."""

    channel: Name
    template: Name


class SendStep(_Value):
    """Write to the customer, then wait. ``otherwise`` is taken where the channel cannot reach them, or fails for good.

    ``until`` is what answers this step; empty means that nothing but a goal or an opt-out ends the journey here.
    A send that was put off for longer than ``expires`` is skipped.
    """

    kind: Literal["send"] = "send"
    id: Name
    main: Leg
    otherwise: Leg | None = None
    wait: Period | None = None
    until: frozenset[Answer] = DEFAULT_UNTIL
    expires: Period = Period(48, "h")

    def leg(self, name: str) -> Leg | None:
        """The leg called ``main`` or ``otherwise``; a resend (``resend-n``) repeats main."""
        return self.otherwise if name == "otherwise" else self.main

    def chosen(self, name: str) -> Leg:
        """The leg called ``name``; main where there is no such leg."""
        return self.leg(name) or self.main


Step = SendStep


class Goal(_Value):
    """The event that the campaign is for. It always ends a journey; without ``within`` at any time."""

    event: Name
    within: Period | None = None


class Start(_Value):
    """When customers enter: ``now`` (once, when applied), ``at`` a local time, by ``cron``.

    ``zone`` is ``organisation``, ``customer`` (each zone on its own wall clock) or an IANA name.
    """

    kind: Literal["now", "at", "cron"] = "now"
    at: datetime | None = None
    cron: str = ""
    zone: str = "organisation"


class ActivePeriod(_Value):
    """First and last day (inclusive, organisation's zone) on which customers may enter."""

    first: date | None = None
    last: date | None = None


class CampaignDefinition(_Value):
    """One campaign. ``reentry`` None: once a customer and no more; otherwise that long after the last round began."""

    name: Name
    description: str = ""
    purpose: Purpose = Purpose.MARKETING
    audience: Name
    start: Start = Start()
    period: ActivePeriod = ActivePeriod()
    reentry: Period | None = None
    goal: Goal | None = None
    steps: tuple[Step, ...] = Field(min_length=1)
    edits: Literal["pin"] = "pin"

    def step(self, id_: str) -> Step | None:
        """The step of that id, or None."""
        return next((step for step in self.steps if step.id == id_), None)

    def step_after(self, id_: str) -> Step | None:
        """The step that follows, or None after the last."""
        for current, following in zip(self.steps, self.steps[1:], strict=False):
            if current.id == id_:
                return following
        return None


class SendingHours(_Value):
    """When marketing may arrive, on the customer's wall clock: from ``opens`` (inclusive) to ``closes``, ``HH:MM``."""

    opens: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    closes: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "21:00"


class ChannelPolicy(_Value):
    """What a workspace says of a channel. ``price`` is the ceiling of one message, in the workspace's currency."""

    account: str = ""
    price: str = "0"
    countries: frozenset[str] = frozenset()
    on_unknown: Literal["hold", "reconcile"] = "hold"


class Brand(_Value):
    """Who writes. ``postal_address`` stands in bulk mail because the law asks for it."""

    name: str
    url: str = ""
    postal_address: str = ""


class WorkspaceConfig(_Value):
    """``otklik.yaml`` once read: live for every campaign, never pinned."""

    brand: Brand
    zone: str = "UTC"
    locale: str = "en"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    sending_hours: SendingHours = SendingHours()
    attribution_window: Period = Period(7, "d")
    channels: Mapping[str, ChannelPolicy] = Field(default_factory=dict)

    def policy(self, channel: str) -> ChannelPolicy:
        """The channel's policy, or the default one."""
        return self.channels.get(channel, ChannelPolicy())


class CampaignBody(_Value):
    """What a campaign version keeps, whole: the definition and the text of every template it can use.

    ``templates`` maps ``name/email.mjml`` (or ``name/email.ru.mjml``) to the source; its hash is the version.
    """

    definition: CampaignDefinition
    templates: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain data with a stable order: what is hashed and stored."""
        data = self.model_dump(mode="json")
        for step in data["definition"]["steps"]:
            step["until"] = sorted(step["until"])
        return data
