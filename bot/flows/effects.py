"""What a step of a flow does to the world: data, carried out by whoever runs it. And what can happen to a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.flows.definition import Priority
from bot.flows.speaking import Surroundings
from bot.flows.understanding import Heard
from campaigns.templates.content import Rendered
from core.machines.flow_run import FLOW_RUN, FlowRunState


@dataclass(frozen=True, slots=True)
class Run:
    """One customer's way through a flow. ``answers`` are its variables, plain data.

    ``due_at`` is when a wait ends by itself. ``turn`` counts what happened to it: with a step's place in a turn it
    names an effect for good. ``said`` is what the customer wrote last.
    """

    state: FlowRunState = FLOW_RUN.initial
    step: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    tries: int = 0
    turn: int = 0
    due_at: datetime | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a flow may look at besides its own answers: the customer, their tags, the segments that they are in."""

    around: Surroundings
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Begun:
    """The flow was set off, by ``text`` where it was a message."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """The flow was set off by a campaign, whose message has said its first words already."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """``due_at`` has passed."""


@dataclass(frozen=True, slots=True)
class Called:
    """A webhook answered with ``data``, or (``ok`` false) it did not, or refused."""

    step: str
    ok: bool
    data: Any = None


@dataclass(frozen=True, slots=True)
class Replied:
    """The answers bot has answered the customer, or (``found`` false) knew nothing."""

    step: str
    found: bool


@dataclass(frozen=True, slots=True)
class Proved:
    """The code that was sent has been said, or (``ok`` false) it never will be."""

    ok: bool


Signal = Begun | Opened | Heard | TimedOut | Called | Replied | Proved


@dataclass(frozen=True, slots=True)
class Say:
    """Say this to the customer. ``step`` is whose words they are."""

    step: str
    content: Rendered


@dataclass(frozen=True, slots=True)
class Change:
    """Change the customer: fields (columns or ``attributes.NAME``; None empties), tags, stage."""

    step: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    stage: str = ""


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Record an event of the customer's."""

    step: str
    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """POST ``data``; a :class:`Called` comes back."""

    step: str
    url: str
    data: Mapping[str, Any]
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class StartCampaign:
    """Let the customer enter a campaign."""

    step: str
    campaign: str


@dataclass(frozen=True, slots=True)
class AskAnswers:
    """Let the answers bot answer ``question``; a :class:`Replied` comes back."""

    step: str
    question: str


@dataclass(frozen=True, slots=True)
class AskProof:
    """Send a code to an address that the customer says is theirs; ``channel`` is email or sms."""

    step: str
    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class OpenHandoff:
    """Queue the conversation for a person."""

    step: str
    queue: str = ""
    note: str = ""
    priority: Priority = "normal"


Effect = Say | Change | RecordEvent | CallWebhook | StartCampaign | AskAnswers | AskProof | OpenHandoff


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the run stands now, and what is to be done."""

    run: Run
    effects: tuple[Effect, ...] = ()
