"""Filters that write as the reader does: dates, times, money, numbers, plurals. The locale is the render's.

Persian readers get the Jalali calendar and Persian digits. Separators that a provider would not count as plain text are
the channel's matter, not the filter's.
"""

from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context

from campaigns.templates.values import bounded, decimal_of, text_of

_PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_JALALI_MONTHS = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند",
)  # fmt: skip
_LATIN_JALALI_MONTHS = (
    "Farvardin", "Ordibehesht", "Khordad", "Tir", "Mordad", "Shahrivar", "Mehr", "Aban", "Azar", "Dey", "Bahman",
    "Esfand",
)  # fmt: skip
_WEEKDAYS = ("دوشنبه", "سه‌شنبه", "چهارشنبه", "پنجشنبه", "جمعه", "شنبه", "یکشنبه")
_STYLES = ("short", "medium", "long", "full", "day")
_CALENDARS = ("gregorian", "jalali")
_RIALS_IN_A_TOMAN = 10
_CATEGORIES = ("zero", "one", "two", "few", "many", "other")
_STAND_INS = {"other": ("few", "many", "one"), "few": ("many", "other"), "many": ("other", "few")}
"""Which form serves where a language asks for one that is not given: 1.5 in Russian is ``other``, written as few."""


@pass_context
def date_text(context: Context, value: Any, *words: str) -> str:
    """An ISO date or instant as the reader writes dates.

    ``words``, in any order: a style (short, medium, long, full, day: without the year) and a calendar (gregorian,
    jalali; by default the reader's own, Jalali in Persian).
    """
    text = text_of(value)
    if not text:
        return ""
    style, calendar = "long", ""
    for word in words:
        if word in _STYLES:
            style = word
        elif word in _CALENDARS:
            calendar = word
        else:
            known = ", ".join((*_STYLES, *_CALENDARS))
            raise SecurityError(f"date has no style or calendar {word!r}; write some of {known}")
    return _date(_instant(text).date(), style, calendar, _locale(context))


@pass_context
def time_text(context: Context, value: Any) -> str:
    """The time of day of an ISO instant, as the reader writes it: 2:05 PM, 14:05, ۱۴:۰۵."""
    text = text_of(value)
    return _time(_instant(text).time(), _locale(context)) if text else ""


@pass_context
def money(context: Context, value: Any, currency: str = "") -> str:
    """An amount in the workspace's currency (or the one named), as the reader writes it."""
    amount = decimal_of(value)
    if amount is None:
        return ""
    return _money(amount, text_of(currency or context.get("_currency") or "USD"), _locale(context))


@pass_context
def toman(context: Context, value: Any) -> str:
    """An amount in rials (IRR) as tomans, ten rials each, as prices are told in Iran."""
    amount = decimal_of(value)
    if amount is None:
        return ""
    whole = (amount / _RIALS_IN_A_TOMAN).quantize(Decimal(1))
    locale = _locale(context)
    word = {"fa": "تومان", "ru": _plural(whole, "ru", {"one": "томан", "few": "томана", "many": "томанов"})}
    return f"{_number(whole, locale)}\u00a0{word.get(locale.partition('-')[0], 'toman')}"


@pass_context
def number(context: Context, value: Any) -> str:
    """A number with the reader's digits and separators."""
    amount = decimal_of(value)
    return "" if amount is None else _number(amount, _locale(context))


@pass_context
def digits(context: Context, value: Any) -> str:
    """A text with the reader's digits: a telephone number, an order's number."""
    return _own_digits(text_of(value), _locale(context))


@pass_context
def plural(context: Context, value: Any, *pair: str, **forms: str) -> str:
    """The form that goes with a number in the reader's language; ``#`` in it becomes the number.

    ``forms`` are CLDR's: ``plural(one="# book", other="# books")``; English may write ``plural("book", "books")``.
    """
    amount = decimal_of(value)
    if amount is None:
        return ""
    if pair:
        forms = {**dict(zip(("one", "other"), pair, strict=False)), **forms}
    wrong = [name for name in forms if name not in _CATEGORIES]
    if wrong or not forms or len(pair) > 2:
        said = f"has no form {wrong[0]!r}" if wrong else "takes forms by name"
        raise SecurityError(f"plural {said}; write such as plural(one=…, few=…, many=…, other=…)")
    locale = _locale(context)
    written = {name: text_of(form) for name, form in forms.items()}
    return bounded(_plural(amount, locale, written).replace("#", _number(amount, locale)))


def _locale(context: Context) -> str:
    return str(context.get("_locale") or "en")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SecurityError(f"{text[:40]!r} is not a date") from None


@lru_cache(maxsize=256)
def _babel_locale(locale: str) -> str:
    from babel import Locale, UnknownLocaleError

    language, _, territory = locale.replace("_", "-").partition("-")
    for code in (f"{language.lower()}_{territory.upper()}", language.lower()):
        try:
            return str(Locale.parse(code))
        except (UnknownLocaleError, ValueError):
            continue
    return "en"


def local_date(day: date, locale: str, style: Literal["long", "day"] = "long") -> str:
    """A day as a reader of ``locale`` writes it, in their calendar; ``day`` leaves the year out."""
    return _date(day, style, "", locale)


def local_digits(text: str, locale: str) -> str:
    """``text`` with the digits of ``locale``."""
    return _own_digits(text, locale)


@lru_cache(maxsize=4096)
def _date(day: date, style: str, calendar: str, locale: str) -> str:
    persian = _is_persian(locale)
    if calendar == "jalali" or (persian and not calendar):
        return _jalali(day, style, persian=persian)
    from babel.dates import format_date, format_skeleton

    if style == "day":
        return _own_digits(format_skeleton("MMMMd", day, locale=_babel_locale(locale)), locale)
    return _own_digits(format_date(day, style, locale=_babel_locale(locale)), locale)


def _jalali(day: date, style: str, *, persian: bool) -> str:
    import jdatetime

    own = jdatetime.date.fromgregorian(date=day)
    month = (_JALALI_MONTHS if persian else _LATIN_JALALI_MONTHS)[own.month - 1]
    match style:
        case "short":
            text = f"{own.year}/{own.month:02}/{own.day:02}"
        case "day":
            text = f"{own.day} {month}"
        case "full" if persian:
            text = f"{_WEEKDAYS[day.weekday()]} {own.day} {month} {own.year}"
        case _:
            text = f"{own.day} {month} {own.year}"
    return text.translate(_PERSIAN_DIGITS) if persian else text


@lru_cache(maxsize=4096)
def _time(of_day: time, locale: str) -> str:
    from babel.dates import format_time

    return _own_digits(format_time(of_day, "short", locale=_babel_locale(locale)), locale)


@lru_cache(maxsize=4096)
def _money(amount: Decimal, currency: str, locale: str) -> str:
    from babel.numbers import format_currency

    if currency == "IRR" and _is_persian(locale):  # Babel puts the word before the amount
        return f"{_number(amount, locale)}\u00a0ریال"
    text = format_currency(amount, currency, locale=_babel_locale(locale), numbering_system="default")
    return _own_digits(str(text), locale)


@lru_cache(maxsize=4096)
def _number(amount: Decimal, locale: str) -> str:
    from babel.numbers import format_decimal

    text = format_decimal(amount, locale=_babel_locale(locale), numbering_system="default")
    return _own_digits(str(text), locale)


def _plural(amount: Decimal, locale: str, forms: dict[str, str]) -> str:
    category = _category(amount, locale)
    found = next((forms[name] for name in (category, *_STAND_INS.get(category, ())) if name in forms), None)
    return found if found is not None else forms.get("other", next(iter(forms.values())))


@lru_cache(maxsize=4096)
def _category(amount: Decimal, locale: str) -> str:
    from babel import Locale

    return str(Locale.parse(_babel_locale(locale)).plural_form(abs(amount)))


def _is_persian(locale: str) -> bool:
    return locale.partition("-")[0].lower() == "fa"


def _own_digits(text: str, locale: str) -> str:
    # Babel brings the separators of a numbering system, but leaves the digits Latin.
    return text.translate(_PERSIAN_DIGITS) if _is_persian(locale) else text
