"""Text that people type, brought to one form for matching. What is shown is never changed by this."""

import unicodedata

_DIGITS = {ord(digit): str(value) for zero in "٠۰" for value, digit in enumerate(chr(ord(zero) + n) for n in range(10))}
_LETTERS = {ord("ي"): "ی", ord("ى"): "ی", ord("ك"): "ک", ord("ة"): "ه", ord("ۀ"): "ه", ord("أ"): "ا", ord("إ"): "ا"}
_DROPPED = dict.fromkeys(
    [
        0x200B,
        0x200D,
        0x200E,
        0x200F,
        0x2060,
        0xFEFF,
        0x0640,
        *range(0x064B, 0x0653),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    ]
)
_FOLD: dict[int, str | None] = {**_DIGITS, **_LETTERS, **_DROPPED, 0x200C: " ", 0x00A0: " "}


def latin_digits(text: str) -> str:
    """Persian and Arabic digits as 0-9; everything else as it was."""
    return text if text.isascii() else text.translate(_DIGITS)


def folded(text: str) -> str:
    """``text`` for comparing: NFKC, Arabic letters as Persian ones, no joiners and marks, one space, case-folded."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).translate(_FOLD).casefold().split())


def clipped(text: str, limit: int) -> str:
    """At most ``limit`` characters, NUL removed, an ellipsis where something was left out."""
    clean = text.replace("\x00", "")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
