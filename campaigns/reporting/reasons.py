"""The engine's reasons in the reader's language. The engine says them in fixed forms; these read the forms again."""

import re
from collections.abc import Callable

from core.catalogue import listed, text
from core.installed import channel_names
from core.naming import channel_named

Words = Callable[[re.Match[str], str], str]


def reason_in_words(reason: str, lang: str) -> str:
    """Why something was done, put off or left out; what nobody translated stays as it was said."""
    known = _plain(reason, lang)
    if known is not None:
        return known
    for form, words in _FORMS:
        if match := form.fullmatch(reason):
            return words(match, lang)
    return reason


def _plain(reason: str, lang: str) -> str | None:
    try:
        return text(lang, f"reason.{reason}")
    except (KeyError, IndexError, ValueError):  # none of ours: what a provider said may hold braces
        return None


def _says(key: str) -> Words:
    return lambda match, lang: text(lang, f"reason.{key}", **_named(match, lang))


def _named(match: re.Match[str], lang: str) -> dict[str, str]:
    """What a form found, channels by their names."""
    found = match.groupdict()
    return {key: channel_named(lang, said) if key in ("channel", "cheaper") else said for key, said in found.items()}


def _several(match: re.Match[str], lang: str) -> str:
    return listed(lang, (reason_in_words(part, lang) for part in match[0].split("; ")), apart=True)


def _entered(match: re.Match[str], lang: str) -> str:
    return listed(lang, (reason_in_words(part, lang) for part in match[0].split(", ")))


def _scored(match: re.Match[str], lang: str) -> str:
    seen = _plain("never_tried", lang) if match["seen"] == "never tried" else reason_in_words(match["seen"], lang)
    channel = channel_named(lang, match["channel"])
    scored = text(lang, "reason.score", channel=channel, score=match["score"], seen=seen, price=match["price"])
    return text(lang, "reason.chosen", scored=scored) if match["chosen"] else scored


def _cheaper(match: re.Match[str], lang: str) -> str:
    return text(lang, "reason.cheaper", **{**_named(match, lang), "reason": reason_in_words(match["reason"], lang)})


def _too_late(match: re.Match[str], lang: str) -> str:
    return text(lang, "reason.too_late", reason=reason_in_words(match["reason"], lang))


def _there(match: re.Match[str], lang: str) -> str:
    if match["channel"] not in channel_names():
        return match[0]
    told = reason_in_words(match["reason"], lang)
    if match["channel"] in match["reason"].split():  # it names the channel itself
        return told
    return f"{channel_named(lang, match['channel'])}: {told}"


_FORMS: tuple[tuple[re.Pattern[str], Words], ...] = tuple(
    (re.compile(form), words)
    for form, words in (
        (r"(?s).+; .+", _several),
        (r"variant [\w-]+, held out", _entered),
        (r"variant (?P<name>[\w-]+)", _says("variant")),
        (r"no (?P<channel>\w+) address", _says("no_address")),
        (r"(?P<channel>\w+) does not serve (?P<country>\w+)", _says("unserved")),
        (
            r"(?P<chosen>\*?)(?P<channel>\w+): score (?P<score>[\d.]+) \((?P<seen>[^)]+)\), price (?P<price>\S+)",
            _scored,
        ),
        (r"(?P<answered>\d+) of (?P<sent>\d+) answered", _says("seen")),
        (r"(?P<reason>\w+): (?P<cheaper>\w+) instead of (?P<channel>\w+)", _cheaper),
        (r"(?P<reason>\w+): past its expires", _too_late),
        (r"over (?P<number>\d+) a day", _says("over_quota")),
        (r"(?P<product>[\w-]+) is promised already", _says("promised")),
        (r"(?P<product>[\w-]+) is promised already, by (?P<offer>[\w-]+)", _says("promised_by")),
        (r"offer (?P<offer>[\w-]+) has no codes left", _says("no_codes")),
        (r"offer (?P<offer>[\w-]+) is not known", _says("unknown_offer")),
        (r"(?P<channel>[a-z]\w*): (?P<reason>.+)", _there),
    )
)
