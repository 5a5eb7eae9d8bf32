"""A flow tried out in its editor: what ``otklik chat`` does, in place. Nothing is sent, stored or called. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.flows.definition import FlowBody
from bot.flows.effects import Facts
from bot.flows.speaking import Surroundings
from bot.flows.talking import Talk
from campaigns.definition import WorkspaceConfig
from campaigns.templates.errors import TemplateFailure

MOST_LINES = 60
"""Of a customer's: a talk is said again from its beginning each time."""
LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """What was said, or (a ``note``) done."""

    voice: Literal["bot", "customer", "note", "problem"]
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A talk as far as it went; ``heard`` is what it took of the customer, ``state`` the run's (``asking``…)."""

    lines: Sequence[Line]
    heard: Sequence[str]
    state: str
    is_open: bool


def try_flow(
    body: FlowBody, config: WorkspaceConfig, channel: str, locale: str, said: Sequence[str], now: datetime
) -> Tried:
    """Say ``said`` to the flow, line by line, until it is over. Takes some milliseconds a line: for a thread."""
    around = Surroundings(
        brand=config.brand, channel=channel, locale=locale, default_locale=config.locale, currency=config.currency,
        zone=config.zone,
    )  # fmt: skip
    talk = Talk(body, Facts(around), now)
    lines: list[Line] = []
    heard: list[str] = []
    try:
        lines += _told(talk, talk.begin())
        for text in said[:MOST_LINES]:
            if not talk.is_open:
                break
            heard.append(text)
            lines.append(Line("customer", text))
            try:
                lines += _told(talk, talk.take(text))
            except ValueError as error:
                heard.pop()
                lines.append(Line("problem", str(error)))
    except TemplateFailure as error:
        lines.append(Line("problem", str(error)))
        return Tried(lines, heard, "failed", is_open=False)
    state = talk.run.state.value if talk.run is not None else ""
    return Tried(lines, heard, state, talk.is_open and len(heard) < MOST_LINES)


def _told(talk: Talk, said: Sequence[str]) -> list[Line]:
    notes = [Line("note", note) for note in talk.notes]
    talk.notes.clear()
    return [*(Line("bot", text) for text in said), *notes]
