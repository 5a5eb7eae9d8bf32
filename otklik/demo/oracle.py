"""An oracle: from what the customers are scripted to do, which sends must happen, and how each journey ends.

It imports nothing of Otklik and shares no code with it: it says in its own plain words what the campaign's rules mean
for one customer at a time. Where it and the providers' ledgers disagree, one of the three is wrong.

The campaign: a letter, three days, WhatsApp, two days, Telegram or else SMS, two days. Marketing leaves between 08:00
and 21:00 on the customer's clock. A reply, a click or an order ends it; an automatic reply does not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

OPENS, CLOSES = 8, 21
BOUNCE_AFTER = timedelta(seconds=2)
ENDS = {
    "reply": "answered",
    "click": "answered",
    "press": "answered",
    "buy": "converted",
    "one_click": "exited",
    "stop": "exited",
    "complain": "exited",
}
"""How a journey ends when a customer does this while it is open. Opening, or an automatic reply, ends nothing."""
STEPS = (("email", None, 3), ("whatsapp", None, 2), ("telegram", "sms", 2))
"""Channel, the other channel where that one cannot reach them, days of waiting."""


@dataclass(frozen=True)
class Send:
    """A message that a provider must have accepted: whose, on which channel, planned for when."""

    customer: str
    channel: str
    at: datetime


@dataclass(frozen=True)
class Expected:
    """Everything that must have happened."""

    sends: frozenset[Send]
    outcomes: Mapping[str, str]
    deeds: frozenset[str]


def expect(people: Iterable[Mapping[str, Any]], dormant: Mapping[str, Mapping[str, bool]], start: datetime) -> Expected:
    """What must happen.

    Args:
        people: the sandbox's people, with their scripts.
        dormant: by customer key, those in the audience: {"consent": bool, "whatsapp": bool, "telegram": bool}.
        start: when the campaign starts.
    """
    sends: set[Send] = set()
    outcomes: dict[str, str] = {}
    deeds: set[str] = set()
    for person in people:
        known = dormant.get(person["key"])
        if known is not None:
            journey = _Journey(person, known)
            outcomes[person["key"]] = journey.run(start)
            sends |= journey.sends
            deeds |= journey.deeds
    return Expected(frozenset(sends), outcomes, frozenset(deeds))


class _Journey:
    def __init__(self, person: Mapping[str, Any], known: Mapping[str, bool]) -> None:
        self.person = person
        self.zone = ZoneInfo(person["zone"])
        self.sends: set[Send] = set()
        self.deeds: set[str] = set()
        self.pending: list[tuple[datetime, str]] = []  # what the customer will do, and when
        self.received: dict[str, int] = {}
        self.consent = known["consent"]
        telegram = person["telegram"] or {}
        served = not person["phone"].startswith("+98")  # Twilio carries nothing to Iran
        self.addresses = {
            "email": True,
            "sms": served,
            "whatsapp": served and known["whatsapp"],
            "telegram": known["telegram"],
        }
        self.blocked = bool(telegram.get("blocked"))

    def run(self, start: datetime) -> str:
        """Walk the steps; the journey's end state."""
        now = start
        if not self.consent:
            return "exhausted"  # nothing may be sent, a step that sends nothing waits nothing
        for channel, otherwise, days in STEPS:
            for leg in (channel, otherwise):
                if leg is None or not self.addresses[leg]:
                    continue
                at = self.in_hours(now)
                ended = self.act_until(at)
                if ended:
                    return ended
                if not self.accepts(leg):
                    now = at  # refused at once: the next way, at once
                    continue
                self.send(leg, at)
                if leg == "email" and self.person["mailbox"] == "bounces":
                    now = at + BOUNCE_AFTER  # the letter came back: nothing to wait for
                    ended = self.act_until(now)
                    if ended:
                        return ended
                    break
                now = self.days_later(at, days)
                ended = self.act_until(now)
                if ended:
                    return ended
                break
        return "exhausted"

    def accepts(self, channel: str) -> bool:
        """Whether the provider takes a message for this person."""
        if channel == "email":
            return self.person["mailbox"] in ("ok", "bounces")
        if channel == "telegram":
            return not self.blocked
        return True

    def send(self, channel: str, at: datetime) -> None:
        self.sends.add(Send(self.person["key"], channel, at))
        if channel == "email" and self.person["mailbox"] != "ok":
            return  # nobody reads it
        self.receive(channel, at, greeting=False)

    def receive(self, channel: str, at: datetime, *, greeting: bool) -> None:
        """A message arrives and sets off what is scripted for the first, second … on that channel."""
        self.received[channel] = self.received.get(channel, 0) + 1
        for rule in self.person["script"]:
            on = rule["on"]
            if on["channel"] != channel or on["nth"] != self.received[channel]:
                continue
            if greeting and rule["do"] == "press":
                continue  # a greeting has no buttons
            self.pending.append((at + timedelta(seconds=rule["after"]), rule["do"]))

    def act_until(self, limit: datetime) -> str:
        """Let the customer do what they do before ``limit``; how that ends the journey, empty if it does not."""
        while self.pending and min(self.pending)[0] < limit:
            at, deed = min(self.pending)
            self.pending.remove((at, deed))
            self.deeds.add(deed)
            if deed == "start_bot":
                self.addresses["telegram"] = True  # the chat is theirs now, and they agreed by opening it
                self.receive("telegram", at, greeting=True)  # the bot says hello
            if deed in ENDS:
                return ENDS[deed]
        return ""

    def in_hours(self, at: datetime) -> datetime:
        """The first instant from ``at`` at which marketing may arrive."""
        local = at.astimezone(self.zone)
        if local.hour < OPENS:
            local = local.replace(hour=OPENS, minute=0, second=0, microsecond=0)
        elif local.hour >= CLOSES:
            local = (local + timedelta(days=1)).replace(hour=OPENS, minute=0, second=0, microsecond=0)
        return local.astimezone(UTC)

    def days_later(self, at: datetime, days: int) -> datetime:
        """The same time of day, ``days`` later on the customer's calendar."""
        return (at.astimezone(self.zone) + timedelta(days=days)).astimezone(UTC)
