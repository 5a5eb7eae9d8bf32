"""What the timeline says of each thing that happened, in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.handoff.record import NOTE
from campaigns.reporting.reasons import reason_in_words
from campaigns.reporting.story import Line
from core.agents import WROTE
from core.catalogue import listed
from core.money import Money
from core.text import clipped
from desk.campaigns.words import isolated
from desk.customers.timeline import Entry, Kind
from desk.customers.words import Words

LONGEST = 280
PROPERTIES = 4
"""How many of an event's properties are shown beside it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What happened: our words; then what somebody wrote (``quote``), and what became of it (``after``).

    ``tone`` colours the line: empty, ``bad`` or ``good``. ``link`` leads to where more of it stands, ``why`` names the
    campaign whose story it is part of.
    """

    words: str
    quote: str = ""
    after: str = ""
    tone: str = ""
    channel: str = ""
    link: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Telling(Words):
    """Tells for one reader."""

    def sentence(self, entry: Entry) -> Sentence:
        """An entry of the timeline in words."""
        return _TOLD[entry.kind](self, entry)


def _message(telling: Telling, entry: Entry) -> Sentence:
    row, content = entry.row, entry.row.content or {}
    parts = (row.subject or str(content.get("subject", "")), row.body or str(content.get("text", "")))
    quote = clipped(" · ".join(" ".join(part.split()) for part in parts if part), LONGEST)
    link = f"/desk/inbox/{row.conversation_id}" if row.conversation_id else ""
    if row.direction == "in":
        return Sentence(telling.say("wrote"), quote, channel=row.channel, link=link)
    state = row.state.value
    after = telling.known(f"state_{state}", "") or telling.figures.reader.say(f"sent_{state}")
    if row.reason:
        after = f"{after}: {reason_in_words(row.reason, telling.figures.language)}"
    token, tone = row.client_token or "", "bad" if state in ("failed", "rejected", "unknown") else ""
    if row.campaign:
        words = telling.say("sent_by_campaign", campaign=isolated(row.campaign), step=isolated(row.step))
    elif token.startswith(WROTE):
        words = telling.say("sent_by_agent")
    else:
        words = telling.say("sent_by_bot")
    return Sentence(words, quote, after, tone, row.channel, link)


def _event(telling: Telling, entry: Entry) -> Sentence:
    row = entry.row
    named = telling.known(f"event_{row.name}", row.name)
    if row.amount_micros is not None:
        named = telling.say(
            "amount", event=named, amount=telling.figures.money(Money(row.amount_micros, row.currency or ""))
        )
    return Sentence(named, _properties(row.properties), tone="good" if row.amount_micros is not None else "")


def _properties(properties: Mapping[str, Any] | None) -> str:
    """The plain ones of an event's properties, in one line."""
    plain = [(name, value) for name, value in (properties or {}).items() if isinstance(value, str | int | float)]
    return clipped(", ".join(f"{name}: {value}" for name, value in plain[:PROPERTIES]), LONGEST)


def _response(telling: Telling, entry: Entry) -> Sentence:
    row = entry.row
    words = telling.known(f"response_{row.kind}", row.kind)
    if row.campaign:
        words = telling.say("about_campaign", what=words, campaign=isolated(row.campaign))
    return Sentence(words, tone="bad" if row.kind in ("opt_out", "complaint") else "", channel=row.channel)


def _step(telling: Telling, entry: Entry) -> Sentence:
    row = entry.row
    said = telling.line(Line(row.at, row.event, row.step, row.leg, "", row.detail))
    return Sentence(telling.say("of_campaign", campaign=isolated(row.campaign), what=said), why=row.campaign)


def _consent(telling: Telling, entry: Entry) -> Sentence:
    row = entry.row
    words = telling.say("agreed" if row.granted else "refused", purpose=telling.purpose(row.purpose))
    source = listed(telling.figures.language, filter(None, (row.source, row.document)))
    return Sentence(words, row.wording, source, "good" if row.granted else "bad", row.channel or "")


def _handoff(telling: Telling, entry: Entry) -> Sentence:
    row, reader = entry.row, telling.figures.reader
    if row.event == NOTE:
        by = reader.say("note_by", name=entry.who) if entry.who else reader.say("note")
        return Sentence(by, clipped(row.text, LONGEST), link=f"/desk/inbox/{row.conversation_id}")
    try:
        words = reader.say(f"event_{row.event}", who=entry.who or reader.say("system"), agent=entry.whom)
    except KeyError:
        words = row.event
    return Sentence(words.strip(), clipped(row.text, LONGEST), link=f"/desk/inbox/{row.conversation_id}")


def _change(telling: Telling, entry: Entry) -> Sentence:
    row, detail = entry.row, entry.row.detail or {}
    who = entry.who or telling.known(f"actor_{str(row.actor).partition(':')[0]}", str(row.actor))
    given = [one for one in detail.get("fields", ()) if isinstance(one, str)]
    fields = listed(telling.figures.language, [telling.known(f"field_{one}", one) for one in given])
    words = telling.known(f"did_{str(row.action).replace(' ', '_').replace('.', '_')}", str(row.action))
    return Sentence(words, fields, telling.say("by", who=who))


_TOLD: Mapping[Kind, Callable[[Telling, Entry], Sentence]] = {
    Kind.MESSAGE: _message, Kind.EVENT: _event, Kind.RESPONSE: _response, Kind.CAMPAIGN: _step,
    Kind.CONSENT: _consent, Kind.HANDOFF: _handoff, Kind.CHANGE: _change,
}  # fmt: skip
