"""The words and numbers of a plan, in the reader's language."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from campaigns.reporting.reasons import reason_in_words
from core.catalogue import language_of, listed, text
from core.money import MICRO
from core.naming import channel_named

_FEW = 10
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_RIGHT_TO_LEFT, _LEFT_TO_RIGHT, _END = "\u2067", "\u2066", "\u2069"
"""Isolates: a terminal that orders bidirectional text would otherwise mix up numbers with what stands beside them."""


def rounded(value: float, *, mean: bool = False) -> float:
    """As it is shown: whole; a ``mean`` that is small keeps a digit more."""
    return round(value, 1) if mean and value < _FEW else round(value)


class Words:
    """Says things of a plan in one language; instants are on the clock of ``zone``, money in ``currency``."""

    def __init__(self, lang: str, zone: ZoneInfo, currency: str) -> None:
        self._lang = language_of(lang)
        self._zone = zone
        self._currency = currency

    def say(self, key: str, **values: object) -> str:
        """The text ``plan.KEY``."""
        return self._isolated(text(self._lang, f"plan.{key}", **values))

    def number(self, value: float, *, mean: bool = False) -> str:
        """A whole number; a ``mean`` that is small keeps a digit more."""
        from babel.numbers import format_decimal

        told = format_decimal(rounded(value, mean=mean), "#,##0.#", locale=self._lang, numbering_system="default")
        return self._digits(told)

    def money(self, micros: float) -> str:
        """An amount in the workspace's currency."""
        from babel.numbers import format_currency

        amount = (Decimal(round(micros)) / MICRO).quantize(Decimal("0.01"))
        told = format_currency(amount, self._currency, locale=self._lang, numbering_system="default")
        return self._left_to_right(self._digits(told))

    def share(self, value: float) -> str:
        """A share of the whole in percent."""
        from babel.numbers import format_percent

        return self._digits(format_percent(value, "#,##0.#%", locale=self._lang, numbering_system="default"))

    def instant(self, at: datetime) -> str:
        """A minute on the organisation's clock."""
        return self._left_to_right(f"{at.astimezone(self._zone):%Y-%m-%d %H:%M} ({self._zone.key})")

    def leg(self, step: str, leg: str) -> str:
        """A step, with its leg where that is not the main one."""
        if leg in ("", "main"):
            return step
        return f"{step} ({self.say('otherwise') if leg == 'otherwise' else leg})"

    def reason(self, reason: str) -> str:
        """What the engine noted, in words."""
        return self._isolated(reason_in_words(reason, self._lang))

    def channel(self, channel: str) -> str:
        """A channel by its name."""
        return channel_named(self._lang, channel)

    def listed(self, items: Iterable[str], *, apart: bool = False) -> str:
        """Several beside each other; ``apart`` where they hold commas."""
        return listed(self._lang, items, apart=apart)

    def counted(self, words: str, count: str) -> str:
        """``no consent 21``: one of several beside each other."""
        return self._isolated(f"{words} {count}")

    @property
    def _rtl(self) -> bool:
        return self._lang == "fa"

    def _digits(self, told: str) -> str:
        # Babel brings the separators of a numbering system, but leaves the digits Latin.
        return str(told).translate(_PERSIAN) if self._rtl else str(told)

    def _isolated(self, told: str) -> str:
        return f"{_RIGHT_TO_LEFT}{told}{_END}" if self._rtl else told

    def _left_to_right(self, told: str) -> str:
        return f"{_LEFT_TO_RIGHT}{told}{_END}" if self._rtl else told
