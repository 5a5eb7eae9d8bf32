"""Words: forms of one word meet, in three languages and as people type."""

import pytest

from bot.answers.courtesy import ends_a_talk
from bot.answers.languages import language_of, languages_of
from bot.answers.words import digest, stems


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", ["cancel", "cancelled", "cancelling", "CANCEL!"]),
        ("en", ["e-book", "E-Book"]),
        ("ru", ["возврат", "возврата", "Возвраты"]),
        ("ru", ["счёт", "счет", "СЧЕТА"]),
        ("fa", ["پول", "پولم", "پول‌ها", "پول ها", "پولهایم"]),
        ("fa", ["سفارش", "سفارشم", "سفارشمو", "سفارش‌هایم", "سفارش های من"]),
        ("fa", ["می‌رسد", "می رسد", "میرسه", "میرسد", "نمی‌رسد", "ميرسد"]),
        ("fa", ["کتاب", "كتاب", "کتاب‌های", "كِتاب"]),
        ("fa", ["آدرس", "ادرس"]),
    ],
)
def test_forms_of_one_word_meet(language: str, forms: list[str]) -> None:
    assert len({tuple(stems(form, language)) for form in forms}) == 1, [stems(form, language) for form in forms]


def test_words_that_say_nothing_are_left_out() -> None:
    assert stems("Hello, could you please tell me where my parcel is?", "en") == ["?where", "parcel"]
    assert stems("Здравствуйте, подскажите, пожалуйста, когда привезут заказ", "ru")[0] == "?when"
    assert stems("سلام لطفا بگویید سفارش من کجاست", "fa") == ["سفارش", "?where"]


def test_alike_questions_have_the_same_digest() -> None:
    assert digest(stems("Can I cancel an order?", "en")) == digest(stems("cancelling my orders", "en"))


@pytest.mark.parametrize(
    ("text", "reader", "language"),
    [
        ("Where is it?", "", "en"),
        ("где он", "en", "ru"),
        ("کجاست", "ru", "fa"),
        ("Wo ist mein Paket?", "de", "de"),
        ("де моє замовлення", "uk", "uk"),
        ("12345", "fa", "fa"),
        ("", "", "en"),
    ],
)
def test_the_language_of_a_message(text: str, reader: str, language: str) -> None:
    assert language_of(text, reader) == language


def test_languages_of_one_script_are_told_apart_by_their_words() -> None:
    known = ("de", "en", "fa", "ru")
    assert languages_of("where is the parcel", known, "de") == ["en", "de", "fa", "ru"]
    assert languages_of("Paket", known, "de")[0] == "de"
    assert languages_of("Paket", known)[0] == "en"
    assert languages_of("где", known, "de")[0] == "ru"


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "ok, thank you so much",
        "👍",
        "🙏🙏 ❤️",
        "Спасибо большое за помощь!",
        "ок",
        "خیلی ممنون از شما",
        "مرسی 🌹",
    ],
)
def test_what_ends_a_talk(text: str) -> None:
    assert ends_a_talk(text)


@pytest.mark.parametrize(
    "text",
    ["", "?", "...", "thanks?", "thanks, where is my order", "ok but it broke", "yes", "no", "hello", "спасибо, нет",
     "😡", "👎", "ممنون ولی نرسید", "you", "thanks " * 20],
)  # fmt: skip
def test_what_does_not(text: str) -> None:
    assert not ends_a_talk(text)
