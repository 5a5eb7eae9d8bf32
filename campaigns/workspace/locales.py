"""Locales as files and settings write them."""


def locale_code(text: str) -> str:
    """A locale in the form that template files use: ``ru``, ``pt-br``.

    Raises:
        ValueError: if it is not known to the CLDR.
    """
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{text[:80]!r} is not a locale; write one such as en, ru, fa or pt-BR") from None
    return text.replace("_", "-").lower()
