"""``otklik.yaml`` once read: live for every campaign, never pinned."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from campaigns.definition.choices import Budget
from campaigns.definition.desk import Desk
from campaigns.definition.values import Amount, Clock, Currency, Name, Share, Value, Words
from campaigns.periods import Period


class SendingHours(Value):
    """When marketing may arrive, on the customer's wall clock: from ``opens`` (inclusive) to ``closes``."""

    opens: Clock = "08:00"
    closes: Clock = "21:00"


class ChannelPolicy(Value):
    """What a workspace says of a channel.

    ``price`` is the ceiling of one message (of one segment, on SMS), in ``currency`` (the workspace's where empty);
    ``prices`` are those of single countries.
    """

    account: str = ""
    price: str = "0"
    prices: Mapping[str, str] = Field(default_factory=dict)
    currency: str = ""
    countries: Words = frozenset()
    on_unknown: Literal["hold", "reconcile"] = "hold"


class Brand(Value):
    """Who writes. ``postal_address`` stands in bulk mail because the law asks for it."""

    name: str
    url: str = ""
    postal_address: str = ""


class Cap(Value):
    """At most ``max`` marketing messages a customer in any stretch of ``per``, over all campaigns.

    On one ``channel``, or on all together where it is empty.
    """

    max: int = Field(ge=1)
    per: Period
    channel: str = ""


class NoSendDays(Value):
    """Days on which marketing is not sent, by the customer's country (``*``: every country).

    ``weekdays``: Monday = 0.
    """

    weekdays: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)
    days: Mapping[str, tuple[date, ...]] = Field(default_factory=dict)


class Staff(Value):
    """Who answers, and when: for promises, for forecasts, and for a pace that follows the desk.

    ``hours`` are the organisation's wall clock on ``weekdays`` (Monday = 0), but not on ``holidays``. ``reply_rate`` is
    of messages sent.
    """

    agents: int = Field(default=0, ge=0)
    answers_per_hour: int = Field(default=12, ge=1)
    hours: SendingHours = SendingHours(opens="09:00", closes="18:00")
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    holidays: tuple[date, ...] = ()
    reply_rate: Share = Decimal("0.05")


class Rate(Value):
    """What one unit of ``currency`` is worth in the workspace's, from a day on."""

    from_day: date
    currency: Currency
    rate: Amount


class Utm(Value):
    """Campaign tags that every link gets, unless it has them. ``campaign`` and ``content`` are filled in."""

    on: bool = True
    source: str = "otklik"
    medium: str = ""


class WorkspaceConfig(Value):
    """The whole of it. ``consent_document`` is the version of the text that who writes START agrees to.

    ``topics`` are what customers may refuse one by one, in words for them by language (empty: every other one).
    """

    brand: Brand
    zone: str = "UTC"
    locale: str = "en"
    currency: Currency = "USD"
    sending_hours: SendingHours = SendingHours()
    no_send: NoSendDays = NoSendDays()
    attribution_window: Period = Period(7, "d")
    channels: Mapping[str, ChannelPolicy] = Field(default_factory=dict)
    caps: tuple[Cap, ...] = ()
    budgets: tuple[Budget, ...] = ()
    rates: tuple[Rate, ...] = ()
    holdout: Share = Decimal(0)
    staff: Staff = Staff()
    desk: Desk = Desk()
    utm: Utm = Utm()
    mode: Literal["live", "allowlist"] = "live"
    allowlist: Words = frozenset()
    approval: bool = False
    consent_document: str = ""
    topics: Mapping[Name, Mapping[str, str]] = Field(default_factory=dict)

    def topic(self, name: str, locale: str) -> str:
        """What a topic is called for a reader of ``locale``; empty where nobody says."""
        words = self.topics.get(name, {})
        language = locale.replace("_", "-").partition("-")[0].lower()
        return words.get(language) or words.get("") or next(iter(words.values()), "")

    def policy(self, channel: str) -> ChannelPolicy:
        """The channel's policy, or the default one."""
        return self.channels.get(channel, ChannelPolicy())

    def budget(self, name: str) -> Budget | None:
        """The shared budget of that name."""
        return next((budget for budget in self.budgets if budget.name == name), None)
