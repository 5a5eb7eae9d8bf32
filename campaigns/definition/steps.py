"""The steps of a campaign.

Steps stand in one flat list. A step is followed by the one after it in the list, unless ``then`` names another (how the
arms of a branch meet again) or is ``$end``.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from campaigns.definition.values import Clock, Name, Plain, Share, TemplateName, Value, Words
from campaigns.periods import Period

END = "$end"
BEST = "best"
"""In place of a channel: the cheapest that is good enough for this customer."""
DEFAULT_UNTIL: frozenset[str] = frozenset({"reply", "click", "goal"})
"""What answers a step where nothing else is said. A custom event is ``event:NAME``."""
EVENT = "event:"
FLOW = "flow"
"""What answers a step that starts a flow: that flow came to its end."""


class When(Value):
    """Who takes a step: the condition holds, and the variant is one of ``variants`` (empty: any).

    ``condition`` is a segment's name, or ``@…`` for one of the campaign's own (``CampaignDefinition.conditions``).
    """

    condition: str = ""
    variants: Words = frozenset()


class Leg(Value):
    """A channel with the template that speaks there; ``variants`` speak by another template.

    ``channel`` is a channel's name or ``best``, which chooses among ``among`` (empty: every channel with a template).
    """

    channel: Name
    template: TemplateName
    variants: dict[Name, TemplateName] = Field(default_factory=dict)
    among: tuple[Name, ...] = ()

    def template_for(self, variant: str) -> str:
        """The template's name for customers of ``variant``."""
        return self.variants.get(variant, self.template)


class Quota(Value):
    """At most so many a day (the organisation's), over all customers."""

    number: int = Field(ge=1)
    per: Literal["day"] = "day"


class _Step(Value):
    """What every step has. Where ``when`` does not hold, the journey goes on to the next step at once."""

    id: Name
    when: When | None = None
    then: str = ""


class FlowVersion(Value):
    """A flow of the bot that is started, in the version of the folder that the campaign was read with."""

    name: Name
    version: str = ""


class SendStep(_Step):
    """Write to the customer, then wait.

    With a ``flow`` the message is what that flow says first; once it is out the flow goes on by itself, in the
    customer's conversation. Its end ends the wait, or answers the step where ``until`` has :data:`FLOW`.

    ``main`` is the leg of a step with one channel; ``also`` are sent beside it on purpose (their legs bear the names of
    their channels). ``otherwise`` is taken where main cannot reach the customer, or fails for good. ``until`` is what
    answers this step; empty means that nothing but a goal or an opt-out ends the journey here. A send that was put off
    for longer than ``expires`` is skipped.
    """

    kind: Literal["send"] = "send"
    main: Leg
    also: tuple[Leg, ...] = ()
    otherwise: Leg | None = None
    wait: Period | None = None
    until: Words = DEFAULT_UNTIL
    expires: Period = Period(48, "h")
    flow: FlowVersion | None = None

    def leg(self, name: str) -> Leg | None:
        """The leg called ``name``; a resend (``resend-n``) repeats main. None where there is no such leg."""
        if name == "otherwise":
            return self.otherwise
        return next((leg for leg in self.also if leg.channel == name), self.main)

    def chosen(self, name: str) -> Leg:
        """The leg called ``name``; main where there is no such leg."""
        return self.leg(name) or self.main

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Every leg, main first."""
        return (self.main, *self.also, *((self.otherwise,) if self.otherwise else ()))


class WaitStep(_Step):
    """Wait for ``period``; or until one of the ``events`` happens, at most that long; or until a local time of day.

    With ``at`` the wait ends at the first such wall time (on one of ``weekdays``, Monday = 0, if there are any) on the
    customer's clock after the period.
    """

    kind: Literal["wait"] = "wait"
    period: Period | None = None
    events: Words = frozenset()
    at: Clock | None = None
    weekdays: tuple[int, ...] = ()


class Arm(Value):
    """One way on: taken where ``when`` holds. ``first`` is the id of its first step, or ``$end``."""

    when: When
    first: str


class BranchStep(_Step):
    """Go on by the first arm whose condition holds, else by ``otherwise`` (empty: the following step)."""

    kind: Literal["branch"] = "branch"
    arms: tuple[Arm, ...] = Field(min_length=1)
    otherwise: str = ""


class HandoffStep(_Step):
    """Hand the customer to the desk: a conversation is opened and queued. Over ``max`` it waits for another day."""

    kind: Literal["handoff"] = "handoff"
    queue: str = ""
    note: str = ""
    max: Quota | None = None
    expires: Period = Period(48, "h")


class TaskStep(_Step):
    """A task for a person: a phone call, a meeting. Over ``max`` it waits for another day, at most ``expires``."""

    kind: Literal["task"] = "task"
    task: Name
    note: str = ""
    due: Period | None = None
    max: Quota | None = None
    expires: Period = Period(48, "h")


class SetStep(_Step):
    """Change the customer: fields (``attributes.NAME`` or a column; null empties it), tags, stage."""

    kind: Literal["set"] = "set"
    fields: dict[str, Any] = Field(default_factory=dict)
    tag: tuple[Name, ...] = ()
    untag: tuple[Name, ...] = ()
    stage: str = ""


class GiveStep(_Step):
    """Give loyalty points (an event ``points_given``) or a voucher (a grant of that offer)."""

    kind: Literal["give"] = "give"
    points: int = Field(default=0, ge=0)
    voucher: str = ""
    reason: str = ""


class FlowStep(_Step):
    """Start a flow of the bot where this customer has just answered. In the journey itself a flow is a send."""

    kind: Literal["flow"] = "flow"
    flow: FlowVersion


class WebhookStep(_Step):
    """POST to an address of the shop's own: signed, tried again. ``data`` goes along."""

    kind: Literal["webhook"] = "webhook"
    url: str
    data: Plain = Field(default_factory=dict)


class EndStep(_Step):
    """The journey ends here."""

    kind: Literal["end"] = "end"
    reason: str = ""


Step = Annotated[
    SendStep | WaitStep | BranchStep | HandoffStep | TaskStep | SetStep | GiveStep | FlowStep | WebhookStep | EndStep,
    Field(discriminator="kind"),
]
Action = Annotated[
    HandoffStep | TaskStep | SetStep | GiveStep | FlowStep | WebhookStep,
    Field(discriminator="kind"),
]
"""What ``on_answer`` may do: steps that are done at once."""


class Pace(Value):
    """How fast a wave goes: so many journeys an hour, or the ``share`` of what the desk can answer."""

    per_hour: int | None = Field(default=None, ge=1)
    share: Share | None = None
