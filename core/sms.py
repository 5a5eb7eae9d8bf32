"""How many SMS a text becomes: 3GPP TS 23.038's default alphabet (GSM-7) or UCS-2.

One character outside GSM-7 makes the whole text UCS-2: Russian, Persian, an emoji, a curly quote. That a provider may
replace such characters (smart encoding) is not counted on.
"""

from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM7 = _BASIC | _EXTENSION

GSM7_SINGLE, GSM7_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


@dataclass(frozen=True, slots=True)
class Segments:
    """``units`` are septets in GSM-7 (an extension character is two), 16-bit units in UCS-2 (an emoji is two)."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    parts: int


def sms_parts(text: str) -> Segments:
    """Encoding and number of SMS of ``text``. A pair of units is never cut between two parts, as phones require."""
    # nearly all texts are without pairs, and need no look at each character
    if _BASIC.issuperset(text):
        return _of_single_units("GSM-7", len(text), GSM7_SINGLE, GSM7_PART)
    if _GSM7.issuperset(text):
        widths = [2 if character in _EXTENSION else 1 for character in text]
        return _counted("GSM-7", widths, GSM7_SINGLE, GSM7_PART)
    if max(text) <= "\uffff":
        return _of_single_units("UCS-2", len(text), UCS2_SINGLE, UCS2_PART)
    widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return _counted("UCS-2", widths, UCS2_SINGLE, UCS2_PART)


def _of_single_units(encoding: Literal["GSM-7", "UCS-2"], units: int, single: int, part: int) -> Segments:
    return Segments(encoding, units, min(units, 1) if units <= single else -(-units // part))


def _counted(encoding: Literal["GSM-7", "UCS-2"], widths: list[int], single: int, part: int) -> Segments:
    units = sum(widths)
    if units <= single:
        return Segments(encoding, units, 1 if units else 0)
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return Segments(encoding, units, parts)
