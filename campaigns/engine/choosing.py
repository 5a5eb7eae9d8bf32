"""Choosing where a leg goes: the channel, the address, the offer. Pure; says in words why it is none or that one."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from campaigns.definition import BEST, CampaignDefinition, Leg, OfferCandidate, When
from campaigns.engine.journey import Facts, IdentityFacts, Journey, Price
from campaigns.gates import ADDRESS_GATES, SendFacts, first_stop
from campaigns.gates.offer import promised_by
from core.money import MICRO
from core.values import value

GOOD_ENOUGH = 0.2
"""A channel whose score is lower is passed over by ``best`` while a better one is there: four messages, no answer."""


@value(frozen=True, slots=True)
class Target:
    """Where a message would go, and what it may cost."""

    channel: str
    template: str
    identity: IdentityFacts
    price: Price


def holds(when: When | None, journey: Journey, facts: Facts) -> bool:
    """Whether the customer is meant."""
    if when is None:
        return True
    if when.variants and journey.variant not in when.variants:
        return False
    return not when.condition or facts.conditions.get(when.condition, False)


def address(
    definition: CampaignDefinition, channel: str, facts: Facts, now: datetime
) -> tuple[IdentityFacts | None, str]:
    """The first address on the channel that every gate lets through, or the reason that none does."""
    reason = f"no {channel} address"
    served = facts.countries.get(channel)
    unserved = facts.unserved.get(channel, frozenset())
    for identity in facts.identities:
        if identity.channel != channel:
            continue
        country = identity.where if served or unserved else ""
        if country and (country in unserved or (served and country not in served)):
            reason = f"{channel} does not serve {country}"
            continue
        stop = first_stop(
            ADDRESS_GATES,
            SendFacts(
                purpose=definition.purpose,
                now=now,
                consented=identity.consented,
                suppressed=identity.suppressed,
                reachable=identity.reachable,
            ),
        )
        if stop is None:
            return identity, ""
        reason = stop.gate
    return None, reason


def target(
    definition: CampaignDefinition, leg: Leg, journey: Journey, facts: Facts, now: datetime
) -> tuple[Target | None, str]:
    """Where the leg goes, with why that one (of ``best``); or none, with why not."""
    template = leg.template_for(journey.variant)
    if leg.channel != BEST:
        found, reason = address(definition, leg.channel, facts, now)
        if found is None:
            return None, reason
        return Target(leg.channel, template, found, facts.price_of(leg.channel, found, template)), ""
    reached, unreached = [], []
    for channel in leg.among:
        found, reason = address(definition, channel, facts, now)
        if found is None:
            unreached.append(f"{channel}: {reason}")
        else:
            reached.append(Target(channel, template, found, facts.price_of(channel, found, template)))
    if not reached:
        return None, "; ".join(unreached) or "no channel has the template"
    chosen = _best(reached, facts)
    return chosen, "; ".join([*(_scored(one, facts, chosen) for one in reached), *unreached])


def _best(reached: list[Target], facts: Facts) -> Target:
    """The cheapest of those that are good enough, else the one with the best score; ties go by the order written."""
    good = [one for one in reached if _score(one, facts) >= GOOD_ENOUGH]
    if good:
        return min(good, key=lambda one: one.price.micros)
    return max(reached, key=lambda one: _score(one, facts))


def _score(one: Target, facts: Facts) -> float:
    known = facts.history.get(one.channel)
    return known.score if known else 0.5


def _scored(one: Target, facts: Facts, chosen: Target) -> str:
    known = facts.history.get(one.channel)
    seen = f"{known.answered} of {known.sent} answered" if known else "never tried"
    mark = "*" if one is chosen else ""
    price = (Decimal(one.price.micros) / MICRO).normalize()
    return f"{mark}{one.channel}: score {_score(one, facts):.2f} ({seen}), price {price:f}"


def cheaper(
    definition: CampaignDefinition, legs: Iterable[Leg], most: int, journey: Journey, facts: Facts, now: datetime
) -> Target | None:
    """The cheapest way, over every channel in which the legs' templates speak, that costs no more than ``most``."""
    found: dict[str, Target] = {}
    for leg in legs:
        template = leg.template_for(journey.variant)
        for channel in (leg.channel, *leg.among):
            if channel == BEST or channel in found:
                continue
            identity, _ = address(definition, channel, facts, now)
            if identity is not None:
                found[channel] = Target(channel, template, identity, facts.price_of(channel, identity, template))
    affordable = [one for one in found.values() if one.price.micros <= most]
    return min(affordable, key=lambda one: one.price.micros, default=None)


@value(frozen=True, slots=True)
class OfferVerdict:
    """Which offer goes with the campaign's messages. ``reason`` says why the journey may not go on."""

    offer: str = ""
    product: str = ""
    new: bool = False
    reason: str = ""


_NO_OFFER = OfferVerdict()


def offer_for(definition: CampaignDefinition, journey: Journey, facts: Facts) -> OfferVerdict:
    """The offer that this journey holds, or may be granted now; a product that is promised elsewhere stops it."""
    if definition.offer is None:
        return _NO_OFFER
    names = {candidate.offer for candidate in definition.offer.candidates}
    own = next((one for one in facts.grants if one.enrolment_id == journey.id and one.offer in names), None)
    if own is not None:
        return OfferVerdict(own.offer, own.product)
    reason = "no offer is meant for this customer"
    for candidate in _ranked(definition, journey, facts):
        offer = facts.offers.get(candidate.offer)
        if offer is None:
            reason = f"offer {candidate.offer} is not known"
        elif promised := promised_by(offer.product, facts.grants):
            return OfferVerdict(reason=f"{offer.product} is promised already, by {promised}")
        elif offer.codes == "unique" and facts.codes_left.get(offer.name, 0) < 1:
            reason = f"offer {offer.name} has no codes left"
        else:
            return OfferVerdict(offer.name, offer.product, new=True)
    return OfferVerdict(reason=reason)


def _ranked(definition: CampaignDefinition, journey: Journey, facts: Facts) -> list[OfferCandidate]:
    choice = definition.offer
    if choice is None:
        return []
    fitting = [candidate for candidate in choice.candidates if holds(candidate.when, journey, facts)]
    if choice.by == "order":
        return fitting

    def score(candidate: OfferCandidate) -> float:
        known = facts.attributes.get(candidate.score.removeprefix("attributes."))
        return float(known) if isinstance(known, int | float) and not isinstance(known, bool) else float("-inf")

    return sorted(fitting, key=score, reverse=True)
