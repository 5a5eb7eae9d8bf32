"""Numbers, money and times as the reader of a page writes them: their digits, their separators, their calendar."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from campaigns.periods import Period, zone_named
from campaigns.templates.localised import local_date, local_digits
from core import catalogue
from core.money import MICRO, Money
from desk.rendering import Reader

_UNITS = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures for one reader. Everything comes back as plain text."""

    reader: Reader

    @property
    def language(self) -> str:
        """The language that we speak with the reader."""
        return catalogue.language_of(self.reader.locale)

    def whole(self, number: float) -> str:
        """A count: 1,240."""
        return self.decimal(round(number), "#,##0")

    def decimal(self, number: float, form: str) -> str:
        """A number by a pattern of CLDR."""
        from babel.numbers import format_decimal

        text = format_decimal(number, format=form, locale=self.language, numbering_system="default")
        return local_digits(str(text), self.language)

    def share(self, share: float, form: str = "0.0%") -> str:
        """A share of one: 12.5%."""
        from babel.numbers import format_percent

        text = format_percent(share, format=form, locale=self.language, numbering_system="default")
        written = local_digits(str(text), self.language)
        # CLDR writes the sign of the digits that it took; ours become Persian only here
        return written.replace("%", "\N{ARABIC PERCENT SIGN}") if self.language == "fa" else written

    def money(self, money: Money) -> str:
        """An amount in its currency."""
        from babel.numbers import format_currency

        amount = Decimal(money.micros) / MICRO
        if not money.currency:
            return self.decimal(float(amount), "#,##0.00")
        text = format_currency(amount, money.currency, locale=self.language, numbering_system="default")
        return local_digits(str(text), self.language)

    def day(self, day: date) -> str:
        """A day of the reader's calendar, with its year."""
        return local_date(day, self.language)

    def moment(self, instant: datetime) -> str:
        """Day and time in the reader's zone."""
        local = instant.astimezone(zone_named(self.reader.zone))
        return catalogue.listed(self.language, (self.day(local.date()), self.reader.clock(instant)))

    def period(self, period: Period) -> str:
        """A length of time: 3 days."""
        from babel.units import format_unit

        length: Literal["long", "short"] = "short" if self.language == "fa" else "long"  # CLDR has no long ones there
        unit = f"duration-{_UNITS[period.unit]}"
        text = format_unit(period.amount, unit, length=length, locale=self.language, numbering_system="default")
        return local_digits(str(text), self.language)

    def hours(self, hours: float) -> str:
        """About how long that is, in days from two of them on."""
        return self.period(Period(round(hours / 24), "d") if hours >= 48 else Period(max(round(hours), 1), "h"))
