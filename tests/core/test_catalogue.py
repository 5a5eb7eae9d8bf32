"""Every text is there in every language, and says the same places."""

import re

import pytest

from core.catalogue import LANGUAGES, _texts, language_of, listed, text

PLACE = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    assert set(_texts(language)) == set(_texts("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_name_the_same_places(language: str) -> None:
    wrong = {
        key: (words, _texts("en")[key])
        for key, words in _texts(language).items()
        if set(PLACE.findall(words)) != set(PLACE.findall(_texts("en")[key]))
    }
    assert wrong == {}


def test_lists_have_the_comma_of_their_language() -> None:
    assert [listed(locale, ["a", "b"]) for locale in ("en", "ru-RU", "fa-IR", "de")] == ["a, b", "a, b", "a، b", "a, b"]
    assert [listed(locale, ["a", "b"], apart=True) for locale in ("en", "fa")] == ["a; b", "a؛ b"]
    assert listed("fa", []) == ""


def test_languages_of_locales() -> None:
    assert [language_of(locale) for locale in ("fa_IR", "ru-RU", "de", "")] == ["fa", "ru", "en", "en"]
    with pytest.raises(KeyError):
        text("en", "there.is.no.such.text")
