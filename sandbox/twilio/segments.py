"""How many SMS segments a text takes (3GPP TS 23.038: GSM 7-bit default alphabet and its extension table)."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def segments(text: str) -> int:
    """Segments of ``text``: GSM-7 160 alone or 153 each, else UCS-2 70 or 67; at least one."""
    if all(character in _BASIC or character in _EXTENDED for character in text):
        units = [2 if character in _EXTENDED else 1 for character in text]
        return _pack(units, 160, 153)
    return _pack([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _pack(units: list[int], alone: int, each: int) -> int:
    if sum(units) <= alone:
        return 1
    count, room = 1, each
    for unit in units:  # a character of two units is never cut between segments
        if unit > room:
            count, room = count + 1, each
        room -= unit
    return count
