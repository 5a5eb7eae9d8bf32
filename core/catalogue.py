"""Message catalogues: every text that a customer or an agent sees, by its id, in every language that we speak.

The texts are gettext files (``core/locale/<language>/*.po``) that translators' programs can edit; they are read
when a language is first needed. English stands in where a translation is missing.

A text with a number and its noun has as many forms as the language tells apart (``msgid_plural``); which of them a
number takes says the file's ``Plural-Forms``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("en", "ru", "fa")
DEFAULT = "en"
_SEPARATORS = {"fa": ("، ", "؛ ")}
_PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def text(locale: str, message_id: str, **values: object) -> str:
    """The text ``message_id`` in the language of ``locale`` (``ru``, ``fa-IR``…), ``{names}`` filled from ``values``.

    A text with several forms takes the one that goes with ``count``, a number; ``{number}`` in it is the count as the
    language writes it, or what is given as ``number`` (a rounded one, a part of a page).

    Raises:
        KeyError: if no language has that id, or the text names a value that is not given.
    """
    language = language_of(locale)
    texts = _texts(language)
    found = texts.said.get(message_id)
    if found is None:
        texts = _texts(DEFAULT)
        found = texts.said[message_id]
    if isinstance(found, tuple):
        count = values["count"]
        if not isinstance(count, int | float):
            raise TypeError(f"{message_id}: count is the number itself, not {count!r}")
        found = found[texts.form(count)]
        values.setdefault("number", written(locale, count))
    return found.format(**values)


def written(locale: str, number: float) -> str:
    """A number in the digits of the language of ``locale``, its thousands apart: 1,240; up to three decimals."""
    if type(number) is int and abs(number) < 1000:
        told = str(number)
    else:
        from babel.numbers import format_decimal

        # Babel brings the separators of a numbering system, but leaves the digits Latin
        told = str(format_decimal(number, "#,##0.###", locale=language_of(locale), numbering_system="default"))
    return told.translate(_PERSIAN_DIGITS) if language_of(locale) == "fa" else told


def listed(locale: str, items: Iterable[str], *, apart: bool = False) -> str:
    """``items`` one after the other, with the comma of the language; ``apart``, where they hold commas, semicolons."""
    comma, semicolon = _SEPARATORS.get(language_of(locale), (", ", "; "))
    return (semicolon if apart else comma).join(items)


def language_of(locale: str) -> str:
    """The language that we speak with somebody of ``locale``."""
    language = locale.replace("_", "-").partition("-")[0].casefold()
    return language if language in LANGUAGES else DEFAULT


@dataclass(frozen=True, slots=True)
class _Texts:
    """One language's: by id a text, or its forms in the order of ``Plural-Forms``; ``chosen`` is that header's rule."""

    said: dict[str, str | tuple[str, ...]]
    chosen: Callable[[int], int]

    def form(self, count: float) -> int:
        """Which form goes with a number. A fraction goes as two of them do: 1.5 hours, 1,5 часа."""
        return self.chosen(abs(int(count)) if float(count).is_integer() else 2)


@lru_cache(maxsize=len(LANGUAGES))
def _texts(language: str) -> _Texts:
    from gettext import c2py

    from babel.messages.pofile import read_po

    said: dict[str, str | tuple[str, ...]] = {}
    rule = ""
    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        rule = catalogue.plural_expr  # the same in all of them
        for message in catalogue:
            if not message.id or not message.string:
                continue
            if isinstance(message.id, tuple | list):
                if all(message.string):
                    said[str(message.id[0])] = tuple(map(str, message.string))
            else:
                said[str(message.id)] = str(message.string)
    return _Texts(said, c2py(rule))
