"""Made-up customers with purchase histories, the same for the same seed.

Addresses are in reserved domains and phone numbers in ranges that belong to nobody, so that nothing of this can ever
reach anybody. With ``ids`` the customers get the ids of people who are in a real data set, and no orders of their
own.
"""

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import as_utc
from otklik.demo.names import NAMES, Place
from otklik.demo.phones import FictionalPhones

CUSTOMER_HEADERS = (
    "external_id", "first_name", "last_name", "gender", "email", "phone", "whatsapp", "telegram", "locale", "zone",
    "country", "city", "birthday", "consent_marketing", "consent_at", "consent_source", "consent_wording", "vip",
)  # fmt: skip
ORDER_HEADERS = ("order_id", "customer_id", "ordered_at", "quantity", "amount", "currency")
YEAR = timedelta(days=365)
DORMANT = 0.4
"""Share of customers whose last order is more than a year old."""
WITHOUT_WHATSAPP, WITHOUT_TELEGRAM, WITHOUT_CONSENT, WRONG_MAILBOX = 0.2, 0.3, 0.1, 0.05
MIXES: Mapping[str, Mapping[str, float]] = {
    "en": {"en": 0.7, "ru": 0.15, "fa": 0.15},
    "ru": {"ru": 0.7, "en": 0.15, "fa": 0.15},
    "fa": {"fa": 0.7, "en": 0.15, "ru": 0.15},
}
"""Languages of the customers, by the language of the demo."""
WORDINGS = {
    "en": "Yes, send me news and offers.",
    "ru": "Да, присылайте мне новости и предложения.",
    "fa": "بله، خبرها و پیشنهادها را برایم بفرستید.",
}
_CURRENCY = "USD"
_FIRST_TELEGRAM_ID = 7_000_000_001


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """One purchase; ``amount`` is in hundredths of ``currency``."""

    id: str
    at: datetime
    quantity: int
    amount: int
    currency: str = _CURRENCY


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """A made-up person. ``email_exists`` is false for a mailbox that no server knows; ``telegram`` 0 is none.

    ``consent_at`` is None for those who never agreed. ``last_order_at`` is known also where the orders come from
    elsewhere.
    """

    external_id: str
    first_name: str
    last_name: str
    gender: str
    language: str
    place: Place
    email: str
    email_exists: bool
    phone: str
    has_whatsapp: bool
    telegram: int
    birthday: str
    consent_at: datetime | None
    vip: bool
    orders: tuple[DemoOrder, ...] = ()
    last_order_at: datetime | None = None

    def is_dormant(self, now: datetime) -> bool:
        """The marketer's words, counted by the calendar: ordered before, and not for a year."""
        if self.last_order_at is None:
            return False
        try:
            a_year_ago = now.replace(year=now.year - 1)
        except ValueError:  # 29 February
            a_year_ago = now.replace(year=now.year - 1, day=28)
        return self.last_order_at < a_year_ago


def generate(
    count: int,
    now: datetime,
    seed: int,
    lang: str,
    ids: Sequence[str] | None = None,
    orders: Mapping[str, datetime] | None = None,
) -> list[DemoCustomer]:
    """``count`` customers as of ``now``; each is drawn from its own chance, so that a longer list begins the same.

    ``ids`` gives addresses to customers who exist elsewhere (``count`` is then ignored); ``orders`` are the times of
    their last orders, if they are known.

    Raises:
        ValueError: if there are more customers than fictional phone numbers (some thousands a country), or no such
            language.
    """
    if lang not in MIXES:
        raise ValueError(f"{lang!r} is not a language of the demo; write {', '.join(MIXES)}")
    present = as_utc(now).replace(microsecond=0)
    names = list(ids) if ids is not None else [f"D{number:05}" for number in range(1, count + 1)]
    last_orders = orders or {}
    phones = FictionalPhones()
    made = []
    for number, external_id in enumerate(names):
        chance = random.Random(f"{seed}:{lang}:{external_id}")
        history = _orders(chance, external_id, present) if ids is None else ()
        last = history[-1].at if history else last_orders.get(external_id)
        made.append(_customer(chance, number, external_id, MIXES[lang], history, last, present, phones))
    return made


def _customer(
    chance: random.Random, number: int, external_id: str, mix: Mapping[str, float], history: tuple[DemoOrder, ...],
    last: datetime | None, now: datetime, phones: FictionalPhones,
) -> DemoCustomer:  # fmt: skip
    language = chance.choices(list(mix), weights=list(mix.values()))[0]
    names = NAMES[language]
    gender = chance.choice(("female", "male"))
    first = chance.choice(names.female if gender == "female" else names.male)
    last_name = chance.choice(names.last_female if gender == "female" else names.last_male)
    place = chance.choice(names.places)
    wrong = chance.random() < WRONG_MAILBOX
    mailbox = f"gone{number + 1}" if wrong else f"customer{number + 1}"
    agreed = (history[0].at if history else last or now) - timedelta(minutes=5)
    return DemoCustomer(
        external_id=external_id,
        first_name=first,
        last_name=last_name,
        gender=gender,
        language=language,
        place=place,
        email=f"{mailbox}@example.org",
        email_exists=not wrong,
        phone=phones.next(place.country),
        has_whatsapp=chance.random() >= WITHOUT_WHATSAPP,
        telegram=0 if chance.random() < WITHOUT_TELEGRAM else _FIRST_TELEGRAM_ID + number,
        birthday=f"{chance.randint(1950, 2004)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        consent_at=None if chance.random() < WITHOUT_CONSENT else agreed,
        vip=chance.random() < 0.1,
        orders=history,
        last_order_at=last,
    )


def _orders(chance: random.Random, external_id: str, now: datetime) -> tuple[DemoOrder, ...]:
    """One to nine orders over up to three years; for the dormant, none within the last year."""
    until = now - YEAR - timedelta(days=chance.uniform(5, 500)) if chance.random() < DORMANT else (
        now - timedelta(days=chance.uniform(1, 350))
    )  # fmt: skip
    times = [until]
    for _ in range(min(8, int(chance.expovariate(0.5)))):
        times.append(times[-1] - timedelta(days=chance.uniform(7, 160)))
    found = []
    for number, at in enumerate(sorted(time.replace(microsecond=0) for time in times), 1):
        quantity = chance.choices((1, 2, 3, 4), weights=(6, 3, 2, 1))[0]
        amount = quantity * int(min(25_000, max(400, chance.lognormvariate(7.4, 0.6))))
        found.append(DemoOrder(f"{external_id}-{number:02}", at, quantity, amount))
    return tuple(found)


def write_customers(path: Path, customers: Iterable[DemoCustomer]) -> None:
    """``customers.csv``, as ``otklik import customers`` reads it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CUSTOMER_HEADERS)
        for c in customers:
            agreed = c.consent_at is not None
            writer.writerow([
                c.external_id, c.first_name, c.last_name, c.gender, c.email, c.phone,
                "yes" if c.has_whatsapp else "no", c.telegram or "", c.language, c.place.zone, c.place.country,
                c.place.city, c.birthday, "yes" if agreed else "",
                c.consent_at.isoformat() if c.consent_at is not None else "", "checkout" if agreed else "",
                WORDINGS[c.language] if agreed else "", "true" if c.vip else "false",
            ])  # fmt: skip


def write_orders(path: Path, customers: Iterable[DemoCustomer]) -> None:
    """``orders.csv``, as ``otklik import events`` reads it, in order of time."""
    rows = [(order.at, customer.external_id, order) for customer in customers for order in customer.orders]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ORDER_HEADERS)
        for at, external_id, order in sorted(rows, key=lambda row: (row[0], row[2].id)):
            amount = f"{order.amount // 100}.{order.amount % 100:02}"
            writer.writerow([order.id, external_id, at.isoformat(), order.quantity, amount, order.currency])
