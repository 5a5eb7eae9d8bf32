"""The words of a preview, in the reader's language."""

from core.catalogue import language_of, text

_DIGITS = {"fa": str.maketrans("0123456789.", "۰۱۲۳۴۵۶۷۸۹٫"), "ru": str.maketrans(".", ",")}


def say(lang: str, key: str, **values: object) -> str:
    """The text ``preview.KEY``; numbers are written as the language writes them, ``count`` chooses its form."""
    told = {
        name: number(lang, value) if isinstance(value, int | float) and name != "count" else value
        for name, value in values.items()
    }
    return text(lang, f"preview.{key}", **told)


def number(lang: str, value: float) -> str:
    """A number as the language writes it."""
    told = f"{value:g}" if isinstance(value, float) else str(value)
    return told.translate(_DIGITS.get(language_of(lang), {}))
