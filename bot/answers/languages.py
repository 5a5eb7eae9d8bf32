"""In which of the languages that have answers a question may be, and in which it is by itself."""

from collections import Counter
from collections.abc import Collection

from bot.answers.stopwords import STOPWORDS
from bot.answers.words import words
from bot.languages import language_of_text

LATIN, CYRILLIC, ARABIC = "latin", "cyrillic", "arabic"
_SCRIPT_OF = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg"), CYRILLIC),
    **dict.fromkeys(("fa", "ar", "ur", "ps", "ckb"), ARABIC),
}
"""What is not named here is written in Latin letters, or in a script that only one of our languages has."""
_USUAL = {LATIN: "en", CYRILLIC: "ru", ARABIC: "fa"}
_LOOKED_AT = 500


def script_of(text: str) -> str:
    """The script of most letters of ``text``; empty without letters of these three."""
    seen: Counter[str] = Counter()
    for letter in text[:_LOOKED_AT]:
        if "\u0400" <= letter <= "\u052f":
            seen[CYRILLIC] += 1
        elif "\u0600" <= letter <= "\u06ff" or "\ufb50" <= letter <= "\ufdff" or "\ufe70" <= letter <= "\ufeff":
            seen[ARABIC] += 1
        elif letter.isalpha() and letter < "\u0250":
            seen[LATIN] += 1
    return seen.most_common(1)[0][0] if seen else ""


def languages_of(text: str, known: Collection[str], reader: str = "") -> list[str]:
    """The languages of ``known`` in which ``text`` may be, likeliest first; those of another script come last.

    ``reader`` is what its writer is known to read: it decides where the words do not.
    """
    script = script_of(text)
    said, told = set(words(text)), language_of_text(text)
    votes = {language: len(said & STOPWORDS.get(language, frozenset())) + 2 * (language == told) for language in known}

    def rank(language: str) -> tuple[bool, int, bool, bool, str]:
        other_script = bool(script) and _SCRIPT_OF.get(language, LATIN) != script
        return other_script, -votes[language], language != reader, language != _USUAL.get(script), language

    return sorted(known, key=rank)


def language_of(text: str, reader: str = "") -> str:
    """The language of ``text`` by itself; where it does not tell, its reader's, if it may be, or what is usual."""
    told = language_of_text(text)
    if told:
        return told
    script = script_of(text)
    if not script:
        return reader or _USUAL[LATIN]
    return reader if reader and _SCRIPT_OF.get(reader, LATIN) == script else _USUAL[script]
