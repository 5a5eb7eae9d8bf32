"""Filters write as the reader does: money, dates, times, plurals, in English, Russian and Persian."""

from typing import Any

import pytest

from campaigns.definition import Leg
from campaigns.templates.content import render_templates
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.names import Asks
from campaigns.templates.variables import Happening, Known, sample, variables_for


def written(source: str, locale: str, **data: Any) -> str:
    leg = Leg(channel="telegram", template="t")
    made = {**sample(), **data}
    return render_templates({"t/telegram.txt": source}, leg, locale, made, default_locale=locale, currency="IRR").text


@pytest.mark.parametrize(("source", "en", "ru", "fa"), [
    ("{{ 1250000 | toman }}", "125,000\xa0toman", "125\xa0000\xa0томанов", "۱۲۵٬۰۰۰\xa0تومان"),
    ("{{ 210 | toman }}", "21\xa0toman", "21\xa0томан", "۲۱\xa0تومان"),
    ("{{ 1250000 | money }}", "IRR1,250,000", "1\xa0250\xa0000\xa0IRR", "۱٬۲۵۰٬۰۰۰\xa0ریال"),
    ("{{ '2026-11-22T14:05' | time }}", "2:05\u202fPM", "14:05", "۱۴:۰۵"),
    ("{{ '2026-03-21' | date }}", "March 21, 2026", "21 марта 2026\u202fг.", "۱ فروردین ۱۴۰۵"),
    ("{{ '2026-03-21' | date('full') }}", "Saturday, March 21, 2026", "суббота, 21 марта 2026\u202fг.",
     "شنبه ۱ فروردین ۱۴۰۵"),
    ("{{ '2026-03-21' | date('jalali') }}", "1 Farvardin 1405", "1 Farvardin 1405", "۱ فروردین ۱۴۰۵"),
    ("{{ '2026-03-21' | date('day', 'gregorian') }}", "March 21", "21 марта", "۲۱ مارس"),
    ("{{ '021-5' | digits }}", "021-5", "021-5", "۰۲۱-۵"),
])  # fmt: skip
def test_as_the_reader_writes(source: str, en: str, ru: str, fa: str) -> None:
    got = [written(source, locale).replace("2026 г", "2026\u202fг") for locale in ("en", "ru", "fa")]
    assert got == [en, ru, fa]


@pytest.mark.parametrize(("number", "ru"), [
    (1, "1 книга"), (2, "2 книги"), (5, "5 книг"), (11, "11 книг"), (21, "21 книга"), (1.5, "1,5 книги"), (0, "0 книг"),
])  # fmt: skip
def test_plurals_follow_the_language(number: float, ru: str) -> None:
    source = "{{ orders.count | plural(one='# книга', few='# книги', many='# книг') }}"
    assert written(source, "ru", orders={"count": number}) == ru


def test_plurals_in_english_and_persian() -> None:
    source = "{{ orders.count | plural('# book', '# books') }}"
    assert [written(source, "en", orders={"count": n}) for n in (1, 2)] == ["1 book", "2 books"]
    assert written("{{ orders.count | plural(other='# کتاب') }}", "fa", orders={"count": 12}) == "۱۲ کتاب"


@pytest.mark.parametrize(("source", "words"), [
    ("{{ orders.count | plural(singular='x') }}", "no form 'singular'"),
    ("{{ orders.count | plural }}", "takes forms by name"),
    ("{{ orders.last_at | date('tiny') }}", "no style or calendar 'tiny'"),
    ("{{ 'soon' | time }}", "'soon' is not a date"),
    ("{{ 'much' | money }}", "'much' is not a number"),
])  # fmt: skip
def test_a_wrong_word_is_told(source: str, words: str) -> None:
    with pytest.raises(TemplateFailure, match=words):
        written(source, "en")


def test_an_sms_has_plain_spaces() -> None:
    """A fixed space is outside GSM-7: it would make the whole text UCS-2."""
    leg = Leg(channel="sms", template="t")
    templates = {"t/sms.txt": "{{ 1250 | money('EUR') }}"}
    made = render_templates(templates, leg, "de", sample(), default_locale="de")
    assert made.text == "1.250,00 €"


def test_products_of_an_event() -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from campaigns.definition import Brand

    cart = Happening(
        "cart_left", datetime(2026, 11, 21, 22, 30, tzinfo=UTC), amount_micros=27_500_000, number="c-1",
        properties={"items": [{"name": "Lamps <1>", "price": 15}, {"name": "Ferry"}], "note": {"gift": True}},
    )  # fmt: skip
    asks = Asks(event=True, events=frozenset({"cart_left", "viewed"}), last_order=True)
    data = variables_for(
        {}, brand=Brand(name="x"), campaign="c", now=cart.at, zone=ZoneInfo("Asia/Tehran"), asks=asks,
        known=Known(event=cart, events={"cart_left": cart}),
    )  # fmt: skip
    source = (
        "{{ event.at | date }} {{ event.at | time }} {{ event.amount }} {{ event.number }}"
        "{% for item in event.items %}; {{ item.name }} {{ item.price | money('USD') }}{% endfor %}"
        "|{{ events.viewed.last.items | length }}|{{ event.properties.colour }}|{{ event.properties.note.colour }}"
        "|{{ orders.last.at | date }}|{{ events.cart_left.last.number }}"
    )
    # 22:30 in London is the next day in Tehran
    assert written(source, "en", **data) == (
        "November 22, 2026 2:00\u202fAM 27.5 c-1; Lamps <1> $15.00; Ferry |0||||c-1"
    )
