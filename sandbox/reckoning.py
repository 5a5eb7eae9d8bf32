"""Small things that page and scripts must reckon alike: a person's colour and initials, numerals, the date."""

from datetime import datetime

import jdatetime

HUES = 8
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def hue(key: str) -> int:
    """One of HUES colours for a person, the same as in ``static/dom.js``."""
    return sum(map(ord, key)) % HUES


def initials(name: str) -> str:
    """At most two letters."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "·"


def digits(value: object, lang: str) -> str:
    """A number in the numerals of ``lang``."""
    return str(value).translate(_PERSIAN) if lang == "fa" else str(value)


def moment(instant: datetime, lang: str) -> dict[str, str]:
    """The date and time of an aware UTC ``instant``, plain, until the scripts write it out; Persian by its calendar."""
    date = f"{instant:%Y-%m-%d}"
    if lang == "fa":
        date = jdatetime.datetime.fromgregorian(datetime=instant.replace(tzinfo=None)).strftime("%Y/%m/%d")
    return {"iso": instant.isoformat(), "date": digits(date, lang), "time": digits(f"{instant:%H:%M}", lang)}
