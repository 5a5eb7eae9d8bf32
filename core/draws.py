"""Draws: chance that is a hash, the same in Python, SQLite and PostgreSQL."""

import hashlib

DRAW_MODULUS = 2**31 - 1


def customer_draw(customer_id: str) -> int:
    """The number in [0, 2³¹−1) that a customer keeps for life."""
    return int.from_bytes(hashlib.blake2b(customer_id.encode(), digest_size=8).digest(), "big") % DRAW_MODULUS


def salt_coefficients(salt: str) -> tuple[int, int]:
    """(a, b) of the salted draw ``(a·draw + b) mod (2³¹−1)``, with a ≠ 0; both products stay under 2⁶³."""
    digest = hashlib.blake2b(salt.encode(), digest_size=16).digest()
    a = int.from_bytes(digest[:8], "big") % (DRAW_MODULUS - 1) + 1
    b = int.from_bytes(digest[8:], "big") % DRAW_MODULUS
    return a, b


def salted_draw(draw: int, salt: str) -> int:
    """``draw`` shuffled by ``salt``: independent for each experiment, stable for each customer."""
    a, b = salt_coefficients(salt)
    return (a * draw + b) % DRAW_MODULUS
