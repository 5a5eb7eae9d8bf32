"""Days as people type them: ISO, with dots or slashes, by the month's name, today and tomorrow; Jalali where it is one.

A year from 1200 to 1599 is of the Jalali calendar, and so is a date without a year from a Persian reader.
"""

import re
from datetime import date, timedelta

from core.catalogue import language_of
from core.text import folded

_NUMBERS = re.compile(r"(\d{1,4})\s*[-./]\s*(\d{1,2})(?:\s*[-./]\s*(\d{1,4}))?\.?")
_NAMED = re.compile(
    r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th|-?го|\.)?\s+(?:of\s+)?)?(?P<month>[^\W\d]+(?: [^\W\d]+)??)\.?"
    r"(?:\s+(?P<later>\d{1,2})(?:st|nd|rd|th)?(?!\d))?,?(?:\s+(?P<year>\d{4}))?(?:\s*(?:г\.?|года))?"
)
_RELATIVE = {
    "today": 0, "tomorrow": 1, "yesterday": -1, "day after tomorrow": 2, "the day after tomorrow": 2,
    "сегодня": 0, "завтра": 1, "вчера": -1, "послезавтра": 2, "позавчера": -2,
    "امروز": 0, "فردا": 1, "دیروز": -1, "پس فردا": 2, "پسفردا": 2, "پریروز": -2,
}  # fmt: skip
_MONTHS = (
    ("january", "jan", "январь", "января", "янв", "ژانویه"), ("february", "feb", "февраль", "февраля", "фев", "فوریه"),
    ("march", "mar", "март", "марта", "мар", "مارس"), ("april", "apr", "апрель", "апреля", "апр", "آوریل"),
    ("may", "май", "мая", "مه", "می"), ("june", "jun", "июнь", "июня", "июн", "ژوئن"),
    ("july", "jul", "июль", "июля", "июл", "ژوئیه", "جولای"), ("august", "aug", "август", "августа", "авг", "اوت"),
    ("september", "sep", "sept", "сентябрь", "сентября", "сен", "سپتامبر"),
    ("october", "oct", "октябрь", "октября", "окт", "اکتبر"), ("november", "nov", "ноябрь", "ноября", "ноя", "نوامبر"),
    ("december", "dec", "декабрь", "декабря", "дек", "دسامبر"),
)  # fmt: skip
_JALALI_MONTHS = (
    ("فروردین", "farvardin"), ("اردیبهشت", "ordibehesht"), ("خرداد", "khordad"), ("تیر", "tir"),
    ("مرداد", "امرداد", "mordad"), ("شهریور", "shahrivar"), ("مهر", "mehr"), ("آبان", "aban"), ("آذر", "azar"),
    ("دی", "dey"), ("بهمن", "bahman"), ("اسفند", "esfand"),
)  # fmt: skip
_BY_NAME = {folded(name): number for number, names in enumerate(_MONTHS, 1) for name in names}
_JALALI_BY_NAME = {folded(name): number for number, names in enumerate(_JALALI_MONTHS, 1) for name in names}
_JALALI_YEARS = range(1200, 1600)


def day_in(text: str, *, today: date, locale: str, past: bool = False) -> date | None:
    """The day that ``text`` names, or None.

    Without a year it is the next such day, or, where ``past``, the last one. American readers write the month first.
    """
    said = folded(text[:100]).strip(" .!؟?،,")
    if said in _RELATIVE:
        return today + timedelta(days=_RELATIVE[said])
    numbers = _NUMBERS.fullmatch(said)
    if numbers is not None:
        return _by_numbers(numbers[1], numbers[2], numbers[3] or "", today=today, locale=locale, past=past)
    named = _NAMED.fullmatch(said)
    if named is None or not (named["day"] or named["later"]):
        return None
    day, year = int(named["day"] or named["later"]), int(named["year"] or 0)
    if (month := _JALALI_BY_NAME.get(named["month"])) is not None:
        return _dated(year, month, day, jalali=True, today=today, past=past)
    if (month := _BY_NAME.get(named["month"])) is not None:
        return _dated(year, month, day, jalali=False, today=today, past=past)
    return None


def _by_numbers(first: str, second: str, third: str, *, today: date, locale: str, past: bool) -> date | None:
    persian = language_of(locale) == "fa"
    if len(first) > 2:  # 2026-12-01, 1405/09/10
        if not third or len(first) != 4:
            return None
        year, month, day = int(first), int(second), int(third)
        return _dated(year, month, day, jalali=year in _JALALI_YEARS, today=today, past=past)
    if not third:
        month, day = (int(first), int(second)) if persian or _month_first(locale) else (int(second), int(first))
        return _dated(0, month, day, jalali=persian, today=today, past=past)
    if len(third) not in (2, 4):
        return None
    year = int(third)
    if len(third) == 2:
        year += 2000 if year <= today.year - 2000 + 20 else 1900
    month, day = (int(first), int(second)) if _month_first(locale) else (int(second), int(first))
    return _dated(year, month, day, jalali=year in _JALALI_YEARS, today=today, past=past)


def _month_first(locale: str) -> bool:
    return locale.replace("_", "-").casefold() == "en-us"


def _dated(year: int, month: int, day: int, *, jalali: bool, today: date, past: bool) -> date | None:
    """That day; ``year`` 0 is the nearest that comes, or that was."""
    if year:
        return _made(year, month, day, jalali=jalali)
    this_year = _jalali_year(today) if jalali else today.year
    # a 29th of February may be years away
    for years in range(9):
        found = _made(this_year + (-years if past else years), month, day, jalali=jalali)
        if found is not None and (found <= today if past else found >= today):
            return found
    return None


def _made(year: int, month: int, day: int, *, jalali: bool) -> date | None:
    try:
        if not jalali:
            return date(year, month, day)
        import jdatetime

        made: date = jdatetime.date(year, month, day).togregorian()
        return made
    except ValueError:
        return None


def _jalali_year(today: date) -> int:
    import jdatetime

    return int(jdatetime.date.fromgregorian(date=today).year)
