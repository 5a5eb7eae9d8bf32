"""Long texts in parts: nothing lost, nothing torn that need not be."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from channels.telegram.formatting import entities_of, spans_of
from channels.telegram.splitting import Part, split, utf16_length
from core.messages import Span

LETTERS = st.sampled_from(
    [*"ab я\n", "\n\n", ". ", "سلام ", "שלום ", "😀", "👨‍👩‍👧", "é", "🇷🇺", "\u2067", "\u2069", "\u200c"]
)
TEXTS = st.lists(LETTERS, max_size=120).map("".join)


@st.composite
def formatted(draw: st.DrawFn) -> tuple[str, tuple[Span, ...]]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    kinds = st.sampled_from(["bold", "italic", "code", "quote"])
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return text, tuple(Span(start, end, draw(kinds)) for start, end in pairs if start < end)


def solid(text: str) -> str:
    return "".join(text.split())


@given(formatted(), st.integers(12, 60))
def test_every_part_fits_and_nothing_but_white_space_is_lost(
    given_text: tuple[str, tuple[Span, ...]], limit: int
) -> None:
    text, spans = given_text
    parts = split(text, spans, limit)
    assert all(utf16_length(part.text) <= limit for part in parts)
    assert solid("".join(part.text for part in parts)) == solid(text)
    for kind in ("bold", "italic", "code", "quote"):
        before = "".join(solid(text[span.start : span.end]) for span in spans if span.kind == kind)
        after = "".join(
            solid(part.text[span.start : span.end]) for part in parts for span in part.spans if span.kind == kind
        )
        assert after == before
    for part in parts:
        for entity in entities_of(part):
            assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= utf16_length(part.text)


@given(TEXTS)
def test_a_short_text_is_left_alone(text: str) -> None:
    assert split(text, (), 10_000) == [Part(text)]


def test_paragraphs_before_lines_before_words() -> None:
    assert [part.text for part in split("one two\nthree\n\nfour five six", (), 20)] == [
        "one two\nthree",
        "four five six",
    ]
    assert [part.text for part in split("one two\nthree four five", (), 16)] == ["one two", "three four five"]
    assert [part.text for part in split("one two three", (), 9)] == ["one two", "three"]


def test_a_link_stays_whole_where_there_is_another_place() -> None:
    text = "see our new shelf of books"
    link = Span(8, 17, "link", "https://shop.example/")
    parts = split(text, (link,), 15)
    assert [part.text for part in parts] == ["see our", "new shelf of", "books"]
    assert [part.spans for part in parts] == [(), (Span(0, 9, "link", link.url),), ()]


def test_what_must_be_torn_goes_on_as_it_was() -> None:
    parts = split("word " * 6, (Span(0, 30, "bold"),), 12)
    assert [part.spans[0].kind for part in parts] == ["bold"] * len(parts)


def test_words_of_the_other_direction_stay_together() -> None:
    text = "The title is کتاب خوب ما here"
    parts = [part.text for part in split(text, (), 20)]
    assert parts == ["The title is", "کتاب خوب ما here"]
    assert [part.text for part in split("שלום hello big לא", (), 12)] == ["שלום", "hello big לא"]


def test_isolated_text_stays_together() -> None:
    text = "Order \u2067a b c d\u2069 is ready now"
    assert [part.text for part in split(text, (), 18)] == ["Order \u2067a b c d\u2069 is", "ready now"]


def test_no_character_is_cut_in_two() -> None:
    family, flag = "👨‍👩‍👧", "🇷🇺"
    for cluster in (family, flag, "e\u0301", "👍🏽", "한"):
        parts = split(unicodedata.normalize("NFD", cluster) * 20, (), 23)
        whole = len(unicodedata.normalize("NFD", cluster))
        assert all(len(part.text) % whole == 0 for part in parts), cluster


def test_html_is_read_as_spans() -> None:
    part = spans_of(
        "<b>Hi <i>you</i></b> &amp; <a href='https://e.example/?a=1&amp;b=2'>go</a> <tg-spoiler>x</tg-spoiler>"
    )
    assert part == Part(
        "Hi you & go x",
        (Span(0, 6, "bold"), Span(3, 6, "italic"), Span(9, 11, "link", "https://e.example/?a=1&b=2")),
    )
    assert spans_of("<b>open <").text == "open <"
