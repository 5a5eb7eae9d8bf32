"""What staff mean by what they write in a topic."""

import pytest

from bot.topics.meaning import (
    Answer,
    Canned,
    Meaning,
    Note,
    Resolve,
    Return,
    ShowCustomer,
    Snooze,
    Take,
    Unclear,
    meaning_of,
)
from campaigns.periods import Period


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("We send it today.", Answer("We send it today.")),
        ("  half / half  ", Answer("half / half")),
        ("/note she is\nangry", Note("she is\nangry")),
        ("/note", Unclear("note_empty")),
        ("/take", Take()),
        ("/TAKE@lantern_books_bot", Take()),
        ("/return", Return()),
        ("/resolve", Resolve()),
        ("/customer", ShowCustomer()),
        ("/canned Delivery-Late", Canned("delivery-late")),
        ("/canned", Canned("")),
        ("/snooze", Snooze(Period(1, "h"))),
        ("/snooze 2d", Snooze(Period(2, "d"))),
        ("/snooze soon", Unclear("snooze_form", "soon")),
        ("/snooze 0h", Unclear("snooze_form", "0h")),
        ("/snooze 99999y", Unclear("snooze_form", "99999y")),
        ("/noet she is angry", Unclear("slash", "/noet")),
        ("/1 of them", Unclear("slash", "/1")),
    ],
)
def test_a_message_means(text: str, meaning: Meaning) -> None:
    assert meaning_of(text) == meaning
