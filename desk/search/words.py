"""Words as the search compares them: the same for what was said and for what is asked."""

import re

from core.text import folded

LONGEST_WORD = 40
MOST_WORDS = 800
"""Of one message: some four pages."""
_WORD = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """``text`` for comparing: folded, and ё as the е that most people type."""
    return folded(text).replace("ё", "е")


def words(text: str) -> list[str]:
    """The words of a text: letters and digits that stand together, at most :data:`LONGEST_WORD` characters each."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(plain(text))[:MOST_WORDS]]
