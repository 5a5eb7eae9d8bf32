"""Every text is there in every language, and says the same places; numbers take the form that goes with them."""

import re

import pytest
from babel import Locale

from core.catalogue import LANGUAGES, _texts, language_of, listed, text, written

PLACE = re.compile(r"\{(\w+)\}")
FORMS = {"en": ("one", "other"), "ru": ("one", "few", "many"), "fa": ("one", "other")}
"""CLDR's names of the forms that a whole number takes, in the order of the files' Plural-Forms."""


def _places(words: str | tuple[str, ...]) -> set[frozenset[str]]:
    return {frozenset(PLACE.findall(form)) for form in ((words,) if isinstance(words, str) else words)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    assert set(_texts(language).said) == set(_texts("en").said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_name_the_same_places(language: str) -> None:
    english = _texts("en").said
    wrong = {
        key: (words, english[key])
        for key, words in _texts(language).said.items()
        if len(_places(words)) > 1 or _places(words) != _places(english[key])
    }
    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_takes_the_form_that_cldr_says(language: str) -> None:
    form, cldr = _texts(language).form, Locale(language).plural_form
    assert {n: FORMS[language][form(n)] for n in range(1001)} == {n: str(cldr(n)) for n in range(1001)}


@pytest.mark.parametrize(
    ("locale", "count", "said"),
    [
        ("en", 1, "1 day"), ("en", 1.5, "1.5 days"), ("en", 0, "0 days"), ("en", 1240, "1,240 days"),
        ("ru-RU", 1, "1 день"), ("ru", 1.5, "1,5 дня"), ("ru", 11, "11 дней"),
        ("ru", 1242, "1\N{NO-BREAK SPACE}242 дня"),
        ("fa_IR", 1, "۱ روز"), ("fa", 1240, "۱٬۲۴۰ روز"), ("de", 2, "2 days"),
    ],
)  # fmt: skip
def test_a_counted_text_says_its_number_as_the_language_does(locale: str, count: float, said: str) -> None:
    assert text(locale, "desk.answers_days", count=count) == said


def test_a_number_that_is_given_written_stays() -> None:
    assert text("ru", "desk.answers_days", count=21, number="около 21") == "около 21 день"
    with pytest.raises(KeyError):
        text("ru", "desk.answers_days", number=3)
    with pytest.raises(TypeError, match=r"answers_days: count is the number itself, not '3'"):
        text("ru", "desk.answers_days", count="3")


def test_numbers_as_they_are_written() -> None:
    assert [written("ru", n) for n in (-1, 999, 0.5, 2.0)] == ["-1", "999", "0,5", "2"]
    assert [written("fa", n) for n in (999, 12345.5)] == ["۹۹۹", "۱۲٬۳۴۵٫۵"]


def test_lists_have_the_comma_of_their_language() -> None:
    assert [listed(locale, ["a", "b"]) for locale in ("en", "ru-RU", "fa-IR", "de")] == ["a, b", "a, b", "a، b", "a, b"]
    assert [listed(locale, ["a", "b"], apart=True) for locale in ("en", "fa")] == ["a; b", "a؛ b"]
    assert listed("fa", []) == ""


def test_languages_of_locales() -> None:
    assert [language_of(locale) for locale in ("fa_IR", "ru-RU", "de", "")] == ["fa", "ru", "en", "en"]
    with pytest.raises(KeyError):
        text("en", "there.is.no.such.text")
