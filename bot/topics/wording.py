"""What a topic shows of a conversation: entries as text with their authors in bold. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from core import catalogue
from core.messages import Span
from core.naming import channel_named
from core.text import clipped

Voice = Literal["customer", "agent", "bot", "note", "event"]
FULL = 4096
"""UTF-16 units of one message; an entry that is longer stands alone, in parts."""
NAME_LENGTH = 128
UNDELIVERED = "undelivered"
"""The event of an answer that did not arrive: its ``detail`` has the state and why, its text the words."""
_MARKS: dict[Voice, str] = {"customer": "👤", "agent": "💬", "bot": "🤖", "note": "📝", "event": "•"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said or done. ``who`` is its author's name, ``files`` the names of what came with it.

    ``quote`` is what it answers, ``edited``: it stands in the place of something that was said before. ``missing`` is
    the name of a file that cannot be shown.
    """

    id: str
    voice: Voice
    who: str = ""
    channel: str = ""
    subject: str = ""
    text: str = ""
    files: tuple[str, ...] = ()
    quote: str = ""
    edited: bool = False
    missing: str = ""
    event: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """Entries that go as one message (in parts, where one entry is longer): their ids, the text and how it looks."""

    ids: tuple[str, ...]
    text: str
    spans: tuple[Span, ...]


def topic_name(name: str, channel: str, locale: str) -> str:
    """What a conversation's topic is called: the customer, and where they write from."""
    title = channel_named(locale, channel) if channel else ""
    return clipped(" · ".join(filter(None, (" ".join(name.split()), title))), NAME_LENGTH) or "?"


def shown(entries: Sequence[Entry], locale: str) -> Shown:
    """As many of ``entries`` as one message holds, at least one. Who goes on talking is named once."""
    text, spans, ids = "", list[Span](), list[str]()
    last: tuple[str, ...] = ()
    for entry in _once(entries):
        author = (entry.voice, entry.who, entry.channel, entry.subject)
        header = "" if author == last or entry.voice == "event" else _header(entry, locale)
        body = _body(entry, locale)
        gap = ("\n" if author == last or entry.voice == "event" == last[0] else "\n\n") if text else ""
        piece = "\n".join(filter(None, (header, body)))
        if text and _units(text + gap + piece) > FULL:
            break
        if header:
            start = len(text) + len(gap)
            spans.append(Span(start, start + len(header), "bold"))
        if entry.voice == "event":
            start = len(text) + len(gap)
            spans.append(Span(start, start + len(piece), "italic"))
        text += gap + piece
        ids.append(entry.id)
        last = author
    return Shown(tuple(ids), text, tuple(spans))


def _once(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries, those events without their words that only tell what stands above them."""
    words = ""
    for entry in entries:
        told = entry.voice == "event" and entry.text and words.startswith(entry.text.removesuffix("…"))
        yield replace(entry, text="") if told else entry
        words = entry.text if entry.voice == "customer" else words


def _header(entry: Entry, locale: str) -> str:
    who = entry.who or (catalogue.text(locale, f"desk.topics_{entry.voice}") if entry.voice != "customer" else "")
    channel = ""
    if entry.channel and entry.voice != "note":
        channel = channel_named(locale, entry.channel)
    return f"{_MARKS[entry.voice]} " + " · ".join(filter(None, (who, channel, entry.subject)))


def _body(entry: Entry, locale: str) -> str:
    if entry.event == UNDELIVERED:
        state = catalogue.text(locale, f"desk.sent_{entry.detail['state']}")
        why = ": ".join(filter(None, (state, entry.detail["why"])))
        return catalogue.text(locale, "desk.topics_undelivered", text=entry.text or "📎", why=why)
    if entry.voice == "event":
        who = entry.who or catalogue.text(locale, "desk.system")
        try:
            said = catalogue.text(locale, f"desk.event_{entry.event}", who=who, agent=entry.detail.get("agent", ""))
        except KeyError:
            said = entry.event
        return f"{_MARKS['event']} {said}" + (f": {entry.text}" if entry.text else "")
    if entry.missing:
        return catalogue.text(locale, "desk.topics_file_not_here", file=entry.missing)
    files = [f"📎 {name}" for name in entry.files]
    quote = f"↪ {entry.quote}" if entry.quote else ""
    said = f"✏️ {entry.text.strip()}" if entry.edited else entry.text.strip()
    return "\n".join(filter(None, (quote, said, *files))) or "…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
