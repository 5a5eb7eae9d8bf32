"""Signed tokens: what we put into addresses and links so that what comes back proves itself.

A token is ``<id><tag>``: our 26-character id and a keyed BLAKE2b (RFC 7693) in lower-case base32hex. It fits a Telegram
deep link (64 of ``[A-Za-z0-9_-]``) and, after ``name+``, the 64 octets of a mail address's local part.
"""

import hashlib
import hmac

from core.ids import ID_LENGTH

TAG_LENGTH = 16  # 80 bits
TOKEN_LENGTH = ID_LENGTH + TAG_LENGTH
_DIGIT = bytes(b"0123456789abcdefghijklmnopqrstuv"[byte & 31] for byte in range(256))
"""A digit for the low five bits of any byte."""


class Signer:
    """Signs ids for one purpose with the workspace's secret; a token of one purpose is worthless for another."""

    def __init__(self, secret: str, purpose: str) -> None:
        key = hashlib.blake2b(purpose.encode(), key=hashlib.sha256(secret.encode()).digest()).digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=TAG_LENGTH)

    def _tag(self, payload: str) -> str:
        # every mail carries half a dozen of these: a microsecond each
        signature = self._keyed.copy()
        signature.update(payload.encode())
        return signature.digest().translate(_DIGIT).decode()

    def sign(self, id_: str) -> str:
        """The token for ``id_``."""
        return id_ + self._tag(id_)

    def verify(self, token: str) -> str | None:
        """The id in ``token`` (any letter case), or None if it is not ours. Constant time in the tag."""
        lowered = token.lower()
        if len(lowered) <= TAG_LENGTH or not lowered.isascii():
            return None
        id_, tag = lowered[:-TAG_LENGTH], lowered[-TAG_LENGTH:]
        return id_ if hmac.compare_digest(tag, self._tag(id_)) else None
