"""What templates may say: one table, used by ``check``, by the documentation and by the renders themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.definition import Brand
from campaigns.templates.names import NOTHING_ASKED, Asks
from campaigns.templates.sandbox import Lenient, lenient, plain_data
from campaigns.templates.values import MAX_TEXT
from core.money import MICRO
from core.values import value


@dataclass(frozen=True, slots=True)
class Variable:
    """A name with what it holds and an example of it; ``empty`` is what it holds for a customer we know nothing of."""

    name: str
    meaning: str
    example: Any
    empty: Any = ""


EXAMPLE_ITEMS: tuple[dict[str, Any], ...] = (
    {"name": "The Winter Ferry", "price": 12.5, "quantity": 1, "url": "https://shop.example.com/ferry"},
    {"name": "A Field of Lamps", "price": 15.0, "quantity": 2, "url": "https://shop.example.com/lamps"},
)
"""Products as an event may list them under ``items``: any keys, these by habit."""

VARIABLES: tuple[Variable, ...] = (
    Variable("customer.id", "our own id of the customer", "01hq3v5m2kq8v7c1d4e5f6g7h8", "01hq3v5m2kq8v7c1d4e5f6g7h8"),
    Variable("customer.external_id", "the shop's number of the customer", "10017"),
    Variable("customer.first_name", "first name", "Anna"),
    Variable("customer.last_name", "last name", "Petrova"),
    Variable("customer.name", "first and last name", "Anna Petrova"),
    Variable("customer.locale", "the customer's locale", "en"),
    Variable("customer.country", "two-letter country", "DE"),
    Variable("customer.city", "city", "Berlin"),
    Variable("orders.count", "how many orders", 4, 0),
    Variable("orders.total", "what all orders came to, in the workspace's currency", 129.5, 0),
    Variable("orders.first_at", "the day of the first order (ISO; use the date filter)", "2024-03-02", None),
    Variable("orders.last_at", "the day of the last order (ISO; use the date filter)", "2025-10-28", None),
    Variable("orders.days_since_last", "days since the last order", 390, None),
    Variable("brand.name", "who writes", "Lantern Books", "Lantern Books"),
    Variable("brand.url", "the shop's page", "https://shop.example.com", ""),
    Variable("brand.postal_address", "the address that bulk mail must carry", "1 Harbour Lane, Exampleton", ""),
    Variable("orders.last.at", "when the last order was (ISO, the customer's clock)", "2025-10-28T14:05", None),
    Variable("orders.last.number", "the last order's number", "A-1017"),
    Variable("orders.last.amount", "what the last order came to", 42.5, None),
    Variable("orders.last.currency", "its currency, where it is not the workspace's", ""),
    Variable("orders.last.items", "its products, for a loop", EXAMPLE_ITEMS, ()),
    Variable("event.name", "the event that began this customer's journey", "cart_left"),
    Variable("event.at", "when it happened (ISO, the customer's clock)", "2026-11-21T19:40", None),
    Variable("event.number", "its number in the shop", "cart-17"),
    Variable("event.amount", "its amount", 27.5, None),
    Variable("event.currency", "its currency, where it is not the workspace's", ""),
    Variable("event.items", "its products, for a loop", EXAMPLE_ITEMS, ()),
    Variable("offer.name", "the offer that this journey holds, by its name in offers.yaml", "winter-10"),
    Variable("offer.title", "the offer in words", "10 % off", ""),
    Variable("offer.code", "the code that the customer may use", "WINTER-7K2P"),
    Variable("offer.expires_on", "the last day of the offer (ISO; use the date filter)", "2026-12-24", None),
    Variable("campaign.name", "the campaign", "winback", "winback"),
    Variable("links.unsubscribe", "the page that ends marketing", "https://example.com/u/token", ""),
    Variable("links.not_now", "the page that keeps marketing away for 30 days", "https://example.com/n/token", ""),
    Variable(
        "links.preferences", "the page on which the customer chooses what they get", "https://example.com/p/token"
    ),
    Variable(
        "links.telegram", "opens a chat with the bot and ties it to the customer", "https://t.me/bot?start=token", ""
    ),
    Variable("today", "today on the customer's calendar (ISO; use the date filter)", "2026-11-22", "2026-11-22"),
)
LINKS = ("unsubscribe", "not_now", "preferences", "telegram")
FREE_FORM = ("customer.attributes", "event.properties", "orders.last.properties")
"""Below these any key goes: the shop's own. One that a customer or an event does not have reads as nothing."""

NAMES = frozenset(variable.name for variable in VARIABLES)
GROUPS = frozenset(name.partition(".")[0] for name in NAMES if "." in name)
HAPPENING = ("at", "number", "amount", "currency", "items")
"""What is told of the last event of a name, below ``events.NAME.last``; ``properties.KEY`` beside them."""


def is_known(dotted: str) -> bool:
    """Whether templates may read the variable."""
    if dotted in NAMES or any(dotted.startswith(f"{group}.") for group in FREE_FORM):
        return True
    parts = dotted.split(".")
    if len(parts) < 4 or parts[0] != "events" or parts[2] != "last":
        return False
    return (parts[3] == "properties") == (len(parts) > 4) and parts[3] in (*HAPPENING, "properties")


@value(frozen=True, slots=True)
class Happening:
    """An event of a customer's. ``number`` is the shop's own of it; ``amount_micros`` are of ``currency``."""

    name: str
    at: datetime
    amount_micros: int | None = None
    currency: str = ""
    number: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Granted:
    """The offer that a journey holds."""

    name: str
    title: str = ""
    code: str = ""
    expires_at: datetime | None = None


@value(frozen=True, slots=True)
class Known:
    """What is known of a customer beyond their columns, as far as templates ask (:class:`names.Asks`)."""

    event: Happening | None = None
    last_order: Happening | None = None
    events: Mapping[str, Happening] = field(default_factory=dict)
    offer: Granted | None = None


NOTHING_KNOWN = Known()


@value(frozen=True, slots=True)
class OrderFigures:
    """A customer's orders summed up. ``total_micros`` is in micro-units of the workspace's currency."""

    count: int = 0
    total_micros: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


NO_ORDERS = OrderFigures()


def variables_for(
    customer: Mapping[str, Any],
    *,
    brand: Brand,
    campaign: str,
    now: datetime,
    zone: ZoneInfo,
    orders: OrderFigures = NO_ORDERS,
    links: Mapping[str, str] | None = None,
    asks: Asks = NOTHING_ASKED,
    known: Known = NOTHING_KNOWN,
) -> dict[str, Any]:
    """The plain data that a template sees: exact built-in types only, no text over ``MAX_TEXT``.

    ``customer`` has the columns of the customers table (others are left out); ``zone`` is the customer's own;
    ``links`` has some of :data:`LINKS`: ``telegram`` where there is a bot. Of ``known`` goes in what ``asks`` names.
    """
    first, last = _text(customer, "first_name"), _text(customer, "last_name")
    given = links or {}
    data: dict[str, Any] = {
        "customer": {
            "id": _text(customer, "id"),
            "external_id": _text(customer, "external_id"),
            "first_name": first,
            "last_name": last,
            "name": f"{first} {last}".strip()[:MAX_TEXT],
            "locale": _text(customer, "locale"),
            "country": _text(customer, "country"),
            "city": _text(customer, "city"),
            "attributes": plain_data(Lenient(customer.get("attributes") or {})),
        },
        "orders": {
            "count": orders.count,
            "total": round(orders.total_micros / MICRO, 2),
            "first_at": _day(orders.first_at, zone),
            "last_at": _day(orders.last_at, zone),
            "days_since_last": (now - orders.last_at).days if orders.last_at else None,
        },
        "brand": {"name": brand.name, "url": brand.url, "postal_address": brand.postal_address},
        "campaign": {"name": campaign},
        "links": {name: given.get(name, "") for name in LINKS},
        "today": _today(now, zone),
    }
    if asks is not NOTHING_ASKED:
        if asks.last_order:
            data["orders"]["last"] = _told(known.last_order, zone)
        if asks.event:
            data["event"] = _told(known.event, zone)
        if asks.events:
            data["events"] = {name: {"last": _told(known.events.get(name), zone)} for name in asks.events}
        if asks.offer:
            data["offer"] = _promised(known.offer, zone)
    return data


def _told(happening: Happening | None, zone: ZoneInfo) -> dict[str, Any]:
    """An event as templates see it; one that did not happen has nothing to tell."""
    if happening is None:
        nothing: dict[str, Any] = {"name": "", "at": None, "number": "", "amount": None, "currency": "", "items": []}
        return {**nothing, "properties": Lenient()}
    properties = lenient(happening.properties)
    items = properties.get("items")
    return {
        "name": happening.name,
        "at": happening.at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes"),
        "number": happening.number[:MAX_TEXT],
        "amount": None if happening.amount_micros is None else round(happening.amount_micros / MICRO, 2),
        "currency": happening.currency,
        "items": items if isinstance(items, list) else [],
        "properties": properties,
    }


def _promised(offer: Granted | None, zone: ZoneInfo) -> dict[str, Any]:
    if offer is None:
        return {"name": "", "title": "", "code": "", "expires_on": None}
    # the grant ends before this instant: at midnight its last day is the one that ends
    last = None if offer.expires_at is None else _day(offer.expires_at - timedelta(microseconds=1), zone)
    return {"name": offer.name, "title": offer.title or offer.name, "code": offer.code, "expires_on": last}


def sample(*, empty: bool = False, asks: Asks = NOTHING_ASKED) -> dict[str, Any]:
    """Data for trying a template out: of a well-known customer, or of one we know nothing of."""
    data: dict[str, Any] = {}
    for variable in VARIABLES:
        value = variable.empty if empty else variable.example
        *groups, key = variable.name.split(".")
        place = data
        for group in groups:
            place = place.setdefault(group, {})
        place[key] = lenient(value) if isinstance(value, tuple) else value
    data["customer"]["attributes"] = Lenient()
    for told in (data["orders"]["last"], data["event"]):
        told["properties"] = Lenient()
    data["events"] = {name: {"last": {**data["event"], "name": name}} for name in asks.events}
    return data


def _text(customer: Mapping[str, Any], name: str) -> str:
    return str(customer.get(name) or "")[:MAX_TEXT]


@lru_cache(maxsize=64)
def _today(now: datetime, zone: ZoneInfo) -> str:
    return _local_day(now, zone).isoformat()


def _local_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def _day(instant: datetime | None, zone: ZoneInfo) -> str | None:
    return None if instant is None else _local_day(instant, zone).isoformat()
