"""What Twilio charged for messages, from its own list. A price stands there some time after the message was sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any


@dataclass(frozen=True, slots=True)
class Charge:
    """One message's price in whole units of ``currency``; ``provider_id`` is the message's sid."""

    provider_id: str
    amount: Decimal
    currency: str


def charges_in(listed: Iterable[Any]) -> Iterator[Charge]:
    """The charges of listed messages; one without a price yet is left out. Twilio writes what it takes as negative."""
    for entry in listed:
        try:
            amount = abs(Decimal(entry.price))
        except (InvalidOperation, TypeError, ValueError):
            continue
        if amount.is_finite() and entry.sid and entry.price_unit:
            yield Charge(str(entry.sid), amount, str(entry.price_unit).upper())
