"""The markup: what is read as a mark, what stays a sign, and what each channel makes of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.formatting import Formatted, edited, html, plain, shortened, trimmed, walk, whatsapp
from core.marks import escaped, parsed
from core.messages import Span

WRITTEN = st.text(st.sampled_from("ab *_~`>[]()\\\n" + "سلام" + "😀ж." + "\u200c"), max_size=60)
MARKED = st.lists(
    st.sampled_from(
        ["*", "_", "~", "**", "`", "> ", "[", "](https://x.example/a_b)", "a", " b", "سلام", "\\", "\n", "😀"]
    ),
    max_size=25,
).map("".join)


def spans_of(source: str) -> list[tuple[str, str]]:
    made = parsed(source)
    return [(span.kind, made.text[span.start : span.end]) for span in made.spans]


@pytest.mark.parametrize(("source", "text", "spans"), [
    ("*Hello* you", "Hello you", [("bold", "Hello")]),
    ("**Hello** you", "Hello you", [("bold", "Hello")]),
    ("_a *b* c_", "a b c", [("italic", "a b c"), ("bold", "b")]),
    ("[*_both_*](tel:+12025550100)", "both", [("link", "both"), ("bold", "both"), ("italic", "both")]),
    ("*_both_*", "both", [("bold", "both"), ("italic", "both")]),
    ("~gone~ `x * y`", "gone x * y", [("strike", "gone"), ("code", "x * y")]),
    ("see [our *shop*](https://x.example/a_b_).", "see our shop.", [("link", "our shop"), ("bold", "shop")]),
    ("> one\n> *two*\nthree", "one\ntwo\nthree", [("quote", "one\ntwo"), ("bold", "two")]),
    ("*سلام* دوست", "سلام دوست", [("bold", "سلام")]),
    ("(*bold*), *bold*!", "(bold), bold!", [("bold", "bold"), ("bold", "bold")]),
    ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4", []),
    ("https://x.example/_a_*b* and _c_.", "https://x.example/_a_b and c.",
     [("link", "https://x.example/_a"), ("bold", "b"), ("italic", "c")]),
    ("*a _b* c_", "a _b c_", [("bold", "a _b")]),
    ("*stray and *bold*", "*stray and bold", [("bold", "bold")]),
    ("*two\nlines*", "*two\nlines*", []),
    (r"\*plain\* \_x\_ \[a\](b) a\b", "*plain* _x_ [a](b) a\\b", []),
    ("[https://a.example](https://b.example)", "https://a.example", [("link", "https://a.example")]),
    ("[a](javascript:alert(1))", "[a](javascript:alert(1))", []),
    ("* _ ~ *** ____ a**b", "* _ ~ *** ____ a**b", []),
    ("Hello **, __ or ~~you", "Hello ,  or you", []),
    ("*_both_* _*a* b_", "both a b", [("bold", "both"), ("italic", "both"), ("italic", "a b"), ("bold", "a")]),
    ("", "", []),
])  # fmt: skip
def test_what_is_read(source: str, text: str, spans: list[tuple[str, str]]) -> None:
    assert (parsed(source).text, spans_of(source)) == (text, spans)


def test_an_address_in_a_sentence_ends_before_its_full_stop() -> None:
    assert spans_of("_see https://x.example/a_b._") == [
        ("italic", "see https://x.example/a_b."), ("link", "https://x.example/a_b")
    ]  # fmt: skip


@given(st.one_of(WRITTEN, MARKED, st.text(max_size=40)))
def test_spans_lie_in_the_text_and_never_cross(source: str) -> None:
    made = parsed(source)
    for span in made.spans:
        assert 0 <= span.start < span.end <= len(made.text)
    for one in made.spans:
        for other in made.spans:
            assert not one.start < other.start < one.end < other.end, (one, other)
    assert list(made.spans) == sorted(made.spans, key=lambda span: (span.start, -span.end))
    assert "".join(text for _, _, text in walk(made)) == made.text


@given(st.one_of(WRITTEN, st.text(max_size=60)))
def test_what_was_escaped_is_read_as_it_was(text: str) -> None:
    made = parsed(escaped(text))
    assert (made.text, [span for span in made.spans if span.kind != "link"]) == (text, [])
    wrapped = parsed(f"*x {escaped(text)} x*")
    assert wrapped.text == f"x {text} x" if "\n" not in text else text in wrapped.text


@given(st.one_of(WRITTEN, MARKED))
def test_html_is_whole(source: str) -> None:
    made = html(parsed(source))
    opened: list[str] = []
    for closing, name in re.findall(r"<(/?)([a-z]+)[^<>]*>", made):
        if name == "br":
            continue
        if closing:
            assert opened.pop() == name
        else:
            opened.append(name)
    assert opened == []


@given(MARKED, st.integers(1, 30))
def test_shortening_keeps_spans_inside(source: str, limit: int) -> None:
    made = shortened(trimmed(parsed(source)), limit)
    assert len(made.text) <= limit
    assert all(0 <= span.start < span.end <= len(made.text) for span in made.spans)


@given(MARKED, st.data())
def test_edits_move_spans_with_what_they_hold(source: str, data: st.DataObject) -> None:
    made = parsed(source)
    places = sorted(data.draw(st.lists(st.integers(0, len(made.text)), max_size=6, unique=True)))
    edits = [
        (start, end, "é" * number) for number, (start, end) in enumerate(zip(places[::2], places[1::2], strict=False))
    ]
    result = edited(made, edits)
    expected = made.text
    for start, end, text in reversed(edits):
        expected = expected[:start] + text + expected[end:]
    assert result.text == expected
    for one in result.spans:
        assert 0 <= one.start < one.end <= len(result.text)
        for other in result.spans:
            assert not one.start < other.start < one.end < other.end


def test_edits_before_inside_and_after() -> None:
    made = parsed("go *to https://a.example now* ok")
    at = made.text.index("https")
    longer = edited(made, [(0, 2, "going"), (at, at + len("https://a.example"), "https://t.example/c/1")])
    span = next(span for span in longer.spans if span.kind == "bold")
    assert longer.text[span.start : span.end] == "to https://t.example/c/1 now"


def test_each_channel_has_its_own_way() -> None:
    made = parsed("> quoted\n*Hi* [shop](https://x.example) `c` ~s~ [a@b.example](mailto:a@b.example) <b>")
    assert plain(made) == "> quoted\nHi shop: https://x.example c s a@b.example <b>"
    assert whatsapp(made) == "> quoted\n*Hi* shop: https://x.example ```c``` ~s~ a@b.example <b>"
    assert html(made, "color:red") == (
        '<blockquote>quoted</blockquote><br>\n<b>Hi</b> <a href="https://x.example" style="color:red">shop</a> '
        '<code>c</code> <s>s</s> <a href="mailto:a@b.example" style="color:red">a@b.example</a> &lt;b&gt;'
    )


def test_a_bold_link_ends_before_its_address_on_whatsapp() -> None:
    assert whatsapp(parsed("*[shop](https://x.example)*")) == "*shop*: https://x.example"


def test_a_long_line_of_marks_is_read_at_once() -> None:
    for bomb in (
        "*a " * 30_000,
        "[" * 100_000,
        "[a](" * 30_000,
        "`" * 99_999,
        "\\" * 99_999,
        "_*~" * 30_000,
        "http://" * 20_000,
    ):
        made = parsed(bomb)
        assert len(made.text) <= len(bomb)


def test_shortened_at_a_word() -> None:
    assert shortened(Formatted("one two three", (Span(4, 13, "bold"),)), 9) == Formatted(
        "one two…", (Span(4, 7, "bold"),)
    )
