"""Addresses under which a provider, or the reader of a message, fetches a file from us.

Twilio takes no bytes, it takes an address; by SMS a file is a link. The token in it is signed, names one file by its
hash and ends; nothing else can be asked for with it. Who has the address has the file until then, as with any link in
a message.
"""

from datetime import datetime, timedelta
from urllib.parse import quote

from core.clock import machine_now
from core.messages import Attachment
from core.tokens import Signer

MEDIA = "media"
"""Purpose of the tokens: the file's SHA-256 (64 hex digits), then when it ends (8 hex digits, seconds of the epoch)."""
LIFE = timedelta(hours=24)
"""Twilio fetches at once, or when its queue comes to the message, which is within ten hours."""
READERS_LIFE = timedelta(days=90)
"""A reader comes back to an older message."""
HASH_LENGTH, END_LENGTH = 64, 8


class MediaLinks:
    """Makes the addresses; ``public_url`` is how the world reaches us."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._signer = Signer(secret, MEDIA)
        self._base = public_url.rstrip("/")

    def url(self, attachment: Attachment) -> str:
        """Where a provider finds the attachment's bytes for the next day."""
        return f"{self._base}/media/{self.token(attachment.blob, machine_now() + LIFE)}"

    def readers_url(self, attachment: Attachment) -> str:
        """Where a person finds the file for the next months, under its name; all day it is the same address."""
        today = machine_now().replace(hour=0, minute=0, second=0, microsecond=0)
        token = self.token(attachment.blob, today + READERS_LIFE + timedelta(days=1))
        return f"{self._base}/media/{token}/{quote(attachment.name, safe='')}"

    def token(self, digest: str, end: datetime) -> str:
        return self._signer.sign(f"{digest}{int(end.timestamp()):0{END_LENGTH}x}")


def asked_for(signer: Signer, token: str) -> str | None:
    """The file's hash in ``token``, None where it is not ours or has ended."""
    payload = signer.verify(token)
    if payload is None or len(payload) != HASH_LENGTH + END_LENGTH:
        return None
    return payload[:HASH_LENGTH] if machine_now().timestamp() <= int(payload[HASH_LENGTH:], 16) else None
