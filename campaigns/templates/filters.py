"""The filters that templates may use. Each takes and gives plain values and bounds what it makes.

Filters that depend on the reader (``date``, ``money``, ``number``) take the locale from the render's context.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context

MAX_TEXT = 10_000
"""Characters that one value may have inside a template."""

_PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_JALALI_MONTHS = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند",
)  # fmt: skip
_DATE_STYLES = ("short", "medium", "long", "full", "day")


def bounded(text: str) -> str:
    """``text``, unless it is too long to have come from honest means."""
    if len(text) > MAX_TEXT:
        raise SecurityError(f"a value grew longer than {MAX_TEXT} characters")
    return text


def text_of(value: Any) -> str:
    """A value as text: nothing for None, an error for what is undefined."""
    if isinstance(value, Undefined):
        raise UndefinedError("a value is undefined")
    return "" if value is None else bounded(str(value))


def default(value: Any, other: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002  as in Jinja2
    """``other`` where there is no value; with ``true`` also where it is empty."""
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return other
    return value


def truncate(value: Any, length: int = 80, end: str = "…") -> str:
    """At most ``length`` characters, cut at a space where there is one."""
    text, length, end = text_of(value), max(1, min(int(length), MAX_TEXT)), text_of(end)
    if len(text) <= length:
        return text
    cut = text[: max(0, length - len(end))]
    return (cut.rsplit(" ", 1)[0] or cut).rstrip() + end


def replace(value: Any, old: str, new: str) -> str:
    """Every ``old`` replaced by ``new``."""
    text, old, new = text_of(value), text_of(old), text_of(new)
    if not old:
        return text
    if len(text) + text.count(old) * len(new) > 2 * MAX_TEXT:
        raise SecurityError(f"a value grew longer than {MAX_TEXT} characters")
    return bounded(text.replace(old, new))


def join(value: Any, separator: str = ", ") -> str:
    """The items of a list as one text."""
    items, separator = list(value)[:1000], text_of(separator)
    if sum(len(text_of(item)) for item in items) + len(separator) * len(items) > 2 * MAX_TEXT:
        raise SecurityError(f"a value grew longer than {MAX_TEXT} characters")
    return bounded(separator.join(text_of(item) for item in items))


def length(value: Any) -> int:
    """Characters of a text, items of a list."""
    return len(value) if isinstance(value, str | list | tuple | dict) else len(text_of(value))


def first(value: Any) -> Any:
    """The first item, or nothing."""
    return value[0] if isinstance(value, str | list | tuple) and value else None


def last(value: Any) -> Any:
    """The last item, or nothing."""
    return value[-1] if isinstance(value, str | list | tuple) and value else None


def rounded(value: Any, digits: int = 0) -> float | int:
    """A number rounded to ``digits`` places."""
    places = max(0, min(int(digits), 6))
    return round(float(value), places) if places else round(float(value))


def integer(value: Any) -> int:
    """The whole part of a number."""
    return int(float(text_of(value) or 0))


@pass_context
def date_text(context: Context, value: Any, style: str = "long") -> str:
    """An ISO date or instant as the reader writes dates: short, medium, long, full or day (no year). Jalali in fa."""
    text = text_of(value)
    if not text:
        return ""
    if style not in _DATE_STYLES:
        raise SecurityError(f"date has no style {style!r}; write one of {', '.join(_DATE_STYLES)}")
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        raise SecurityError(f"{text[:40]!r} is not a date") from None
    return _date(day, style, str(context.get("_locale") or "en"))


@pass_context
def money(context: Context, value: Any, currency: str = "") -> str:
    """An amount in the workspace's currency (or the one named), as the reader writes it."""
    if value is None or value == "":
        return ""
    number = Decimal(str(value))
    return _money(number, text_of(currency or context.get("_currency") or "USD"), str(context.get("_locale") or "en"))


@pass_context
def number(context: Context, value: Any) -> str:
    """A number with the reader's digits and separators."""
    return "" if value is None or value == "" else _number(Decimal(str(value)), str(context.get("_locale") or "en"))


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


@lru_cache(maxsize=4096)
def _date(day: date, style: str, locale: str) -> str:
    if locale.partition("-")[0] == "fa":
        return _jalali(day, style)
    from babel.dates import format_date, format_skeleton

    if style == "day":
        return format_skeleton("MMMMd", day, locale=_babel_locale(locale))
    return format_date(day, style, locale=_babel_locale(locale))


def _jalali(day: date, style: str) -> str:
    import jdatetime

    own = jdatetime.date.fromgregorian(date=day)
    month = _JALALI_MONTHS[own.month - 1]
    match style:
        case "short":
            text = f"{own.year}/{own.month:02}/{own.day:02}"
        case "day":
            text = f"{own.day} {month}"
        case _:
            text = f"{own.day} {month} {own.year}"
    return text.translate(_PERSIAN_DIGITS)


@lru_cache(maxsize=4096)
def _money(amount: Decimal, currency: str, locale: str) -> str:
    from babel.numbers import format_currency

    text = format_currency(amount, currency, locale=_babel_locale(locale), numbering_system="default")
    return _own_digits(str(text), locale)


@lru_cache(maxsize=4096)
def _number(amount: Decimal, locale: str) -> str:
    from babel.numbers import format_decimal

    text = format_decimal(amount, locale=_babel_locale(locale), numbering_system="default")
    return _own_digits(str(text), locale)


def _own_digits(text: str, locale: str) -> str:
    # Babel brings the separators of a numbering system, but leaves the digits Latin.
    return text.translate(_PERSIAN_DIGITS) if locale.partition("-")[0] == "fa" else text


FILTERS: dict[str, Callable[..., Any]] = {
    "default": default,
    "d": default,
    "upper": lambda value: text_of(value).upper(),
    "lower": lambda value: text_of(value).lower(),
    "title": lambda value: text_of(value).title(),
    "capitalize": lambda value: text_of(value).capitalize(),
    "trim": lambda value: text_of(value).strip(),
    "truncate": truncate,
    "replace": replace,
    "join": join,
    "length": length,
    "first": first,
    "last": last,
    "round": rounded,
    "int": integer,
    "abs": lambda value: abs(float(value)) if isinstance(value, float) else abs(int(value)),
    "date": date_text,
    "money": money,
    "number": number,
}
