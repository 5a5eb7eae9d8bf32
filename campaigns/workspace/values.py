"""The small words of a workspace: times, days, shares, money. Each parser's ValueError is for the marketer."""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from campaigns.definition import Quota
from campaigns.periods import Period, zone_named

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_URL = re.compile(r"https?://[^\s<>\"']{1,500}")
_AMOUNT = re.compile(
    r"(?P<number>\d{1,3}(?:[ _]\d{3})+(?:\.\d{1,6})?|\d{1,12}(?:\.\d{1,6})?)(?: *(?P<currency>[A-Za-z]{3}))?"
)
_QUOTA = re.compile(r"(\d{1,6}) */ *(d|day)")
_PACE = re.compile(r"(\d{1,9}) */ *(h|hour)")
_OFFSET = re.compile(r"(?P<sign>[+-]?) *(?P<period>\d{1,5} *(?:d|w|mo|y))")


def clock(text: str) -> str:
    """A time of day, ``HH:MM``."""
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a time of day; write one such as 08:00")
    return text


def currency(text: str) -> str:
    """An ISO 4217 code."""
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError(f"{text[:40]!r} is not a currency; write its three letters, such as EUR")
    return text


def country(text: str) -> str:
    """An ISO 3166 code of two capitals."""
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError(f"{text[:40]!r} is not a country; write two capitals such as DE")
    return text


def web_address(text: str) -> str:
    """An address that begins with ``http``."""
    if not _URL.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a web address; write one that begins with https://")
    return text


def zone(text: str) -> str:
    """``organisation``, ``customer`` or an IANA name."""
    return text if text in ("organisation", "customer") else str(zone_named(text))


def day(text: str) -> date:
    """A day such as ``2026-12-01``."""
    wrong = f"{text[:80]!r} is not a day; write one such as 2026-12-01"
    if len(text) != 10:  # fromisoformat also reads 20261201 and weeks
        raise ValueError(wrong)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(wrong) from None


def local_instant(text: str) -> datetime:
    """A wall time without a zone, such as ``2026-12-01T10:00``."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is not None or len(text) < 16:
        hint = "write one such as 2026-12-01T10:00 (the zone goes in zone:)"
        raise ValueError(f"{text[:80]!r} is not a local time; {hint}")
    return instant


def weekday(text: str) -> int:
    """``mon`` … ``sun`` (or the whole English word) as 0 … 6."""
    short = text[:3].lower()
    if short not in WEEKDAYS or text.lower() not in (short, _LONG[short]):
        raise ValueError(f"{text[:40]!r} is not a weekday; write some of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(short)


_LONG = dict(
    zip(
        WEEKDAYS,
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        strict=True,
    )
)


def share(text: str) -> Decimal:
    """``10%`` or ``0.1``, as a part of one."""
    number, percent = text.removesuffix("%").strip(), text.endswith("%")
    wrong = f"{text[:40]!r} is not a share; write one such as 10%"
    if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", number):
        raise ValueError(wrong)
    part = Decimal(number) / 100 if percent else Decimal(number)
    if part > 1:
        raise ValueError(
            f"{text[:40]!r} is more than the whole; " + ("100% is the most" if percent else f"is {number}% meant?")
        )
    if part != round(part, 6):
        raise ValueError(f"{text[:40]!r} is too fine; four decimals of a per cent are the most")
    return plain_number(part)


def plain_number(number: Decimal) -> Decimal:
    """The same number in its shortest form, so that 10% and 10.0% are one in a version's hash."""
    return Decimal(format(number.normalize(), "f"))


def amount(text: str) -> tuple[Decimal, str]:
    """``5000 RUB`` as a number and its currency (empty where none is written)."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        hint = "write a number and a currency, such as 5000 RUB or 49.90 EUR"
        raise ValueError(f"{text[:40]!r} is not an amount of money; {hint}")
    try:
        number = Decimal(match["number"].replace(" ", "").replace("_", ""))
    except InvalidOperation:  # pragma: no cover  the form was matched
        raise ValueError(f"{text[:40]!r} is not an amount of money") from None
    return plain_number(number), currency((match["currency"] or "").upper()) if match["currency"] else ""


def looks_like_money(text: str) -> bool:
    """Whether an amount is meant, not a name."""
    return _AMOUNT.fullmatch(text.strip()) is not None


def quota(text: str) -> Quota:
    """``20/day``."""
    match = _QUOTA.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError(f"{text[:40]!r} is not a quota; write how many a day, such as 20/day")
    return Quota(number=int(match[1]))


def per_hour(text: str) -> int:
    """``2000/h``."""
    match = _PACE.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError(f"{text[:40]!r} is not a pace; write how many an hour, such as 2000/h, or {{share: 50%}}")
    return int(match[1])


def offset(text: str) -> tuple[Period, bool]:
    """``-3d`` as a period and whether it lies before the day."""
    match = _OFFSET.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an offset; write one such as -3d (before), 0d or 2w (after)")
    return Period.parse(match["period"]), match["sign"] == "-"


def reentry(text: str) -> Period | None:
    """``never`` (None) or ``after 1mo``."""
    if text == "never":
        return None
    if not text.startswith("after "):
        raise ValueError(f"{text[:80]!r} is no re-entry; write never, or after and a period, such as after 1mo")
    return Period.parse(text.removeprefix("after "))


def crontab(text: str) -> str:
    """A rule of five crontab fields that fires some time."""
    from cronsim import CronSim, CronSimError

    try:
        # Any start will do: only the form is checked, and that the rule ever fires.
        next(CronSim(text, datetime(2026, 1, 1)))  # noqa: DTZ001  a wall clock
    except CronSimError as error:
        hint = "write minute hour day month weekday, such as 0 10 1 * *"
        raise ValueError(f"{text[:80]!r} is not a crontab rule ({error}); {hint}") from None
    except StopIteration:
        raise ValueError(f"{text[:80]!r} never fires") from None
    return text
