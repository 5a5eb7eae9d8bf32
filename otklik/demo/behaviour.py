"""What the demo's customers will do: a script for the sandbox, drawn once per customer from a seed."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from otklik.demo.people import DemoCustomer

HOUR = 3600
SLOT = 1800
"""Customers act on a half-hour grid, 7 minutes past it: many share an instant, none meets a deadline."""
OFFSET = 7 * 60
_HABITS: tuple[tuple[str, dict[str, int], float, float], ...] = (
    (
        "email",
        {"reply": 10, "auto_reply": 6, "click": 6, "one_click": 4, "buy": 5, "complain": 1, "start_bot": 12},
        1,
        60,
    ),
    ("whatsapp", {"reply": 18, "stop": 5, "buy": 6}, 0.5, 36),
    ("telegram", {"reply": 15, "press": 10, "buy": 5}, 0.5, 36),
    ("sms", {"reply": 15, "stop": 8}, 0.5, 36),
)
"""On each channel: out of a hundred customers, how many do what, and within how many hours of the message."""
REPLIES = {
    "en": ("Yes please, what would you suggest?", "Thank you for writing! I loved the last one.", "Maybe in spring."),
    "ru": ("Да, посоветуйте что-нибудь!", "Спасибо, что написали. Давно собирался зайти.", "Может быть, весной."),
    "fa": ("بله، لطفاً کتابی پیشنهاد کنید.", "ممنون که نوشتید، کتاب قبلی عالی بود.", "شاید بهار بیایم."),
}

ASKS = {
    "en": (
        "My parcel has not moved for a week. Could I talk to a person, please?",
        "I got the wrong book, and it is a present for Sunday. Can I speak to someone?",
    ),
    "ru": (
        "Посылка неделю стоит на месте. Позовите оператора, пожалуйста.",
        "Пришла не та книга, а подарок нужен к воскресенью. Хочу поговорить с человеком.",
    ),
    "fa": (
        "بسته من یک هفته است که تکان نخورده. می‌خواهم با اپراتور صحبت کنم.",
        "کتاب اشتباهی رسیده و آن را برای جمعه لازم دارم. می‌خواهم با یک نفر صحبت کنم.",
    ),
}
"""What customers write who want a person."""
ASKED_AFTER = (timedelta(days=10, hours=3, minutes=23), timedelta(days=10, hours=3, minutes=17))
"""When they do, after the demo's start: the campaign is over, the shop is open."""
OF_LATE = timedelta(days=300)
"""Who ordered within it is in no audience of the demo."""


def sandbox_people(customers: Sequence[DemoCustomer], seed: int, start: datetime, lang: str) -> list[dict[str, Any]]:
    """The people of the sandbox with their phones and scripts, the same for the same seed."""
    people = [_person(customer, seed) for customer in customers]
    for number, (customer, person) in enumerate(_askers(customers, people, start, lang)):
        at = (start + ASKED_AFTER[number]).isoformat()
        words = ASKS[customer.language][number]
        person["script"].append({"on": {"at": at}, "do": "write", "channel": "telegram", "text": words})
    return people


def _askers(
    customers: Sequence[DemoCustomer], people: Sequence[dict[str, Any]], start: datetime, lang: str
) -> list[tuple[DemoCustomer, dict[str, Any]]]:
    """Up to two who use the bot and are in no campaign: one of the demo's language, one of another."""
    able = [
        (customer, person)
        for customer, person in zip(customers, people, strict=True)
        if customer.telegram and not person["telegram"]["blocked"]
        and customer.last_order_at is not None and customer.last_order_at > start - OF_LATE
    ]  # fmt: skip
    same = [one for one in able if one[0].language == lang]
    others = [one for one in able if one[0].language != lang]
    return [*same[:1], *others[:1]]


def _person(customer: DemoCustomer, seed: int) -> dict[str, Any]:
    chance = random.Random(f"behaviour:{seed}:{customer.external_id}")
    knows_bot = customer.telegram != 0
    telegram_id = customer.telegram or 8_000_000_000 + chance.randrange(1_000_000_000)
    has_telegram = knows_bot or chance.random() < 0.5
    mailbox = "ok" if customer.email_exists else "unknown"
    if mailbox == "ok" and chance.random() < 0.03:
        mailbox = "bounces"
    return {
        "key": customer.external_id,
        "name": f"{customer.first_name} {customer.last_name}",
        "lang": customer.language,
        "country": customer.place.country,
        "zone": customer.place.zone,
        "email": customer.email,
        "mailbox": mailbox,
        "client": chance.choices(("plain", "html", "no_refs", "from_only"), weights=(70, 15, 10, 5))[0],
        "phone": customer.phone,
        "sms": True,
        "whatsapp": customer.has_whatsapp,
        "read_after": 30 if chance.random() < 0.7 else None,
        "telegram": (
            {"user_id": telegram_id, "started": knows_bot, "blocked": knows_bot and chance.random() < 0.1}
            if has_telegram
            else None
        ),
        "script": _script(customer, chance, may_join=has_telegram and not knows_bot),
    }


def _script(customer: DemoCustomer, chance: random.Random, *, may_join: bool) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []

    def after(low: float, high: float) -> int:
        return SLOT * chance.randint(int(low * HOUR / SLOT), int(high * HOUR / SLOT)) + OFFSET

    def on(channel: str, do: str, low: float, high: float, **more: Any) -> None:
        rules.append({"on": {"channel": channel, "nth": 1}, "after": after(low, high), "do": do, **more})

    def words(deed: str) -> dict[str, Any]:
        """What a deed needs: a reply its text, an order its amount."""
        if deed == "reply":
            return {"text": chance.choice(REPLIES[customer.language])}
        return {"amount": f"{chance.randint(8, 90)}.90"} if deed == "buy" else {}

    if chance.random() < 0.5:
        on("email", "open", 0.5, 20)
    for channel, shares, low, high in _HABITS:
        deed = _drawn(chance, **shares)
        if deed == "auto_reply":
            rules.append({"on": {"channel": channel, "nth": 1}, "after": OFFSET, "do": deed})
        elif deed is not None and (deed != "start_bot" or may_join):
            on(channel, deed, low, high, **words(deed))
    return rules


def _drawn(chance: random.Random, **percent: int) -> str | None:
    """One of the names by its percentage, None for the rest of the hundred."""
    roll = chance.random() * 100
    for name, share in percent.items():
        roll -= share
        if roll < 0:
            return name
    return None
