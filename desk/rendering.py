"""Pages of the desk: Jinja templates, texts in the agent's language, times in their zone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from campaigns.periods import zone_named
from campaigns.templates.localised import local_date, local_digits
from core import catalogue, naming
from core.clock import machine_now

HERE = Path(__file__).parent
RIGHT_TO_LEFT = frozenset({"fa"})
STATIC = HERE / "static"

HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
"""Nothing is loaded from, told to, or framed by anybody else."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: their language, their zone, and how they are named."""

    locale: str
    zone: str

    @property
    def direction(self) -> str:
        return "rtl" if catalogue.language_of(self.locale) in RIGHT_TO_LEFT else "ltr"

    def say(self, name: str, /, **values: object) -> str:
        """A text of the desk's catalogue."""
        return catalogue.text(self.locale, f"desk.{name}", **values)

    def refusal(self, error: Exception) -> str:
        """Why something was refused, in their language; as it was raised where the catalogue has no words for it."""
        try:
            given = getattr(error, "values", {}).items()
            values = {
                name: self.number(value) if isinstance(value, int) and name != "count" else value
                for name, value in given
            }
            return self.say(f"refused_{getattr(error, 'name', '')}", **values)
        except KeyError:
            return str(error)

    def number(self, value: object) -> str:
        """In the reader's numerals."""
        return local_digits(str(value), self.locale)

    def channel(self, name: str) -> str:
        """A channel's name in their language; one that a plugin brought is named as it names itself."""
        return naming.channel_named(self.locale, name)

    def called(self, name: str, customer_id: str, *, visitor: bool = False) -> str:
        """A customer by name; one without by a mark that stays theirs, such as "visitor 3F2A" of the web chat."""
        return naming.called(self.locale, name, customer_id, visitor=visitor)

    def clock(self, instant: datetime) -> str:
        """The time of day in their zone."""
        return self.number(f"{instant.astimezone(zone_named(self.zone)):%H:%M}")

    def size(self, size: int) -> str:
        """What a file of ``size`` bytes weighs, as they say it."""
        from babel.units import format_unit

        large = size >= 100_000
        amount = round(size / 1_000_000, 1) if large else max(1, round(size / 1000))
        unit, language = f"digital-{'mega' if large else 'kilo'}byte", catalogue.language_of(self.locale)
        length: Literal["long", "short"] = "long" if language == "fa" else "short"  # CLDR's short ones are half English
        return self.number(format_unit(amount, unit, length=length, locale=language, numbering_system="default"))

    def exact(self, instant: datetime) -> str:
        """Day and time in their zone, for hovering over."""
        return _exact(instant, self.locale, self.zone)

    def time(self, instant: datetime | None) -> Markup:
        """A ``<time>`` that the page's script turns into how long ago it was."""
        if instant is None:
            return Markup("")
        exact, brief = escape(self.exact(instant)), escape(self.brief(instant))
        return Markup(f'<time datetime="{instant.isoformat()}" title="{exact}">{brief}</time>')  # noqa: S704  escaped

    def brief(self, instant: datetime) -> str:
        """The time of day, or the day where it was not within the last twenty hours: for pages without the script."""
        if abs(machine_now() - instant) < timedelta(hours=20):
            return self.clock(instant)
        from babel.dates import format_skeleton

        local = instant.astimezone(zone_named(self.zone))
        if self.direction == "rtl":  # another calendar, whose months have no short names
            return local_date(local.date(), self.locale, "day")
        return self.number(format_skeleton("MMMd", local, locale=self.locale.replace("-", "_")))


@lru_cache(maxsize=4096)
def _exact(instant: datetime, locale: str, zone: str) -> str:
    from babel.dates import format_datetime

    local = instant.astimezone(zone_named(zone))
    if catalogue.language_of(locale) == "fa":
        return f"{local_date(local.date(), locale)}، {local_digits(f'{local:%H:%M:%S}', locale)}"
    return str(format_datetime(local, "medium", locale=locale.replace("-", "_")))


def rendered(template: str, reader: Reader, **values: Any) -> str:
    """A template's text."""
    made: str = _environment().get_template(template).render(
        reader=reader, say=reader.say, number=reader.number, time=reader.time,
        channel_name=reader.channel, called=reader.called, **values
    )  # fmt: skip
    return made


def page(template: str, reader: Reader, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page, with its headers."""
    return HTMLResponse(rendered(template, reader, **values), status, dict(HEADERS))


def asset(name: str) -> str:
    """The address of a static file, with its content's mark: it may be kept for ever."""
    return f"/desk/static/{name}?v={_marks(name)}"


@lru_cache(maxsize=64)
def _marks(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals["asset"] = asset
    return environment
