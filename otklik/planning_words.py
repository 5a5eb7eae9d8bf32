"""The words and numbers of a plan, in the reader's language."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from campaigns.forecast.walking import GateKey
from core.catalogue import language_of, text
from core.money import MICRO
from otklik.reasons import reason_in_words

_BUDGET = re.compile(r"budget: (\S+) instead of (\S+)")
_OVER = re.compile(r"over (\d+) a day")
_CODES = re.compile(r"offer (\S+) has no codes left")
_PROMISED = re.compile(r"(\S+) is promised already.*")
_EXPIRED = re.compile(r"(?:(.+): )?past its expires")
_ONE_CHANNEL = re.compile(r"(\w+): ([^;]+)")
"""How :mod:`campaigns.engine` says it."""
_OWN = frozenset({"sending_hours", "cap", "live_chat", "budget"})
_FEW = 10


class Words:
    """Says things of a plan in one language; instants are on the clock of ``zone``, money in ``currency``."""

    def __init__(self, lang: str, zone: ZoneInfo, currency: str) -> None:
        self._lang = language_of(lang)
        self._zone = zone
        self._currency = currency

    def say(self, key: str, **values: object) -> str:
        """The text ``plan.KEY``."""
        return text(self._lang, f"plan.{key}", **values)

    def number(self, value: float, *, mean: bool = False) -> str:
        """A whole number; a ``mean`` that is small keeps a digit more."""
        from babel.numbers import format_decimal

        form = "#,##0.#" if mean and value < _FEW else "#,##0"
        return str(format_decimal(round(value, 1) if mean else round(value), form, locale=self._lang))

    def money(self, micros: float) -> str:
        """An amount in the workspace's currency."""
        from babel.numbers import format_currency

        amount = (Decimal(round(micros)) / MICRO).quantize(Decimal("0.01"))
        return str(format_currency(amount, self._currency, locale=self._lang))

    def share(self, value: float) -> str:
        """A share of the whole in percent."""
        from babel.numbers import format_percent

        return str(format_percent(value, "#,##0.#%", locale=self._lang))

    def instant(self, at: datetime) -> str:
        """A minute on the organisation's clock."""
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M} ({self._zone.key})"

    def leg(self, step: str, leg: str) -> str:
        """A step, with its leg where that is not the main one."""
        if leg in ("", "main"):
            return step
        return f"{step} ({self.say('otherwise') if leg == 'otherwise' else leg})"

    def gate(self, key: GateKey) -> str:
        """Why a step went another way."""
        return self.reason(key.reason)

    def reason(self, reason: str) -> str:
        """What the engine noted, in words."""
        patterns: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
            (_BUDGET, lambda found: self.say("reason.budget_instead", new=found[1], old=found[2])),
            (_OVER, lambda found: self.say("reason.over", number=self.number(int(found[1])))),
            (_CODES, lambda found: self.say("reason.codes", offer=found[1])),
            (_PROMISED, lambda found: self.say("reason.promised", product=found[1])),
            (_EXPIRED, self._expired),
        )
        for pattern, words in patterns:
            if (found := pattern.fullmatch(reason)) is not None:
                return words(found)
        if reason in _OWN:
            return self.say(f"reason.{reason}")
        if reason == "no offer is meant for this customer":
            return self.say("reason.offer")
        parts = reason.split("; ")
        if all(_ONE_CHANNEL.fullmatch(part) for part in parts):  # of each channel that `best` may take
            pairs = (part.partition(": ") for part in parts)
            return "; ".join(f"{channel}: {reason_in_words(why, self._lang)}" for channel, _, why in pairs)
        return reason_in_words(reason, self._lang)

    def _expired(self, found: re.Match[str]) -> str:
        return self.say("reason.expires", reason=self.reason(found[1])) if found[1] else self.say("reason.late")
