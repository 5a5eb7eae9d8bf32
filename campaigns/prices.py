"""What messages may cost: the ceilings of ``otklik.yaml``, by channel, country and part, in the workspace's currency.

A price in a provider's currency is converted by the newest rate that is not younger than the day; every step rounds up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal

from campaigns.definition import ChannelPolicy, WorkspaceConfig
from campaigns.periods import zone_named
from core.errors import ConfigurationError
from core.money import MICRO


@dataclass(slots=True)
class PriceList:
    """The prices of one day. Make it with :meth:`of`."""

    config: WorkspaceConfig
    day: date
    _units: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, config: WorkspaceConfig, at: datetime) -> "PriceList":
        """The prices at ``at``, whose day is the organisation's."""
        return cls(config, at.astimezone(zone_named(config.zone)).date())

    def price(self, channel: str, country: str = "", parts: int = 1) -> int:
        """The ceiling of one message in micro-units of the workspace's currency.

        ``country`` (ISO 3166 alpha-2, empty: not known) may have a price of its own; ``parts`` are SMS segments.

        Raises:
            ConfigurationError: if the channel's prices are in a currency that has no rate on this day.
        """
        key = channel, country
        unit = self._units.get(key)
        if unit is None:
            policy = self.config.policy(channel)
            text = policy.prices.get(country, policy.price)
            unit = self._units[key] = self.converted(Decimal(text), policy.currency, f"channels.{channel}")
        return unit * parts

    def converted(self, amount: Decimal, currency: str, what: str) -> int:
        """``amount`` (whole units of ``currency``, the workspace's where empty) in micro-units of the workspace's.

        Raises:
            ConfigurationError: if there is no rate; ``what`` says where the amount stands.
        """
        rate = Decimal(1) if currency in ("", self.config.currency) else self._rate(currency, what)
        return int((amount * rate * MICRO).to_integral_value(ROUND_CEILING))

    def _rate(self, currency: str, what: str) -> Decimal:
        known = [rate for rate in self.config.rates if rate.currency == currency and rate.from_day <= self.day]
        if not known:
            raise ConfigurationError(_no_rate(self.config, currency, what, self.day))
        return max(known, key=lambda rate: rate.from_day).rate


def price_problems(config: WorkspaceConfig, day: date) -> Iterator[tuple[str, str]]:
    """What ``check`` says of prices that cannot be converted on ``day``: (key in ``otklik.yaml``, words)."""
    for channel, policy in config.channels.items():
        if not _is_foreign(policy, config):
            continue
        if not any(rate.currency == policy.currency and rate.from_day <= day for rate in config.rates):
            where = f"channels.{channel}"
            yield where, _no_rate(config, policy.currency, where, day)


def _is_foreign(policy: ChannelPolicy, config: WorkspaceConfig) -> bool:
    return policy.currency not in ("", config.currency)


def _no_rate(config: WorkspaceConfig, currency: str, what: str, day: date) -> str:
    return (
        f"otklik.yaml: {what} is priced in {currency}, the workspace counts in {config.currency}, and no rate for "
        f"{currency} is in force on {day}; add one under rates: {{from: {day}, currency: {currency}, rate: …}}"
    )
