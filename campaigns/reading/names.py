"""Names of campaigns, steps, segments, templates, channels and events: one form, safe as a file name."""

import re

NAME_PATTERN = "[a-z0-9][a-z0-9_-]{0,62}"
_NAME = re.compile(NAME_PATTERN)


def name(text: str) -> str:
    """``text`` if it is a name.

    Raises:
        ValueError: in words for the marketer.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r} is not a name; write up to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
        )
    return text
