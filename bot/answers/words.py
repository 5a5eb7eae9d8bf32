"""Questions as stems: folded, without words that say nothing, each brought to its stem: by Snowball's algorithms, and
in Persian by taking off the lightest endings.

Pure. Persian's joined and spaced forms (``کتاب‌ها``, ``کتاب ها``) become the same: the joiner is a space, and what stood
behind it is among the words that say nothing; a verb's ``می`` is joined to it and goes with its ending, so that what is
written as it is spoken (``میرسه``) meets what is written as in books (``می‌رسد``).

Words of place, time and number are kept apart: they tell two questions about one thing from each other, and say nothing
alone.
"""

import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from bot.answers.stopwords import ASKING, STOPWORDS
from core.text import folded

ALGORITHMS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Snowball's algorithm by language; words of others are compared as they are."""
MOST_WORDS = 64
"""Words of a question that are looked at: a longer one is a letter, for a person."""
LONGEST_WORD = 40
_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")
_LETTERS = {ord("ё"): "е", ord("’"): "'", ord("آ"): "ا", ord("ئ"): "ی", ord("ؤ"): "و", 0x0654: None}
_PERSIAN_VERB = re.compile(r"\b(بر|در|وا|فرو)?(ن?می) ?(?=\w{2})")
_PERSIAN_VERB_ENDINGS = ("ند", "ید", "یم", "ین", "ن", "م", "ی", "د", "ه")
_PERSIAN_ENDINGS = (
    (
        "هایشان",
        "هایتان",
        "هایمان",
        "هاشون",
        "هاتون",
        "هامون",
        "هایی",
        "هایم",
        "هایت",
        "هایش",
        "های",
        "هام",
        "هات",
        "هاش",
        "ها",
    ),
    ("یمان", "یتان", "یشان", "مان", "تان", "شان", "مون", "تون", "شون", "مو", "تو", "شو"),
    ("م", "ی"),
)
"""Of a plural, of whose it is, and of "mine" or "a"; one of each may go. ت and ش stay: most often the word ends so."""
_SHORTEST_STEM = 3


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802  its name there


def words(text: str) -> list[str]:
    """The words of ``text``, folded; in the order in which they stand."""
    plain = _PERSIAN_VERB.sub(r"\1\2", folded(text[:20_000]).translate(_LETTERS))
    return [word for word in _WORD.findall(plain) if len(word) <= LONGEST_WORD]


def stems(text: str, language: str, *, limit: int | None = None) -> list[str]:
    """The stems of the words of ``text`` that say something, in their order; at most ``limit`` words are looked at."""
    silent, asking = STOPWORDS.get(language, frozenset()), ASKING.get(language, {})
    return [
        asking.get(word) or stem(word, language) for word in words(text)[:limit] if word in asking or word not in silent
    ]


def is_asking(stem: str) -> bool:
    """Whether it stands for words that ask for a time, a place, a number or a person."""
    return stem.startswith("?")


@lru_cache(maxsize=50_000)
def stem(word: str, language: str) -> str:
    """The stem of one folded word; a word with a digit in it is its own."""
    algorithm = ALGORITHMS.get(language)
    if not word.isalpha():
        return word.removesuffix("'s") if language == "en" else word
    if language == "fa":
        return _persian(word)
    if algorithm is None:
        return word
    return _stemmer(algorithm).stemWord(word)


def _persian(word: str) -> str:
    """Light on purpose: Snowball's Persian took more from words than it brought together, and more was mistaken."""
    verb = _PERSIAN_VERB.match(word)
    if verb is not None:
        rest = word[verb.end() :]
        ending = next((end for end in _PERSIAN_VERB_ENDINGS if rest.endswith(end) and len(rest) - len(end) >= 2), "")
        return (verb[1] or "") + rest.removesuffix(ending)
    for endings in _PERSIAN_ENDINGS:
        ending = next((end for end in endings if word.endswith(end) and len(word) - len(end) >= _SHORTEST_STEM), "")
        word = word.removesuffix(ending)
    return word


_own = threading.local()


def _stemmer(algorithm: str) -> _Stemmer:
    """This thread's stemmer: it works on itself, two threads would spoil each other's words."""
    import snowballstemmer

    known: dict[str, _Stemmer] = getattr(_own, "known", {})
    if algorithm not in known:
        known[algorithm] = snowballstemmer.stemmer(algorithm)
        _own.known = known
    return known[algorithm]


def digest(found: Sequence[str]) -> str:
    """What questions with the same words share: their stems, each once, in order, at most 200 characters."""
    return " ".join(sorted(set(found)))[:200]
