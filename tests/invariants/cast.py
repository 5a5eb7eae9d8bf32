"""Who takes part in the world of the invariants: customers in four zones, each other in what they can be reached by."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

ATTRIBUTION = timedelta(days=7)
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran")
DRAWS = (123_456_789, 777_777_777, 1_400_000_000, 2_000_000_000)
"""Fixed, so that an example deals everybody the same variant and holdout whenever it is repeated."""


@dataclass
class Person:
    """A customer as the model knows them: what the store must respect."""

    id: str
    zone: ZoneInfo
    identities: dict[str, str]
    withdrawn: bool = False
