"""Who takes part in the world of the invariants: customers in three zones, two campaigns."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import CampaignDefinition, Goal, Leg, SendStep
from campaigns.periods import Period
from core.messages import EMAIL, SMS, TELEGRAM

CHANNELS = (EMAIL, TELEGRAM, SMS)
ATTRIBUTION = timedelta(days=7)
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe")
LADDER = CampaignDefinition(
    name="ladder",
    audience="all",
    goal=Goal(event="order"),
    steps=(
        SendStep(
            id="mail",
            main=Leg(channel=EMAIL, template="t"),
            otherwise=Leg(channel=TELEGRAM, template="t"),
            wait=Period(1, "d"),
        ),
        SendStep(id="chat", main=Leg(channel=TELEGRAM, template="t"), wait=Period(2, "h")),
        SendStep(
            id="text",
            main=Leg(channel=SMS, template="t"),
            otherwise=Leg(channel=EMAIL, template="t"),
            expires=Period(6, "h"),
        ),
    ),
)
SERIES = CampaignDefinition(
    name="series",
    audience="all",
    steps=(
        SendStep(id="one", main=Leg(channel=EMAIL, template="t"), wait=Period(12, "h"), until=frozenset()),
        SendStep(id="two", main=Leg(channel=EMAIL, template="t"), until=frozenset()),
    ),
)


@dataclass
class Person:
    """A customer as the model knows them: what the store must respect."""

    id: str
    zone: ZoneInfo
    identities: dict[str, str]
    withdrawn: bool = False
    in_live_chat: bool = False
