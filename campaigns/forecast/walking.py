"""The forecast: the engine itself walks a sample of journeys in virtual time. Pure.

Every message counts with the weight of its traveller, how many customers they stand for. It is taken as accepted when
it is to leave, and then the weight falls by the rate at which its channel is answered: those who answer go no further.
Conditions, addresses and consent are those of now.

Campaigns walk together: what one of them plans for a customer, or promises them, the caps and offers of the others see,
and budgets that they share they spend together. A companion stands for nobody: a customer of one campaign's sample on
another campaign, whose messages stand in the way of the first one's.
"""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import CampaignBody, SendStep
from campaigns.engine import (
    HANDOFF,
    Command,
    CreateTask,
    Decision,
    Effect,
    Facts,
    GrantFacts,
    GrantOffer,
    Journey,
    MessageFacts,
    Note,
    SendMessage,
    Sent,
    TakeQuota,
    decide,
)
from campaigns.forecast.purse import DailyQuota, Purse
from campaigns.periods import day_of
from core.machines.enrolment import HOLD, EnrolmentState
from core.machines.message import MessageState
from core.purposes import NEEDS_CONSENT

HORIZON = timedelta(weeks=26)
"""How far a journey is followed."""
_MOST_TURNS = 1000
"""Decisions of one journey: far more than 26 weeks of daily quotas."""
_ANOTHER = "another journey"
_TOLD = {
    "SendDiverted": "diverted",
    "SendDeferred": "deferred",
    "SendSkipped": "skipped",
    "StepSkipped": "skipped",
    "StepDeferred": "deferred",
    "OfferWithheld": "withheld",
    HOLD.event: "held",
}
"""Lines of a journey's history in which a gate speaks, and what it did."""


@dataclass(frozen=True, slots=True)
class SendKey:
    """A week, by its Monday on the organisation's calendar, and what is sent where."""

    week: date
    step: str
    leg: str
    channel: str


@dataclass(frozen=True, slots=True)
class GateKey:
    """What stood in the way of a step: deferred, diverted, skipped, withheld or held, and why."""

    step: str
    leg: str
    verdict: str
    reason: str


@dataclass(slots=True)
class Tally:
    """What the walk came to, in customers and messages; ``cost`` in micro-units at price ceilings.

    ``asks`` are tasks and handoffs by step and day, ``answers`` those who answer by day. ``met`` are other campaigns
    whose messages or promises a customer had where a cap or an offer's rule spoke.
    """

    messages: defaultdict[SendKey, float] = field(default_factory=lambda: defaultdict(float))
    cost: defaultdict[SendKey, float] = field(default_factory=lambda: defaultdict(float))
    gates: defaultdict[GateKey, float] = field(default_factory=lambda: defaultdict(float))
    asks: defaultdict[tuple[str, date], float] = field(default_factory=lambda: defaultdict(float))
    answers: defaultdict[date, float] = field(default_factory=lambda: defaultdict(float))
    met: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(slots=True)
class Traveller:
    """One journey of the sample, which stands for ``weight`` customers; it is looked at first at ``at``.

    Journeys of one ``customer`` meet; without a name they do not. A ``companion`` is not counted.
    """

    body: CampaignBody
    journey: Journey
    facts: Facts
    at: datetime
    weight: float = 1.0
    customer: str = ""
    companion: bool = False
    turns: int = 0


@dataclass(slots=True)
class World:
    """What travellers share: money, codes, quotas by step, rates of answers by channel, the organisation's zone."""

    zone: ZoneInfo
    purse: Purse
    rates: Mapping[str, float]
    quotas: Mapping[str, DailyQuota] = field(default_factory=dict)
    codes: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Party:
    """The travellers of one campaign, and their world. What companions come to is counted by itself and forgotten."""

    world: World
    travellers: Sequence[Traveller]
    until: datetime
    tally: Tally = field(default_factory=Tally)
    _beside: Tally = field(default_factory=Tally)

    def tally_of(self, one: Traveller) -> Tally:
        """Where a traveller counts."""
        return self._beside if one.companion else self.tally


@dataclass(slots=True)
class _Meetings:
    """What the forecast has planned and promised so far, by customer, each with the journey that did it."""

    sent: defaultdict[str, list[tuple[Traveller, Sent]]] = field(default_factory=lambda: defaultdict(list))
    grants: defaultdict[str, list[tuple[Traveller, GrantFacts]]] = field(default_factory=lambda: defaultdict(list))

    def facts(self, one: Traveller) -> Facts:
        """The traveller's own facts with what other journeys of the customer did."""
        if not one.customer:
            return one.facts
        sent = [what for other, what in self.sent.get(one.customer, ()) if other is not one]
        grants = [what for other, what in self.grants.get(one.customer, ()) if other is not one]
        if not sent and not grants:
            return one.facts
        return replace(one.facts, sent=(*one.facts.sent, *sent), grants=(*one.facts.grants, *grants))

    def take(self, one: Traveller, decision: Decision) -> None:
        """Let the customer's other journeys see what this one has planned and promised."""
        if not one.customer:
            return
        for effect in decision.effects:
            if isinstance(effect, SendMessage) and effect.purpose in NEEDS_CONSENT and one.facts.caps:
                self.sent[one.customer].append((one, Sent("", effect.channel, effect.send_at)))
            elif isinstance(effect, GrantOffer):
                self.grants[one.customer].append((one, GrantFacts(effect.offer, effect.product, _ANOTHER)))

    def tell(self, tally: Tally, one: Traveller, decision: Decision) -> None:
        """Count which campaigns had been before where a cap or an offer's rule spoke."""
        notes = [effect for effect in decision.effects if isinstance(effect, Note)]
        by_cap = any(note.event in _TOLD and note.detail.startswith("cap") for note in notes)
        by_offer = any(note.event == "OfferWithheld" for note in notes)
        before = [*(self.sent.get(one.customer, ()) if by_cap else ())]
        promised = [*(self.grants.get(one.customer, ()) if by_offer else ())]
        mine = one.body.definition.name
        for name in {other.body.definition.name for other, _ in (*before, *promised)} - {mine}:
            tally.met[name] += one.weight


def walk(travellers: Sequence[Traveller], world: World, until: datetime) -> Tally:
    """Let everybody of one campaign walk to their journey's end, or to ``until``."""
    party = Party(world, travellers, until)
    walk_together([party])
    return party.tally


def walk_together(parties: Sequence[Party]) -> None:
    """Let all campaigns walk at once, the higher priority first where several come to the same instant."""
    met = _Meetings()
    everybody = [(party, one) for party in parties for one in party.travellers]
    order = [(one.at, -one.body.definition.priority, place) for place, (_, one) in enumerate(everybody)]
    heapq.heapify(order)
    while order:
        at, rank, place = heapq.heappop(order)
        party, one = everybody[place]
        world = party.world
        if at > party.until or one.turns >= _MOST_TURNS:
            continue
        one.turns += 1
        day, tomorrow = day_of(at, world.zone)
        one.facts = replace(
            one.facts,
            money_left=world.purse.money_left(at),
            codes_left={name: int(left) for name, left in world.codes.items()},
            quota_left={step: quota.on(day) for step, quota in world.quotas.items()},
            tomorrow=tomorrow,
        )
        decision = decide(one.body.definition, one.journey, met.facts(one), at)
        _count(party.tally_of(one), world, one, decision, at)
        met.tell(party.tally_of(one), one, decision)
        met.take(one, decision)
        one.journey = decision.journey
        goes_on = one.weight > 0 or one.companion
        if one.journey.state is EnrolmentState.WAITING and one.journey.due_at is not None and goes_on:
            heapq.heappush(order, (max(at, one.journey.due_at), rank, place))


def _count(tally: Tally, world: World, one: Traveller, decision: Decision, at: datetime) -> None:
    planned: list[SendMessage] = []
    if (decision.journey.step, decision.journey.leg) != (one.journey.step, one.journey.leg):
        one.facts = replace(one.facts, message=None)
    for effect in decision.effects:
        if isinstance(effect, SendMessage):
            planned.append(effect)
        else:
            _other(tally, world, one, effect, at)
    for message in planned:
        _send(tally, world, one, message, decision.journey, at)
    _answered(tally, world, one, planned)


def _send(tally: Tally, world: World, one: Traveller, sent: SendMessage, now_at: Journey, at: datetime) -> None:
    day = sent.send_at.astimezone(world.zone).date()
    key = SendKey(day - timedelta(days=day.weekday()), sent.step, sent.leg, sent.channel)
    tally.messages[key] += one.weight
    tally.cost[key] += one.weight * sent.price_micros
    world.purse.take(at, one.weight * sent.price_micros)
    if sent.purpose in NEEDS_CONSENT and one.facts.caps:
        one.facts = replace(one.facts, sent=(*one.facts.sent, Sent("", sent.channel, sent.send_at)))
    if (sent.step, sent.leg) == (now_at.step, now_at.leg):
        accepted = MessageFacts(
            "forecast", MessageState.ACCEPTED, at, sent.send_at, sent.not_after, sent.send_at, channel=sent.channel
        )
        one.facts = replace(one.facts, message=accepted)


def _answered(tally: Tally, world: World, one: Traveller, planned: Sequence[SendMessage]) -> None:
    """Those who answer leave; a step that nothing answers keeps everybody."""
    silent = 1.0
    for sent in planned:
        step = one.body.definition.step(sent.step)
        if isinstance(step, SendStep) and step.until:
            silent *= 1.0 - world.rates.get(sent.channel, 0.0)
    if silent < 1.0:
        day = planned[0].send_at.astimezone(world.zone).date()
        tally.answers[day] += one.weight * (1.0 - silent)
        one.weight *= silent


def _other(tally: Tally, world: World, one: Traveller, effect: Effect, at: datetime) -> None:
    match effect:
        case Note() if effect.event in _TOLD:
            reason = "live_chat" if effect.event == HOLD.event else effect.detail
            tally.gates[GateKey(effect.step, effect.leg, _TOLD[effect.event], reason)] += one.weight
        case TakeQuota() if effect.step in world.quotas:
            world.quotas[effect.step].take(one.weight)
        case CreateTask() | Command() if not isinstance(effect, Command) or effect.kind == HANDOFF:
            tally.asks[effect.step, at.astimezone(world.zone).date()] += one.weight
        case GrantOffer():
            one.facts = replace(
                one.facts, grants=(*one.facts.grants, GrantFacts(effect.offer, effect.product, one.journey.id))
            )
            if effect.offer in world.codes:
                world.codes[effect.offer] -= one.weight
        case _:
            pass
