"""Identifiers: assigned by us, before the database sees the row."""

import base64
import os
import threading
import time

ID_LENGTH = 26


class _Sequence:
    """UUIDv7 bytes (RFC 9562 §5.7): 48 bits of Unix milliseconds, then a counter and randomness.

    The twelve bits after the version are a counter within the millisecond, so that ids of one process sort by the
    order in which they were made, also within a batch.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0

    def next(self) -> bytes:
        with self._lock:
            millisecond = time.time_ns() // 1_000_000  # an id is not a business instant
            if millisecond > self._millisecond:
                self._millisecond, self._counter = millisecond, 0
            else:
                self._counter += 1
                if self._counter > 0xFFF:
                    self._millisecond, self._counter = self._millisecond + 1, 0
            millisecond, counter = self._millisecond, self._counter
        head = (millisecond << 16) | 0x7000 | counter
        tail = (int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        return ((head << 64) | tail).to_bytes(16, "big")


_sequence = _Sequence()


def new_id() -> str:
    """A new identifier: 26 characters ``[0-9a-v]`` (a UUIDv7 in RFC 4648 base32hex), sortable by time of making.

    Lower case only, because it travels in mail addresses whose case servers may fold.
    """
    return base64.b32hexencode(_sequence.next())[:ID_LENGTH].decode().lower()
