"""What a program can see of the texts in English, Russian and Persian; whether they are well said, only readers can."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests.house.source import ROOT

LOCALES = ("en", "ru", "fa")
_PERSIAN = "\u0600-\u06ff"
_WITHOUT_DOTS = (
    r"(?i)\b(еще|ее|нее|счет[аеу]?|учет[аеу]?|расчет[аеу]?|отчет[аеуы]?|объем[аеу]?|прием[аеу]?|вперед|остается|назовет"
    r"|(при|про|до|у|по|на|за|пере)?(идет|шел|йдет)|(при|про|по|на)?(ведет|берет|дает|ждет|начнет|вернет|поймет)"
    r"|(под|от|в)ключен|введен|определен)\b"
)
ODD = {
    "two spaces": ("en ru fa", r"  "),
    "a space at the edge": ("en ru fa", r"^\s|\s$"),
    "nothing": ("en ru fa", r"^$"),
    "three dots for an ellipsis": ("en ru fa", r"\.\.\."),
    "a space before a stop": ("en ru fa", r"\s[.,!?؟،؛:;»](?!\w)"),
    "a curled apostrophe": ("en", "’"),
    "quotes of another language": ("ru fa", '["“”]'),
    "a dash that is too short": ("ru", r"\w – | – \w"),
    "thou": ("ru", r"(?i)\b(ты|тебя|тебе|тобой|тво[йяеёи]|твоего|твоей)\b"),
    "е for ё": ("ru", _WITHOUT_DOTS),
    "an Arabic letter or digit": ("fa", "[يكىةۀ\u0660-\u0669\ufb50-\ufdff\ufe70-\ufefc]"),
    "a Latin question mark, comma or semicolon": ("fa", rf"[{_PERSIAN}»\u200c][?,;]|[?,;] ?[{_PERSIAN}]"),
    "a per cent sign before its number": ("fa", "[%٪][0-9۰-۹]"),
    "می apart": ("fa", rf"(?<![{_PERSIAN}\u200c])ن?می [{_PERSIAN}]"),
    "an ending apart": ("fa", rf"[{_PERSIAN}] (ها|های|هایی|تر|ترین|ام|ات|اش|اند|ای)(?![{_PERSIAN}\u200c])"),
    "a joiner that joins nothing": (
        "fa",
        rf"\u200c(?![{_PERSIAN}\u200d])|(?<![{_PERSIAN}}}])\u200c|[ادذرزژوآ]\u200c(?=ها)",
    ),
    "لطفا without its ending": ("fa", rf"لطفا(?![{_PERSIAN}\u064b])"),
}
"""What may stand in no text: by what it is, the languages and the pattern."""
ONE_WORD = {
    "email (fa)": ("fa", "ایمیل", "رایانامه|ای‌میل|ایمیل‌"),
    "campaign (fa)": ("fa", "کارزار", "کمپین"),
    "password (fa)": ("fa", "گذرواژه", "پسورد|رمز عبور|کلمهٔ عبور"),
    "link (fa)": ("fa", "پیوند", "لینک"),
    "address (fa)": ("fa", "نشانی", "آدرس"),
    "code (fa)": ("fa", "کد", r"رمز(?!ین|ساز)(?<!قرمز)"),
    "here (fa)": ("fa", "اینجا", "این‌جا"),
    "segment (ru)": ("ru", "сегмент", r"(?i)\bсрез\b"),
    "customer (ru)": ("ru", "клиент", r"(?i)покупател"),
    "email (en)": ("en", "email", r"(?i)\be-mail"),
}
"""What has one name: by what it is, the language, the word for it, and words that were once used for the same."""

FORMS = {"en": 2, "ru": 3, "fa": 2}
"""How many forms a text with a number has."""
_COUNTED = "number|count|size|days|hours|minutes|rows|sent|left|total|parts|older|moved|needed|entered|estimate"
UNCOUNTED = {
    "en": rf"\{{({_COUNTED})\}} (?!is\b|has\b)([a-z-]+s|people)\b",
    "ru": (
        rf"\{{({_COUNTED})\}} [а-яё]*(ов|ев|ей|ий|ок|ек|нут|ней|ать|дн\.|мин\.|раз|человек)(?![а-яё])"
        rf"|[а-яё](ов|ев|ей): \{{({_COUNTED})\}}"
    ),
}
"""A number with its noun in a text that has no plurals. Persian nouns stay as they are after a number."""
EXCEPT = {"experiment.points"}
"""Percentage points always have a decimal. A limit of ours is no such number: it is known when the text is written."""


def _texts(locale: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By id, the file and the texts (several where there are plurals)."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for path in sorted((ROOT / "core" / "locale" / locale).glob("*.po")):
        for id_, said in _read(path):
            assert id_ not in found, f"{path.name}: {id_} stands in {found[id_][0]} as well"
            found[id_] = path.name, said
    return found


def _read(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    with path.open("rb") as file:
        catalogue = read_po(file)
    return [
        (str(one.id[0] if isinstance(one.id, tuple | list) else one.id),
         tuple(one.string) if isinstance(one.string, tuple | list) else (str(one.string),))
        for one in catalogue if one.id
    ]  # fmt: skip


TEXTS = {locale: _texts(locale) for locale in LOCALES}


def _with(locale: str, pattern: str) -> list[str]:
    return [
        f"{locale}/{file} {id_}: {text}"
        for id_, (file, said) in TEXTS[locale].items()
        for text in said
        if re.search(pattern, text)
    ]


@pytest.mark.parametrize("locale", LOCALES[1:])
def test_every_text_is_in_every_language_and_in_the_same_file(locale: str) -> None:
    def places(of: str) -> dict[str, str]:
        return {id_: file for id_, (file, _) in TEXTS[of].items()}

    assert places(locale) == places("en")


@pytest.mark.parametrize("locale", LOCALES)
def test_every_file_says_how_its_language_counts(locale: str) -> None:
    with (ROOT / "core" / "locale" / locale / "desk.po").open("rb") as file:
        rule = read_po(file).plural_forms
    for path in (ROOT / "core" / "locale" / locale).glob("*.po"):
        assert f'"Plural-Forms: {rule}\\n"' in path.read_text(encoding="utf-8"), f"{path.name}: give it the header"


@pytest.mark.parametrize("locale", LOCALES)
def test_a_counted_text_has_all_forms_of_its_language(locale: str) -> None:
    counted = {id_ for id_, (_, said) in TEXTS["en"].items() if len(said) > 1}
    found = {id_: len(said) for id_, (_, said) in TEXTS[locale].items() if len(said) > 1}
    assert counted
    assert found == dict.fromkeys(counted, FORMS[locale])


@pytest.mark.parametrize("locale", UNCOUNTED)
def test_a_number_beside_its_noun_has_plurals(locale: str) -> None:
    plain = {id_: said[0] for id_, (_, said) in TEXTS[locale].items() if len(said) == 1}
    found = {id_ for id_, said in plain.items() if re.search(UNCOUNTED[locale], said)}
    assert {id_: plain[id_] for id_ in found - EXCEPT} == {}


@pytest.mark.parametrize("what", ODD)
def test_no_text_has(what: str) -> None:
    locales, pattern = ODD[what]
    assert not [found for locale in locales.split() for found in _with(locale, pattern)]


@pytest.mark.parametrize("thing", ONE_WORD)
def test_one_thing_has_one_word(thing: str) -> None:
    locale, word, others = ONE_WORD[thing]
    assert _with(locale, word)
    assert not _with(locale, others)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("an Arabic letter or digit", "كتاب"),
        ("می apart", "او می رود"),
        ("an ending apart", "کتاب های تازه"),
        ("a joiner that joins nothing", "کتاب\u200c تازه"),
        ("a Latin question mark, comma or semicolon", "خوبید?"),
        ("a space before a stop", "Всё !"),
        ("е for ё", "Ещё раз пришел"),
        ("thou", "Это твой код"),
    ],
)
def test_an_odd_one_is_seen(what: str, text: str) -> None:
    assert re.search(ODD[what][1], text)


@pytest.mark.parametrize(
    ("locale", "text"),
    [("en", "sent {number} messages"), ("en", "{size} people"), ("ru", "{days} дн."), ("ru", "Клиентов: {number}")],
)
def test_a_number_without_plurals_is_seen(locale: str, text: str) -> None:
    assert re.search(UNCOUNTED[locale], text)


@pytest.mark.parametrize("text", ["می‌رود", "کتاب‌های تازه", "رسمی است", "{name}\u200cها"])
def test_a_good_one_is_left(text: str) -> None:
    patterns = [pattern for locales, pattern in ODD.values() if "fa" in locales]
    assert not [pattern for pattern in patterns if re.search(pattern, text)]
