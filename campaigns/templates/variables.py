"""What templates may say: one table, used by ``check``, by the documentation and by the renders themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.definition import Brand
from campaigns.templates.filters import MAX_TEXT
from campaigns.templates.sandbox import Lenient, plain_data
from core.money import MICRO


@dataclass(frozen=True, slots=True)
class Variable:
    """A name with what it holds and an example of it; ``empty`` is what it holds for a customer we know nothing of."""

    name: str
    meaning: str
    example: Any
    empty: Any = ""


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
    Variable("campaign.name", "the campaign", "winback", "winback"),
    Variable("links.unsubscribe", "the page that ends marketing", "https://example.com/u/token", ""),
    Variable(
        "links.telegram", "opens a chat with the bot and ties it to the customer", "https://t.me/bot?start=token", ""
    ),
    Variable("today", "today on the customer's calendar (ISO; use the date filter)", "2026-11-22", "2026-11-22"),
)
FREE_FORM = "customer.attributes"
"""Below this any key goes: the shop's own columns. One that a customer does not have reads as nothing."""

NAMES = frozenset(variable.name for variable in VARIABLES)
GROUPS = frozenset(name.partition(".")[0] for name in NAMES if "." in name)


@dataclass(frozen=True, slots=True)
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
) -> dict[str, Any]:
    """The plain data that a template sees: exact built-in types only, no text over ``MAX_TEXT``.

    ``customer`` has the columns of the customers table (others are left out); ``zone`` is the customer's own;
    ``links`` has ``unsubscribe`` and, where there is a bot, ``telegram``.
    """
    first, last = _text(customer, "first_name"), _text(customer, "last_name")
    given = links or {}
    return {
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
        "links": {"unsubscribe": given.get("unsubscribe", ""), "telegram": given.get("telegram", "")},
        "today": _today(now, zone),
    }


def sample(*, empty: bool = False) -> dict[str, Any]:
    """Data for trying a template out: of a well-known customer, or of one we know nothing of."""
    data: dict[str, Any] = {}
    for variable in VARIABLES:
        value = variable.empty if empty else variable.example
        group, _, key = variable.name.partition(".")
        if key:
            data.setdefault(group, {})[key] = value
        else:
            data[group] = value
    data["customer"]["attributes"] = Lenient()
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
