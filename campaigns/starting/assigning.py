"""Who gets which variant, who is held out, and when each of a wave begins. Pure: chance is a hash of the customer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from campaigns.definition import CampaignDefinition, Pace, SendingHours, WorkspaceConfig
from campaigns.limits.hours import ALWAYS, windows
from campaigns.periods import zone_named
from core.draws import DRAW_MODULUS, salted_draw

GLOBAL_HOLDOUT = "global holdout"
"""The salt of the share of customers that no campaign writes to."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an enrolment takes along for good. A ``ghost`` walks the campaign and hears nothing."""

    variant: str = ""
    ghost: bool = False


def assign(
    definition: CampaignDefinition, config: WorkspaceConfig, draw: int, weights: Mapping[str, int | float]
) -> Assignment:
    """The assignment of a customer with ``draw``; ``weights`` are today's of the variants."""
    experiment = definition.experiment
    marketing = definition.purpose not in ALWAYS
    ghost = marketing and _below(draw, GLOBAL_HOLDOUT, config.holdout)
    if experiment is None:
        return Assignment(ghost=ghost)
    salt = experiment.salt or definition.name
    ghost = ghost or _below(draw, f"{salt}: holdout", experiment.holdout)
    return Assignment(_variant(salted_draw(draw, f"{salt}: variants"), weights), ghost)


def _below(draw: int, salt: str, share: Decimal) -> bool:
    return share > 0 and salted_draw(draw, salt) < share * DRAW_MODULUS


def _variant(draw: int, weights: Mapping[str, int | float]) -> str:
    total = sum(weights.values())
    if total <= 0:
        return ""
    left = draw * total / DRAW_MODULUS
    for name in sorted(weights):
        left -= weights[name]
        if left < 0:
            return name
    return max(weights)


def per_hour(pace: Pace, config: WorkspaceConfig) -> float:
    """Journeys an hour: as written, or so many that their answers fill the ``share`` of what the desk can answer."""
    if pace.per_hour is not None:
        return pace.per_hour
    staff = config.staff
    answers = staff.agents * staff.answers_per_hour * float(pace.share or 0)
    return answers / max(float(staff.reply_rate), 0.0001)


def beginnings(definition: CampaignDefinition, config: WorkspaceConfig, now: datetime) -> Iterator[datetime]:
    """When the first, the second, … of a wave begins: all at once, or at the campaign's pace.

    A pace runs while messages may leave (or, for a share of the desk, while it is staffed): what falls due over night
    would otherwise leave in one burst in the morning.
    """
    pace = definition.pace
    rate = per_hour(pace, config) if pace is not None else 0.0
    if pace is None or rate <= 0:
        while True:
            yield now
    step = timedelta(hours=1) / rate
    hours = config.sending_hours if pace.per_hour is not None else config.staff.hours
    if definition.purpose in ALWAYS:
        hours = SendingHours(opens="00:00", closes="00:00")
    yield from _paced(now, step, hours, zone_named(config.zone))


def _paced(now: datetime, step: timedelta, hours: SendingHours, zone: ZoneInfo) -> Iterator[datetime]:
    over = timedelta()
    for window in windows(now, zone, hours):
        at = window.opens + over
        while at < window.closes:
            yield at
            at += step
        over = at - window.closes
