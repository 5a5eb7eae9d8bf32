"""SMS segments, by examples and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sms import Segments, sms_parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 0, 0)),
        ("a" * 160, Segments("GSM-7", 160, 1)),
        ("a" * 161, Segments("GSM-7", 161, 2)),
        ("a" * 306, Segments("GSM-7", 306, 2)),
        ("a" * 307, Segments("GSM-7", 307, 3)),
        ("€" * 80, Segments("GSM-7", 160, 1)),
        ("€" * 81, Segments("GSM-7", 162, 2)),
        ("€" * 153, Segments("GSM-7", 306, 3)),  # 76 fit a part of 153: a pair is not cut
        ("я" * 70, Segments("UCS-2", 70, 1)),
        ("я" * 71, Segments("UCS-2", 71, 2)),
        ("سلام" * 34, Segments("UCS-2", 136, 3)),
        ("🎁" * 35, Segments("UCS-2", 70, 1)),
        ("🎁" * 67, Segments("UCS-2", 134, 3)),  # 33 fit a part of 67
        ("it’s", Segments("UCS-2", 4, 1)),
    ],
)
def test_examples(text: str, expected: Segments) -> None:
    assert sms_parts(text) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_units_and_bounds(text: str) -> None:
    counted = sms_parts(text)
    part, single = (153, 160) if counted.encoding == "GSM-7" else (67, 70)
    if counted.encoding == "UCS-2":
        assert counted.units == len(text.encode("utf-16-le")) // 2
    assert (counted.parts <= 1) == (counted.units <= single)
    if counted.parts > 1:
        assert -(-counted.units // part) <= counted.parts <= -(-counted.units // (part - 1))


@given(st.text(max_size=200), st.text(max_size=50))
def test_more_text_is_never_fewer_segments(text: str, more: str) -> None:
    assert sms_parts(text).parts <= sms_parts(text + more).parts
