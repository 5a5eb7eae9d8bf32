"""Made-up customers for a simulation: addresses that lead nowhere outside it, and a past of orders.

The same seed makes the same people, whose ids alone differ. A year and more of orders lies behind most of them, so
that segments such as new, regular and dormant all have members.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from campaigns.definition import WorkspaceConfig
from campaigns.simulation.behaviour import Reach
from core.addresses import identity_key
from core.clock import to_micros
from core.draws import customer_draw
from core.ids import new_ids
from core.messages import EMAIL, TELEGRAM, Address
from core.money import MICRO
from core.purposes import Purpose
from storage.store import Store

AT_ONCE = 5000
_WORD = 2**32
_NAMES = {
    "en": ("Alice", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Iris", "Jack", "Kate", "Leo"),
    "ru": ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Илья", "Ксения", "Лев", "Мария", "Олег"),
    "fa": ("آرش", "بهار", "پریسا", "داریوش", "رضا", "زهرا", "سارا", "شیرین", "علی", "کاوه", "لیلا", "نیما"),
}
_DIALLED = {
    "GB": "+447700{:06}", "DE": "+4915{:09}", "RU": "+7900{:07}", "IR": "+98900{:07}", "US": "+1202{:07}",
    "FR": "+336{:08}",
}  # fmt: skip
"""Numbers by country: plausible, so that prices and countries are; nobody is ever called from a simulation."""
_ZONES = {
    "Europe/London": "GB", "Europe/Berlin": "DE", "Europe/Moscow": "RU", "Asia/Tehran": "IR", "America/New_York": "US",
    "Europe/Paris": "FR",
}  # fmt: skip
_STRANGERS = 0.2
"""The share that lives in another zone than the shop's."""


class _Made(NamedTuple):
    customers: list[tuple[Any, ...]]
    identities: list[tuple[Any, ...]]
    consents: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]


async def populate(store: Store, number: int, seed: int, config: WorkspaceConfig, reach: Reach, now: datetime) -> None:
    """Write ``number`` made-up customers into an SQLite store."""
    for first in range(0, number, AT_ONCE):
        made = _make(range(first, min(number, first + AT_ONCE)), seed, config, reach, now)
        async with store.write() as connection:
            for statement, rows in zip(_STATEMENTS, made, strict=True):
                if rows:
                    await connection.exec_driver_sql(statement, rows)


_STATEMENTS = (
    """INSERT INTO customers (id, external_id, first_name, last_name, search, locale, zone, zone_guess, country, city,
    gender, birthday, stage, attributes, draw, content_hash, created_at, updated_at)
    VALUES (?, ?, ?, '', '', ?, ?, '', ?, '', ?, ?, '', '{}', ?, '', ?, ?)""",
    """INSERT INTO identities (id, customer_id, channel, scope, address, key, verified, reachable, unreachable_reason,
    source, created_at) VALUES (?, ?, ?, ?, ?, ?, 1, 1, '', 'simulation', ?)""",
    """INSERT INTO consents (identity_id, purpose, granted, at, source, wording, document)
    VALUES (?, ?, 1, ?, 'simulation', '', '')""",
    """INSERT INTO events (id, customer_id, name, at, amount_micros, currency, source, external_id, properties,
    content_hash, recorded_at) VALUES (?, ?, 'order', ?, ?, ?, 'simulation', ?, '{}', '', ?)""",
)


def _make(numbers: Sequence[int], seed: int, config: WorkspaceConfig, reach: Reach, now: datetime) -> _Made:
    made = _Made([], [], [], [])
    language = config.locale.partition("-")[0]
    names = _NAMES.get(language, _NAMES["en"])
    at_home = config.zone if config.zone in _ZONES else ""
    others = [zone for zone in _ZONES if zone != at_home]
    ids = new_ids(len(numbers) * (len(reach.channels) + 8))
    fresh = iter(ids)
    for number in numbers:
        external_id = f"sim-{number:06}"
        words = iter(_words(seed, number))
        zone = at_home or config.zone
        if next(words) < _STRANGERS * _WORD:
            zone = others[next(words) % len(others)]
        country = _ZONES.get(zone, "")
        id_ = next(fresh)
        begun = now - timedelta(days=next(words) % 1100, seconds=next(words) % 86400)
        birthday = date(1950, 1, 1) + timedelta(days=next(words) % 20000)
        made.customers.append(
            (id_, external_id, names[next(words) % len(names)], config.locale, zone, country,
             "fm"[next(words) % 2], birthday.isoformat(), customer_draw(f"{seed}:{number}"), to_micros(begun),
             to_micros(begun))
        )  # fmt: skip
        for channel, share in reach.channels.items():
            has, agreed = next(words) < share * _WORD, next(words) < reach.consent * _WORD
            if not has:
                continue
            address = _address(channel, number, country)
            identity = next(fresh)
            made.identities.append(
                (identity, id_, channel, address.scope, address.value, identity_key(address), to_micros(begun))
            )
            if agreed:
                made.consents.append((identity, Purpose.MARKETING.value, to_micros(begun)))
        for turn, (at, worth) in enumerate(_orders(words, begun, now)):
            made.events.append(
                (next(fresh), id_, to_micros(at), round(worth * MICRO), config.currency, f"{external_id}:{turn}",
                 to_micros(at))
            )  # fmt: skip
    return made


def _orders(words: Iterator[int], begun: datetime, now: datetime) -> Iterator[tuple[datetime, float]]:
    """None for a tenth; for the others a first order soon after they came, and up to three more later."""
    number = (next(words) % 10 + 2) // 3
    at = begun
    for _ in range(number):
        at += timedelta(days=next(words) % 240, minutes=next(words) % 1440)
        if at >= now:
            return
        yield at, 8 + next(words) % 9000 / 100


def _address(channel: str, number: int, country: str) -> Address:
    if channel == EMAIL:
        return Address(EMAIL, f"sim{number}@example.org")
    if channel == TELEGRAM:
        return Address(TELEGRAM, str(5_000_000_000 + number), "simulation")
    return Address(channel, _DIALLED.get(country, _DIALLED["US"]).format(number))


def _words(seed: int, number: int) -> list[int]:
    digests = (hashlib.blake2b(f"{seed}:person:{number}:{part}".encode()).digest() for part in range(2))
    return [word for digest in digests for word in memoryview(digest).cast("I")]
