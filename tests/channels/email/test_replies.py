"""Answers as people's programs write them, one file each: what is kept above the line, the mail below it."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email import automatic, html_text, inbound, mailbox, quoting, replies, reports, structure
from channels.email.flowed import unflowed
from channels.email.html_text import text_of_html
from channels.email.inbound import parse
from channels.email.quoting import reply_of
from tests.channels.email.pace import seconds

FILES = sorted((Path(__file__).parent / "replies").glob("*.mail"))
LANGUAGES = ["en", "ru", "fa", "de", "fr", "es", "pt", "it", "tr", "ar", "uk", "pl", "nl", "zh", "ja"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_the_writers_own_words_are_left(path, line_end):
    expected, _, mail = path.read_text().partition("\n=== mail ===\n")
    [event] = parse(mail.replace("\n", line_end).encode(), "email")
    assert event.text.split("\n") == expected.split("\n")


def test_every_language_has_its_programs():
    for program in ("gmail", "outlook"):
        there = {path.stem.removeprefix(f"{program}_") for path in FILES if path.stem.startswith(program)}
        assert set(LANGUAGES) <= there, program


WORDS = [
    "I", "wrote", "you", "yesterday", "From", "there", "писал", "вам", "вчера", "пишет", "من", "به", "شما",
    "نوشتم", "schrieb", "Am", "On", "2026", "09:30", "1.12.2026", "a", "écrit", "escribió", "写道", "ok", "10",
    "-", "--x", "Re:", "Subject", "sent", "my", "phone", "Original", "message", "«да»", "👍", "!", "...",
    "يكتب", "yazdı", "<3", "=>",
]  # fmt: skip
lines = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
paragraphs = st.lists(st.lists(lines, min_size=1, max_size=5).map("\n".join), min_size=1, max_size=6).map("\n\n".join)


@given(paragraphs)
def test_what_is_no_quotation_comes_back_whole(text):
    assert reply_of(text) == text


@given(paragraphs, st.sampled_from(FILES))
def test_every_own_word_survives_above_any_quotation(text, path):
    """Whatever stands over what a program quoted is kept, to the last character."""
    expected, _, mail = path.read_text().partition("\n=== mail ===\n")
    head, _, body = mail.partition("\n\n")
    if "text/plain" not in head or not body.startswith(expected) or "flowed" in head or path.stem.startswith("own_"):
        return
    assert reply_of(text + body.removeprefix(expected)) == text


@given(st.text(alphabet=string.ascii_letters + " \n.,!?", max_size=400))
def test_plain_letters_are_never_cut(text):
    assert "".join(reply_of(text).split()) == "".join(text.split())


def test_soft_breaks_are_joined():
    flowed = "Would you \nsend it?\n> a long \n> quotation\nYes \nplease\n-- \nMina"
    assert unflowed(flowed) == "Would you send it?\n> a long quotation\nYes please\n-- \nMina"
    assert unflowed("長い \n文", delete_space=True) == "長い文"
    assert unflowed(" >stuffed\n From here") == ">stuffed\nFrom here"


# --- regular expressions against what they dislike most ------------------------------------------------------------

MODULES = (automatic, html_text, inbound, mailbox, quoting, replies, reports, structure)
LINE, FIELD, WHOLE = 600, 4_000, 100_000
BOUNDS = {"quoting": LINE, "automatic": FIELD, "inbound": FIELD}
"""Characters that a module lets its patterns see: a line of a text, a header field. Elsewhere all there is."""
PATTERNS = {
    (name := module.__name__.rpartition(".")[2], pattern): (value, BOUNDS.get(name, WHOLE))
    for module in MODULES
    for pattern, value in vars(module).items()
    if isinstance(value, re.Pattern)
}
BAD = {
    "letters": "a",
    "blanks": " ",
    "dashes": "-",
    "digits": "1",
    "dates": "1.12.",
    "times": "09:30 ",
    "brackets": "<",
    "at": "@",
    "addresses": "<a@",
    "colons": "On 2026 wrote:",
    "schrieb": "Am 1 schrieb ",
    "attributes": "class=",
    "quotes": '"',
    "headers": "From: a To: ",
    "combining": "á",
    "zero width": "\u200b",
    "folds": "\r\n ",
    "codes": "5.1.",
    "tokens": "+a",
    "sent": "sent from my ",
    "message-id": "message-id: <",
    "mixed": "1 x ",
    "tags": "<a ",
    "lines": "a:\n",
    "dated": "1.12.2026 <a@b>:\n",
}


@pytest.mark.parametrize(("pattern", "bound"), PATTERNS.values(), ids=[".".join(name) for name in PATTERNS])
def test_no_expression_takes_long(pattern, bound):
    for name, piece in BAD.items():
        text = filled(piece, bound) + "\x00"
        subject = text if isinstance(pattern.pattern, str) else text.encode()
        assert seconds(pattern.search, subject) < 0.05, f"search on {name}"
        assert seconds(pattern.fullmatch, subject) < 0.05, f"fullmatch on {name}"


@pytest.mark.parametrize("piece", BAD.values(), ids=BAD)
def test_no_text_takes_long(piece):
    text = filled(piece, WHOLE)
    for read in (reply_of, text_of_html, unflowed, structure.decoded):
        assert seconds(read, text) < 0.5, read.__name__


def filled(piece, length):
    return (piece * (length // len(piece) + 1))[:length]
