"""What a customer may choose, what they have chosen, and what it tells them of us. Plain values and pure readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.messages import EMAIL, SMS, WHATSAPP

LANGUAGES: Mapping[str, str] = {"en": "English", "ru": "Русский", "fa": "فارسی"}
ANY_TIME = ""


@dataclass(frozen=True, slots=True)
class Place:
    """An address of the customer. ``granted`` is their word on marketing there, None if they never gave one.

    ``source`` and ``consent_source`` say where we have it and their word from; ``masked`` hides most of it: a link in a
    forwarded letter must not tell an address.
    """

    id: str
    channel: str
    masked: str
    granted: bool | None
    reachable: bool
    source: str
    known_since: datetime
    consent_source: str = ""
    consented_at: datetime | None = None
    wording: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that they refused (by default a campaign), by its name and its words for people."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that they got, and why: the campaign's words, and whom it was for."""

    channel: str
    at: datetime
    campaign: str
    audience: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything on the page."""

    customer_id: str
    locale: str
    brand: str
    postal_address: str
    zone: str
    places: tuple[Place, ...]
    topics: tuple[Topic, ...] = ()
    letters: tuple[Letter, ...] = ()
    resting_until: datetime | None = None
    hours: str = ANY_TIME
    offered_hours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the customer asks for with one press of a button.

    ``places`` are the addresses on which marketing may come, ``topics`` the refused ones that they want again.
    """

    stop: bool = False
    places: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    rest: bool = False
    language: str = ""
    hours: str = ANY_TIME
    wordings: Mapping[str, str] = field(default_factory=dict)


def read_wish(form: Mapping[str, Sequence[str]], offered: Preferences) -> Wish:
    """A posted form; whatever the page did not offer is left out."""

    def first(name: str) -> str:
        return next(iter(form.get(name, ())), "")

    language, hours = first("language"), first("hours")
    return Wish(
        stop=first("action") == "stop",
        places=frozenset(form.get("place", ())) & {place.id for place in offered.places},
        topics=frozenset(form.get("topic", ())) & {topic.name for topic in offered.topics},
        rest=first("rest") == "yes",
        language=language if language in LANGUAGES else "",
        hours=hours if hours in offered.offered_hours else ANY_TIME,
    )


def masked(channel: str, address: str) -> str:
    """Enough of an address for its owner to know it: ``a…@example.org``, ``+1…00``."""
    if channel == EMAIL:
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}…@{domain}"
    if channel in (SMS, WHATSAPP):
        return f"{address[:2]}…{address[-2:]}"
    return ""
