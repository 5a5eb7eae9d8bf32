"""The parts that a demo needs somebody for, and who plays those that nobody drew: a small town shows everything, too.

Only scripts are changed, and Telegram put on a phone, never what the shop knows of a customer: where nobody could play
a part (in Iran nobody gets an SMS from abroad), it stays open and is told.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otklik.demo.behaviour import HOUR, OFFSET, REPLIES, SLOT
from otklik.demo.people import DemoCustomer

ENDING = frozenset({"reply", "click", "press", "buy", "one_click", "stop", "complain"})
"""What ends a journey."""
_SOON = (HOUR, 20 * HOUR)
"""Seconds after a message within which a part is played: before the next step of the campaign."""
_FIRST_USER_ID = 9_000_000_000
"""Of those who get Telegram here: nobody else has such a number."""


@dataclass(frozen=True, slots=True)
class _Role:
    """A customer in the audience who agreed, with their person at the sandbox."""

    customer: DemoCustomer
    person: dict[str, Any]

    @property
    def reads_mail(self) -> bool:
        return bool(self.person["mailbox"] == "ok")

    @property
    def is_served(self) -> bool:
        """Whether SMS and WhatsApp reach the country."""
        return self.customer.place.country != "IR"

    @property
    def may_join(self) -> bool:
        return not self.customer.telegram

    @property
    def hears_telegram(self) -> bool:
        return bool(self.customer.telegram) and not self.person["telegram"]["blocked"]

    @property
    def gets_whatsapp(self) -> bool:
        return self.is_served and self.customer.has_whatsapp

    def does(self, channel: str) -> set[str]:
        """What is scripted after the first message there."""
        return {rule["do"] for rule in self.person["script"] if rule["on"].get("channel") == channel}

    def is_silent(self, *channels: str) -> bool:
        """Whether nothing done there ends the journey, or brings another channel into it."""
        return not any(self.does(channel) & {*ENDING, "start_bot"} for channel in channels)

    def play(self, channel: str, deed: str, chance: random.Random) -> None:
        """Do it, once the first message came there."""
        if deed == "start_bot" and self.person["telegram"] is None:
            user_id = _FIRST_USER_ID + chance.randrange(1_000_000_000)
            self.person["telegram"] = {"user_id": user_id, "started": False, "blocked": False}
        after = SLOT * chance.randint(_SOON[0] // SLOT, _SOON[1] // SLOT) + OFFSET
        rule: dict[str, Any] = {"on": {"channel": channel, "nth": 1}, "after": after, "do": deed}
        if deed == "buy":
            rule["amount"] = f"{chance.randint(8, 90)}.90"
        elif deed == "reply":
            rule["text"] = chance.choice(REPLIES[self.customer.language])
        self.person["script"].append(rule)

    def hush(self, *channels: str) -> None:
        """Take away what ends the journey there."""
        self.person["script"] = [
            rule
            for rule in self.person["script"]
            if rule["on"].get("channel") not in channels or rule["do"] not in {*ENDING, "start_bot", "auto_reply"}
        ]


@dataclass(frozen=True, slots=True)
class _Part:
    """``able``: who could play it; before it they are silent on ``silent``; what they do on ``channel`` is ``deed``."""

    able: Callable[[_Role], bool]
    channel: str
    deed: str = ""
    silent: tuple[str, ...] = ()

    def is_played_by(self, role: _Role) -> bool:
        return (
            self.able(role)
            and (not role.reads_mail or role.is_silent(*(name for name in self.silent if name == "email")))
            and (not role.gets_whatsapp or role.is_silent(*(name for name in self.silent if name == "whatsapp")))
            and (not self.deed or self.deed in role.does(self.channel))
        )


PARTS: dict[str, _Part] = {
    "sms": _Part(lambda role: role.is_served and not role.hears_telegram, "sms", silent=("email", "whatsapp")),
    "stop": _Part(lambda role: role.gets_whatsapp, "whatsapp", "stop", silent=("email",)),
    "whatsapp": _Part(lambda role: role.gets_whatsapp, "whatsapp", silent=("email",)),
    "start_bot": _Part(lambda role: role.reads_mail and role.may_join, "email", "start_bot"),
    "telegram": _Part(lambda role: role.hears_telegram, "telegram", silent=("email", "whatsapp")),
    **{
        deed: _Part(lambda role: role.reads_mail, "email", deed)
        for deed in ("reply", "auto_reply", "click", "one_click", "buy")
    },
}
"""By name; those that fewest could play come first."""


def fill(
    customers: Sequence[DemoCustomer], people: Sequence[dict[str, Any]], seed: int, now: datetime
) -> tuple[str, ...]:
    """Give each part that nobody drew to somebody who can play it; the names of those that nobody can."""
    roles = [
        _Role(customer, person)
        for customer, person in zip(customers, people, strict=True)
        if customer.consent_at is not None and customer.is_dormant(now)
    ]
    busy: set[str] = set()
    open_: list[str] = []
    for name, part in PARTS.items():
        player = next((role for role in roles if part.is_played_by(role)), None)
        if player is None:
            player = next((role for role in roles if part.able(role) and role.customer.external_id not in busy), None)
            if player is None:
                open_.append(name)
                continue
            player.hush(*part.silent, part.channel)
            if part.deed:
                player.play(part.channel, part.deed, random.Random(f"part:{seed}:{name}"))
        busy.add(player.customer.external_id)
    return tuple(open_)
