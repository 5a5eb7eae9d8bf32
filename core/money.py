"""Money: integer micro-units of one currency. 1 RUB = 1,000,000; so is 1 USD."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

MICRO = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in micro-units with its ISO 4217 currency."""

    micros: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.micros + other.micros, self.currency)

    def __str__(self) -> str:
        return f"{Decimal(self.micros) / MICRO:.2f} {self.currency}"


def parse_micros(text: str) -> int:
    """Micro-units from a decimal number such as ``49.90``; a comma is taken as the decimal mark.

    Raises:
        ValueError: if it is not a finite number, or larger than a 64-bit integer of micro-units can hold.
    """
    whole, _, fraction = text.partition(".")
    if text.isascii() and whole.isdigit() and len(whole) <= 12 and len(fraction) <= 6 and (fraction + "0").isdigit():
        return int(whole) * MICRO + int(f"{fraction:0<6}")
    return _parsed_micros(text)


def _parsed_micros(text: str) -> int:
    """:func:`parse_micros` without its short cut for plain numbers."""
    try:
        number = Decimal(text.strip().replace("\u00a0", "").replace(" ", "").replace(",", "."))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount") from None
    if not number.is_finite() or abs(number) > Decimal(9_000_000_000_000):
        raise ValueError(f"{text!r} is not an amount")
    return int((number * MICRO).to_integral_value(ROUND_HALF_EVEN))
