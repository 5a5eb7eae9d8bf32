"""A customer's story in sentences of the reader's language: for the terminal and for the desk."""

from campaigns.engine.deciding import DROPPED
from campaigns.reporting.reasons import reason_in_words
from campaigns.reporting.story import Absence, Line
from core.catalogue import listed, text
from core.naming import channel_named


def absence_in_words(absence: Absence, lang: str) -> str:
    """Why there is no story to tell."""
    since = f"{absence.since:%Y-%m-%d %H:%M} UTC" if absence.since is not None else ""
    return text(lang, f"absence.{absence.why}", campaign=absence.campaign, segment=absence.segment, since=since)


def in_words(line: Line, lang: str) -> str:
    """A line of a story as a sentence."""
    kind, _, name = line.kind.partition(".")
    if kind == "event":
        return text(lang, "story.event", kind=name, detail=line.detail)
    try:
        return text(lang, f"story.{_told_as(line)}", **_told(line, lang)).replace(" ()", "").strip()
    except KeyError:
        return f"{line.kind} {line.step} {line.detail}".strip()


def _told_as(line: Line) -> str:
    if line.kind == "WaitEnded" and not line.leg:
        return "WaitOver"
    if line.kind == "SendDeferred" and line.until is not None:
        return "SendDeferred.until"
    return line.kind


def _told(line: Line, lang: str) -> dict[str, object]:
    """What the sentence speaks of. What somebody wrote is not ours to put in other words."""
    detail = line.detail
    if line.kind == "CustomerChanged":
        detail = listed(lang, detail.split(", "))
    elif "." not in line.kind or line.kind in ("message.cancelled", "message.skipped"):
        detail = reason_in_words(detail, lang)
    if line.kind == "Entered" and detail:
        detail = f" ({detail})"
    leg = text(lang, "report.otherwise") if line.leg == "otherwise" else line.leg
    return {
        "step": line.step if leg in ("", "main", DROPPED) else f"{line.step} ({leg})",
        "channel": channel_named(lang, line.channel) if line.channel else "",
        "detail": detail,
        **({"count": int(detail)} if line.kind == "PointsGiven" and detail.isdigit() else {}),
        "until": f"{line.until:%Y-%m-%d %H:%M}" if line.until is not None else "",
    }
