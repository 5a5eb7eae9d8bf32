"""Health in words: what is found, how long something takes, how many wait."""

from datetime import datetime, timedelta
from typing import Any

from core import catalogue
from desk.campaigns.words import isolated
from desk.health.judging import Finding
from desk.health.reading import MOST, Queue
from desk.rendering import Reader


class HealthWords:
    """For one reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def say(self, name: str, /, **values: object) -> str:
        """A text of this room."""
        return self._reader.say(f"health_{name}", **{key: self._told(key, value) for key, value in values.items()})

    def finding(self, found: Finding) -> str:
        """What is to be seen to, and what to do."""
        return self.say(f"is_{found.name}", **found.values)

    def lasting(self, span: timedelta) -> str:
        """How long it is, rounded."""
        from babel.dates import format_timedelta

        language = catalogue.language_of(self._reader.locale)
        return self._reader.number(format_timedelta(span, threshold=1.5, locale=language))

    def lasting_seconds(self, seconds: float) -> str:
        """As :meth:`lasting`."""
        return self.lasting(timedelta(seconds=seconds))

    def count(self, number: int) -> str:
        """A number with its thousands apart; what was not counted to its end says so."""
        from babel.numbers import format_decimal

        language = catalogue.language_of(self._reader.locale)
        told = self._reader.number(format_decimal(min(number, MOST), locale=language, numbering_system="latn"))
        return self._reader.say("health_over", number=told) if number > MOST else told

    def waits(self, queue: Queue, now: datetime) -> str:
        """How many and for how long."""
        if not queue.depth:
            return self._reader.say("health_none")
        oldest = queue.oldest if queue.oldest is not None else now
        return self.say("since", number=queue.depth, time=max(now - oldest, timedelta(0)))

    def _told(self, key: str, value: object) -> Any:
        if isinstance(value, timedelta):
            return self.lasting(value)
        if isinstance(value, datetime):
            return self._reader.exact(value)
        if isinstance(value, int | float):
            return self.count(int(value)) if float(value).is_integer() else self._reader.number(f"{value:.2g}")
        if key == "channel":
            return self._reader.channel(str(value))
        return isolated(str(value)) if self._reader.direction == "rtl" else value
