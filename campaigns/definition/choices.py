"""What a campaign chooses per customer: variants, offers, money."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from campaigns.definition.steps import When
from campaigns.definition.values import Amount, Currency, Name, Share, Value
from campaigns.periods import Period


class Experiment(Value):
    """Variants by weight, and a holdout that hears nothing but is counted.

    ``winner`` fixed: compared once, ``horizon`` after the first entry; thompson: a daily draw moves the weights of
    later entries. ``metric`` is reply, click, goal or revenue. ``lift`` is the least relative one that is worth
    knowing: it says how many customers are needed.
    """

    variants: dict[Name, int] = Field(default_factory=dict)
    holdout: Share = Decimal(0)
    metric: Literal["reply", "click", "goal", "revenue"] = "goal"
    winner: Literal["fixed", "thompson"] = "fixed"
    horizon: Period = Period(30, "d")
    lift: Share = Decimal("0.2")
    salt: str = ""


class OfferCandidate(Value):
    """An offer that a customer may get: where ``when`` holds; ``score`` names the attribute that ranks it."""

    offer: Name
    when: When | None = None
    score: str = ""


class OfferChoice(Value):
    """Which offer a customer gets: the first candidate that fits, or the one with the highest score."""

    candidates: tuple[OfferCandidate, ...] = Field(min_length=1)
    by: Literal["order", "score"] = "order"


class Budget(Value):
    """Money that sends may cost: ``amount`` in each ``period`` of the organisation's calendar.

    Named in ``otklik.yaml`` and shared, or a campaign's own, which may stand ``within`` a shared one: then both must
    have room.
    """

    name: Name
    amount: Amount | None = None
    currency: Currency | None = None
    period: Literal["total", "day", "week", "month", "year"] = "total"
    when_short: Literal["cheaper", "skip"] = "cheaper"
    within: str = ""
