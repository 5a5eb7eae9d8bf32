"""What is left of a reply when what it quotes is taken away."""

import pytest

from channels.email.html_text import text_of_html
from channels.email.quoting import reply_of

CASES = {
    "english": "Yes please\n\nOn Tue, 1 Dec 2026 at 09:30, Shop <shop@example.org> wrote:\n> Hello\n> you",
    "english wrapped": "Yes please\n\nOn Tue, 1 Dec 2026 at 09:30, Shop Of Books\n<shop@example.org> wrote:\n\n> Hello",
    "english unquoted": "Yes please\n\nOn Tue, 1 Dec 2026 at 09:30, Shop <shop@example.org> wrote:\nHello\nyou",
    "russian": "Yes please\n\nвт, 1 дек. 2026 г. в 09:30, Магазин <shop@example.org>:\n> Hello".replace(
        ">:", "> пишет:"
    ),
    "russian wrote": "Yes please\n\n1 декабря 2026 г., 09:30, Магазин писал(а):\n".replace("писал(а)", "писал")
    + "> Hello",
    "persian": "Yes please\n\nدر سه‌شنبه ۱ دسامبر ۲۰۲۶، فروشگاه <shop@example.org> نوشت:\n> Hello",
    "german": "Yes please\n\nAm Di., 1. Dez. 2026 um 09:30 Uhr schrieb Shop <shop@example.org>:\n> Hello",
    "french": "Yes please\n\nLe mar. 1 déc. 2026 à 09:30, Shop <shop@example.org> a écrit :\n> Hello",
    "spanish": "Yes please\n\nEl mar, 1 dic 2026 a las 9:30, Shop (<shop@example.org>) escribió:\n> Hello",
    "outlook": "Yes please\n\n-----Original Message-----\nFrom: Shop\nSubject: Winter\n\nHello",
    "outlook block": "Yes please\n\nFrom: Shop <shop@example.org>\nSent: Tuesday\nTo: Mina\nSubject: Winter\n\nHello",
    "outlook russian": "Yes please\n\nОт: Магазин\nОтправлено: вторник\nКому: Мина\nТема: Зима\n\nHello",
    "outlook persian": "Yes please\n\nاز: فروشگاه\nارسال شده: سه‌شنبه\nبه: مینا\nموضوع: زمستان\n\nHello",
    "mail.ru": "Yes please\n\n-------- Исходное сообщение --------\nHello",
    "persian original": "Yes please\n\n----- پیام اصلی -----\nHello",
    "signature": "Yes please\n-- \nMina\n+1 202-555-0101",
    "phone": "Yes please\n\nSent from my iPhone",
    "phone russian": "Yes please\n\nОтправлено с iPhone",
    "below the quote": "On Tue, 1 Dec 2026 at 09:30, Shop wrote:\n> Would you?\n\nYes please",
    "between": "> Would you?\nYes please\n> And more?",
    "crlf": "Yes please\r\n\r\nOn Tue, 1 Dec 2026 at 09:30, Shop wrote:\r\n> Hello\r\n",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_only_the_answer_is_left(text):
    assert reply_of(text) == "Yes please"


@pytest.mark.parametrize(
    "text",
    [
        "As my mother wrote:\nnever pay twice",
        "From: here to there\nis a long way",
        "Prices:\n- 10\n- 20",
        "To: the manager\nI am cross",
        "> everything is quoted",
        "Он пишет: привет",
        "",
    ],
)
def test_a_persons_own_words_stay(text):
    assert reply_of(text) == text


HTML = {
    "gmail": '<div>Yes please</div><br><div class="gmail_quote"><div class="gmail_attr">On Tue wrote:</div>'
    "<blockquote>Hello<div>x</div></blockquote></div>",
    "apple": "Yes please<br><blockquote type=cite><div>Hello</div><blockquote>older</blockquote></blockquote>",
    "outlook": '<p>Yes please</p><hr><div id="divRplyFwdMsg">From: Shop</div><div>Hello</div>',
    "yahoo": "<div>Yes please</div><div id=yahoo_quoted_12 class='yahoo_quoted'>Hello</div>",
    "thunderbird": '<div class="moz-cite-prefix">On 1.12. wrote:</div><blockquote>Hello</blockquote><p>Yes please</p>',
    "comment": "<!-- <b> hidden > --><STYLE>x{}</sTyle><P>Yes&#32;please</P><script>alert(1)</script>",
    "unclosed head": "<head><body>Yes please",
}


@pytest.mark.parametrize("html", HTML.values(), ids=HTML)
def test_html_quotes(html):
    assert reply_of(text_of_html(html)) == "Yes please"


def test_html_that_is_all_quote_is_shown():
    assert text_of_html("<blockquote>2 < 3 &amp; so on</blockquote>") == "2 < 3 & so on"
