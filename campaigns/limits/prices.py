"""What messages may cost: the ceilings of ``otklik.yaml``, by channel, country and part, in the workspace's currency.

A price in a provider's currency is converted by the newest rate that is in force on the day (before the first: by that
one); every step rounds up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal

from campaigns.definition import WorkspaceConfig
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
        known = sorted(
            (rate for rate in self.config.rates if rate.currency == currency), key=lambda rate: rate.from_day
        )
        if not known:
            raise ConfigurationError(_no_rate(self.config, currency, what))
        in_force = [rate for rate in known if rate.from_day <= self.day]
        return (in_force[-1] if in_force else known[0]).rate


def price_problems(config: WorkspaceConfig) -> Iterator[tuple[str, str]]:
    """What ``check`` says of prices that cannot be converted: (key in ``otklik.yaml``, words)."""
    rated = {rate.currency for rate in config.rates}
    for channel, policy in config.channels.items():
        if policy.currency not in ("", config.currency, *rated):
            where = f"channels.{channel}"
            yield where, _no_rate(config, policy.currency, where)


def _no_rate(config: WorkspaceConfig, currency: str, what: str) -> str:
    return (
        f"otklik.yaml: {what} is priced in {currency}, the workspace counts in {config.currency}, and there is no rate "
        f"for {currency}; add one, what it is worth from a day on: rates: [{{from: 2026-01-01, {currency}: …}}]"
    )
