"""A second factor: codes of six digits that change every 30 seconds (TOTP, RFC 6238), from any authenticator app."""

import base64
import hashlib
import secrets
from datetime import datetime
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS = 30
DIGITS = 6
_KEY_BYTES = 20
_DRIFT = (0, -1, 1)
"""Steps by which a phone's clock may be off."""
RECOVERY_CODES = 10
_RECOVERY_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY_LENGTH = 12
"""Of 31 letters that are not taken for one another: 59 bits."""


def new_key() -> str:
    """A fresh key in base32, as apps take it by hand."""
    return base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode()


def address(key: str, email: str, brand: str) -> str:
    """The ``otpauth:`` address that an app reads from a picture."""
    return f"otpauth://totp/{quote(f'{brand}:{email}')}?secret={key}&issuer={quote(brand)}"


def step_of(key: str, code: str, at: datetime) -> int | None:
    """The step of ``code`` around ``at`` (machine time), or None where it is wrong. A step is good once."""
    written = code.strip().replace(" ", "")
    if len(written) != DIGITS or not written.isascii() or not written.isdigit():
        return None
    totp = TOTP(base64.b32decode(key), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303  as the apps do
    now = int(at.timestamp()) // STEP_SECONDS
    found = None
    for drift in _DRIFT:  # all of them, whichever matches: the time that it takes tells nothing
        if secrets.compare_digest(totp.generate((now + drift) * STEP_SECONDS), written.encode()) and found is None:
            found = now + drift
    return found


def new_recovery_codes() -> list[str]:
    """Fresh codes for the day when the phone is lost, as people write them down: ``abcd-efgh-jkmn``."""
    made = []
    for _ in range(RECOVERY_CODES):
        letters = "".join(secrets.choice(_RECOVERY_LETTERS) for _ in range(_RECOVERY_LENGTH))
        made.append("-".join(letters[at : at + 4] for at in range(0, _RECOVERY_LENGTH, 4)))
    return made


def recovery_code(written: str) -> str | None:
    """What was written, as it is hashed; None where it is no recovery code at all."""
    letters = written.strip().casefold().replace("-", "").replace(" ", "")
    return letters if len(letters) == _RECOVERY_LENGTH and set(letters) <= set(_RECOVERY_LETTERS) else None


class Sealer:
    """Keeps keys unreadable in the store and its backups: sealed under the workspace's secret."""

    def __init__(self, secret: str) -> None:
        key = hashlib.blake2b(b"second factor", key=hashlib.sha256(secret.encode()).digest(), digest_size=32).digest()
        self._key = key
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def sealed(self, key: str) -> str:
        return self._fernet.encrypt(key.encode()).decode()

    def mark(self, agent_id: str, code: str) -> str:
        """The hash of an agent's recovery code; nobody can try codes against it without the secret."""
        return hashlib.blake2b(f"{agent_id} {code}".encode(), key=self._key, digest_size=32).hexdigest()

    def opened(self, sealed: str) -> str | None:
        """The key; None where it was sealed under another secret."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None
