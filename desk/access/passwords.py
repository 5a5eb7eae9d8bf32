"""Passwords, as Argon2id hashes (RFC 9106). Hashing takes tens of milliseconds on purpose: it runs in a thread."""

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 10, 200
_HASHER = PasswordHasher()


class WeakPassword(ValueError):
    """A password that is not taken; the text says why, for people."""


async def hashed(password: str, *, email: str = "") -> str:
    """The hash to keep.

    Raises:
        WeakPassword: too short, too long, or the address itself.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"a password has {SHORTEST} to {LONGEST} characters; take a few words that you remember")
    if len(set(password)) < 5 or (email and password.casefold() in (email, email.partition("@")[0])):
        raise WeakPassword("this password is too easy to guess; take a few words that you remember")
    return await asyncio.to_thread(_HASHER.hash, password)


async def matches(password: str, kept: str) -> bool:
    """Whether it is the password of the hash. An empty hash, of nobody, takes as long and never matches."""
    return await asyncio.to_thread(_matches, password[:LONGEST], kept)


def _matches(password: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept or _nobody(), password) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash("the password of nobody")
