"""How a customer is called whom nobody knows by name: by a mark that stays, not by an id that nobody can say."""

import hashlib

from core import catalogue


def called(locale: str, name: str, customer_id: str, *, visitor: bool = False) -> str:
    """A customer by ``name``; one without by a mark that stays theirs, such as "visitor 3F2A" of the web chat."""
    return name or catalogue.text(locale, f"desk.{'visitor' if visitor else 'unnamed'}", mark=mark_of(customer_id))


def mark_of(customer_id: str) -> str:
    """Four hexadecimal digits that stand for the customer, such as ``3F2A``. Two may share one: it is no key."""
    return hashlib.sha256(customer_id.encode()).hexdigest()[:4].upper()
