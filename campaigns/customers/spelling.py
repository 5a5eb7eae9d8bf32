"""One spelling for a name however it is written: Юлия, Yulia, Iuliia and Julia are the same.

Cyrillic letters become Latin ones (near to ICAO 9303, which passports use), then the ways in which people and shops
write the same sound are made one. It is meant for finding namesakes, not for reading. Pure.
"""

from functools import lru_cache

_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "ё": "e", "є": "e", "ж": "zh", "з": "z",
    "и": "i", "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "у": "u", "ў": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
    "ъ": "", "ы": "i", "ь": "", "э": "e", "ю": "iu", "я": "ia",
}  # fmt: skip
_PERSIAN = (("ي", "ی"), ("ى", "ی"), ("ك", "ک"), ("\u200c", ""))
_SOUNDS = (
    ("'", ""), ("`", ""), ("’", ""), ("-", ""), (".", ""), (" ", ""),
    ("shch", "sh"), ("sch", "sh"), ("kh", "h"), ("ph", "f"), ("ck", "k"), ("tz", "ts"), ("ch", "č"), ("c", "k"),
    ("x", "ks"), ("w", "v"), ("j", "i"), ("y", "i"), ("ie", "e"), ("ii", "i"), ("ii", "i"), ("ander", "andr"),
)  # fmt: skip
_LETTERS = str.maketrans(
    _CYRILLIC | {letter.upper(): latin for letter, latin in _CYRILLIC.items()} | dict(_PERSIAN)
)  # fmt: skip


@lru_cache(maxsize=65536)
def spelling(name: str) -> str:
    """``name`` in its one spelling, without spaces."""
    told = name.translate(_LETTERS).lower()
    for written, meant in _SOUNDS:
        told = told.replace(written, meant)
    return told
