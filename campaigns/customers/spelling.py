"""One spelling for a name however it is written: Юлия, Yulia, Iuliia and Julia are the same.

Cyrillic letters become Latin ones (near to ICAO 9303, which passports use), then the ways in which people and shops
write the same sound are made one. It is meant for finding namesakes, not for reading. The same replacements, in the
same order, work in Python and in both databases; a test holds the two against each other.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, func, select

from storage.statements import chunks

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
REPLACEMENTS = (
    *((letter, latin) for letter, latin in _CYRILLIC.items()),
    *((letter.upper(), latin) for letter, latin in _CYRILLIC.items()),
    *_PERSIAN,
    *_SOUNDS,
)
_DEPTH = 15
"""Functions within each other in one expression: SQLite's parser bears about twice that."""


def spelling(name: str) -> str:
    """``name`` in its one spelling, without spaces."""
    told = "".join(letter.lower() if letter.isascii() else letter for letter in name)
    for written, meant in REPLACEMENTS:
        told = told.replace(written, meant)
    return told


def spelt(rows: Select[Any], names: Sequence[str]) -> CTE:
    """``rows`` with the columns ``names`` in their one spelling: both databases know ``lower`` and ``replace``."""
    told = rows.cte("spelt_0")
    kept = [name for name in told.c.keys() if name not in names]  # noqa: SIM118  a collection of columns
    for number, part in enumerate(chunks(REPLACEMENTS, _DEPTH), 1):
        columns = [
            _replaced(told.c[name] if number > 1 else func.lower(told.c[name]), part).label(name) for name in names
        ]
        told = select(*(told.c[name] for name in kept), *columns).cte(f"spelt_{number}")
    return told


def _replaced(column: ColumnElement[str], part: Sequence[tuple[str, str]]) -> ColumnElement[str]:
    for written, meant in part:
        column = func.replace(column, written, meant)
    return column
