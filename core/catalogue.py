"""Message catalogues: every text that a customer or an agent sees, by its id, in every language that we speak.

The texts are gettext files (``core/locale/<language>/*.po``) that translators' programs can edit; they are read
when a language is first needed. English stands in where a translation is missing.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("en", "ru", "fa")
DEFAULT = "en"
_SEPARATORS = {"fa": ("، ", "؛ ")}


def text(locale: str, message_id: str, **values: object) -> str:
    """The text ``message_id`` in the language of ``locale`` (``ru``, ``fa-IR``…), ``{names}`` filled from ``values``.

    Raises:
        KeyError: if no language has that id, or the text names a value that is not given.
    """
    template = _texts(language_of(locale)).get(message_id) or _texts(DEFAULT)[message_id]
    return template.format(**values)


def listed(locale: str, items: Iterable[str], *, apart: bool = False) -> str:
    """``items`` one after the other, with the comma of the language; ``apart``, where they hold commas, semicolons."""
    comma, semicolon = _SEPARATORS.get(language_of(locale), (", ", "; "))
    return (semicolon if apart else comma).join(items)


def language_of(locale: str) -> str:
    """The language that we speak with somebody of ``locale``."""
    language = locale.replace("_", "-").partition("-")[0].casefold()
    return language if language in LANGUAGES else DEFAULT


@lru_cache(maxsize=len(LANGUAGES))
def _texts(language: str) -> dict[str, str]:
    from babel.messages.pofile import read_po

    texts: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        texts.update({str(message.id): str(message.string) for message in catalogue if message.id and message.string})
    return texts
