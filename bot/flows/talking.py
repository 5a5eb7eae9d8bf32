"""Talking to a flow without a store: the engine, one customer, a clock that jumps. For tests and for the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.flows.definition import FlowBody
from bot.flows.effects import (
    AskAnswers,
    AskProof,
    Begun,
    Called,
    CallWebhook,
    Change,
    Effect,
    Facts,
    OpenHandoff,
    Proved,
    RecordEvent,
    Replied,
    Run,
    Say,
    Signal,
    StartCampaign,
    TimedOut,
)
from bot.flows.engine import advance
from bot.flows.speaking import Surroundings
from bot.flows.understanding import Heard
from campaigns.definition import Brand
from campaigns.periods import Period
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.templates.adapting import Envelope, adapt
from campaigns.templates.content import Rendered
from core.machines.flow_run import OPEN_RUNS

FAILED = "failed"
WAIT, FILE = "/wait ", "/file "
"""How a typed line begins that lets time go by, or sends a file."""


@dataclass(slots=True)
class Talk:
    """A conversation with one flow. ``webhooks`` is what each calling step gets back (:data:`FAILED`: nothing).

    What happened is kept: ``messages`` of the bot as the channel shows them, ``events``, ``tags``, ``started``
    campaigns, ``handoff``; ``notes`` says in words what else was done.
    """

    body: FlowBody
    facts: Facts
    now: datetime
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    knows: bool = True
    run: Run | None = None
    messages: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    handoff: OpenHandoff | None = None

    @property
    def is_open(self) -> bool:
        """Whether the flow goes on."""
        return self.run is not None and self.run.state in OPEN_RUNS

    @property
    def tags(self) -> frozenset[str]:
        """The customer's tags now."""
        return self.facts.tags

    def begin(self, text: str = "") -> list[str]:
        """Set the flow off; gives what the bot says."""
        self.run = Run()
        return self._take(Begun(text))

    def hear(self, text: str = "", *, button: str = "", file: str = "") -> list[str]:
        """Let the customer say something; gives what the bot says."""
        files = ({"name": file, "media_type": "", "blob": ""},) if file else ()
        return self._take(Heard(text=text, button=button, files=files))

    def take(self, line: str) -> list[str]:
        """Let the customer type ``line``: words, :data:`WAIT` with a period, or :data:`FILE` with a file's name.

        Raises:
            ValueError: in words, if the period is none.
        """
        if line.startswith(WAIT):
            return self.wait(Period.parse(line.removeprefix(WAIT)).rough)
        if line.startswith(FILE):
            return self.hear(file=line.removeprefix(FILE).strip())
        return self.hear(line)

    def wait(self, length: timedelta) -> list[str]:
        """Let time go by; gives what the bot says in it."""
        until = self.now + length
        said: list[str] = []
        while self.run is not None and self.run.due_at is not None and self.run.due_at <= until:
            self.now = self.run.due_at
            said += self._take(TimedOut())
        self.now = until
        return said

    def _take(self, signal: Signal) -> list[str]:
        said: list[str] = []
        signals = [signal]
        while signals and self.run is not None:
            decision = advance(self.body, self.run, signals.pop(0), self.facts, self.now)
            self.run = decision.run
            for effect in decision.effects:
                signals += self._do(effect, said)
        self.messages += said
        return said

    def _do(self, effect: Effect, said: list[str]) -> list[Signal]:
        match effect:
            case Say():
                said.append(shown(effect.content, self.facts.around.channel, self.facts.around.brand))
            case Change():
                self._change(effect)
            case RecordEvent():
                self.events.append(effect.name)
                self.notes.append(f"event {effect.name} {dict(effect.properties) or ''}".strip())
            case StartCampaign():
                self.started.append(effect.campaign)
                self.notes.append(f"the customer enters campaign {effect.campaign}")
            case OpenHandoff():
                self.handoff = effect
                queue = f" in queue {effect.queue}" if effect.queue else ""
                note = f": {effect.note}" if effect.note else ""
                self.notes.append(f"waits for a person{queue}, priority {effect.priority}{note}")
            case CallWebhook():
                got = self.webhooks.get(effect.step, {})
                self.notes.append(f"webhook {effect.url} {dict(effect.data) or ''} → {got}")
                return [Called(effect.step, got != FAILED, None if got == FAILED else got)]
            case AskProof():
                self.notes.append(f"a code goes to {effect.address}, and is said")
                return [Proved(ok=True)]
            case AskAnswers():
                answered = "answers" if self.knows else "knows no answer to"
                self.notes.append(f"the answers bot {answered}: {effect.question}")
                return [Replied(effect.step, self.knows)]
        return []

    def _change(self, change: Change) -> None:
        around = self.facts.around
        customer = {**around.customer, "attributes": dict(around.customer.get("attributes") or {})}
        changed = {**change.fields, **({"stage": change.stage} if change.stage else {})}
        for name, value in changed.items():
            own = name.removeprefix(ATTRIBUTE)
            (customer["attributes"] if own != name else customer)[own] = value
            self.notes.append(f"{name} = {value}")
        self.notes += [f"tag {tag}" for tag in change.tag] + [f"untag {tag}" for tag in change.untag]
        tags = (self.facts.tags | set(change.tag)) - set(change.untag)
        self.facts = replace(self.facts, around=replace(around, customer=customer), tags=tags)


def surroundings(brand: Brand, channel: str, locale: str, customer: Mapping[str, Any], **more: Any) -> Surroundings:
    """Around somebody who reads ``locale`` on ``channel``."""
    return Surroundings(brand=brand, channel=channel, locale=locale, customer=customer, **more)


def shown(content: Rendered, channel: str, brand: Brand) -> str:
    """A message as its channel shows it, in characters: the text, and its buttons in brackets.

    Raises:
        TemplateFailure: if it is too long there.
    """
    made = adapt(content, Envelope(channel, brand, reply_to="shop@example.com"))
    row = "  ".join(f"[ {button.label} ]" for button in made.buttons)
    text = made.text.rstrip("\n")
    return f"{text}\n{row}" if row else text
