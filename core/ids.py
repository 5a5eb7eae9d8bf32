"""Identifiers: assigned by us, before the database sees the row."""

import os
import threading
import time
from datetime import datetime
from functools import lru_cache

from core.clock import to_micros

ID_LENGTH = 26


class _Sequence:
    """Places of UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then a counter; randomness follows.

    The twelve bits after the version are a counter within the millisecond, so that ids of one process sort by the
    order in which they were made, also within a batch.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0

    def take(self, count: int) -> int:
        """Reserve ``count`` places in a row; the first, as ``milliseconds × 4096 + counter``."""
        with self._lock:
            now = (time.time_ns() // 1_000_000) << 12  # an id is not a business instant
            first = max(now, self._next)
            self._next = first + count
        return first


_sequence = _Sequence()

# An id is 26 digits of five bits. Written from the left: 48 bits of milliseconds, the version (0111), 12 bits of
# counter, the variant (10), 62 random bits, two zero bits. So ten digits hold the milliseconds and the version's 01;
# three hold its 11, the counter and the variant's 1; then come the variant's 0 with four random bits, eleven digits of
# five random bits, and three random bits with the two zeros.
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_COUNTER = tuple(
    _DIGITS[bits >> 10] + _DIGITS[bits >> 5 & 31] + _DIGITS[bits & 31] for bits in range(0x6001, 0x8000, 2)
)
_BELOW_16 = bytes(ord(_DIGITS[byte & 15]) for byte in range(256))
_ANY = bytes(ord(_DIGITS[byte & 31]) for byte in range(256))
_FOURS = bytes(ord(_DIGITS[byte & 28]) for byte in range(256))


@lru_cache(maxsize=8)
def _millisecond(value: int) -> str:
    """The first ten digits of the ids of one millisecond."""
    bits = value << 2 | 1
    return "".join(_DIGITS[bits >> shift & 31] for shift in range(45, -1, -5))


def new_id() -> str:
    """A new identifier: 26 characters ``[0-9a-v]`` (a UUIDv7 in RFC 4648 base32hex), sortable by time of making.

    Lower case only, because it travels in mail addresses whose case servers may fold.
    """
    return new_ids(1)[0]


ANONYMOUS = "v"
"""Ids from here on lead to nobody: the erased stand after everyone else, so that a look at customers passes them over
by ``id < 'v'``. A time that begins so lies eight thousand years ahead."""


def anonymous_id() -> str:
    """An identifier that tells nothing, not even when it was made."""
    return ANONYMOUS + "".join(_DIGITS[byte & 31] for byte in os.urandom(ID_LENGTH - 1))


def new_ids(count: int) -> list[str]:
    """``count`` identifiers, in rising order: one draw of randomness for all of them."""
    first = _sequence.take(count)
    chance = os.urandom(13 * count)
    start = chance[:count].translate(_BELOW_16).decode()
    middle = chance[count : 12 * count].translate(_ANY).decode()
    end = chance[12 * count :].translate(_FOURS).decode()
    return [
        f"{_millisecond(place >> 12)}{_COUNTER[place & 0xFFF]}{start[at]}{middle[11 * at : 11 * at + 11]}{end[at]}"
        for at, place in enumerate(range(first, first + count))
    ]


def id_floor(instant: datetime) -> str:
    """What every id that was made at ``instant`` or later (machine time, by the millisecond) is at or above."""
    return _millisecond(to_micros(instant) // 1000)


def is_id(text: str) -> bool:
    """Whether it has the form of an id: what comes from outside must not reach a query otherwise."""
    return len(text) == ID_LENGTH and set(text) <= set(_DIGITS)
