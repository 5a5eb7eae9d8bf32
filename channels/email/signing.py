"""Signatures of mails: DKIM (RFC 6376) with RSA-SHA256 or Ed25519 (RFC 8463), relaxed both in header and body.

From is signed once more than it occurs, so that nobody can add another one. The key never leaves this module.
"""

import asyncio
import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from channels.email.settings import EmailSettings
from core.clock import machine_now
from core.errors import ConfigurationError

SIGNED = (
    b"From",
    b"To",
    b"Subject",
    b"Date",
    b"Message-ID",
    b"Reply-To",
    b"In-Reply-To",
    b"References",
    b"MIME-Version",
    b"Content-Type",
    b"Content-Transfer-Encoding",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
)
"""Those of them that a mail has are signed."""
SHORTEST_RSA = 1024
"""Bits; verifiers take no shorter key (RFC 8301), and 2048 is usual."""

_BLANKS = re.compile(rb"[ \t]+")
_BLANKS_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_FIELD_BREAK = re.compile(rb"\r\n(?![ \t])")
_LINE = 72


class Signer:
    """Signs the mails of one domain. ``sign`` is the private key's, ``slow`` if it is worth a thread."""

    def __init__(
        self, *, domain: str, selector: str, kind: str, public: bytes, sign: Callable[[bytes], bytes], slow: bool
    ) -> None:
        self._sign = sign
        self._slow = slow
        self._opening = (
            f"DKIM-Signature: v=1; a={kind}-sha256; c=relaxed/relaxed; d={domain};\r\n s={selector}; t="
        ).encode()
        record = f"v=DKIM1; k={kind}; p={b64encode(public).decode()}"
        self.wanted_in_dns = f'mails are signed, so {selector}._domainkey.{domain} must have the TXT record "{record}"'

    async def signed(self, raw: bytes) -> bytes:
        """``raw`` with its signature before it. RSA takes about a millisecond and lets other threads run meanwhile."""
        seconds = int(machine_now().timestamp())
        field = await asyncio.to_thread(self.field, raw, seconds) if self._slow else self.field(raw, seconds)
        return field + raw

    def field(self, raw: bytes, seconds: int) -> bytes:
        """The DKIM-Signature field of ``raw``, CRLF at its end; ``seconds`` since the epoch go into it."""
        head, _, body = raw.partition(b"\r\n\r\n")
        fields = {name.lower(): value for name, _, value in (f.partition(b":") for f in _FIELD_BREAK.split(head))}
        signed = [name for name in SIGNED if name.lower() in fields]
        canonical = [relaxed_field(name, fields[name.lower()]) for name in signed]
        names = b":".join((b"From", *signed))
        body_hash = b64encode(hashlib.sha256(relaxed_body(body)).digest())
        unsigned = b"".join(
            (self._opening, b"%d" % seconds, b";\r\n h=", _folded_names(names), b";\r\n bh=", body_hash, b";\r\n b=")
        )
        name, _, value = unsigned.partition(b":")
        data = b"".join(canonical) + relaxed_field(name, value).removesuffix(b"\r\n")
        signature = b64encode(self._sign(data))
        lines = [signature[start : start + _LINE] for start in range(0, len(signature), _LINE)]
        return unsigned + b"\r\n ".join(lines) + b"\r\n"


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """A field in the relaxed form of RFC 6376 §3.4.2, CRLF at its end."""
    return name.lower() + b":" + _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """A body in the relaxed form of RFC 6376 §3.4.4: blanks reduced, empty lines at its end left out."""
    if b" \r\n" in body or b"\t" in body:
        body = _BLANKS_AT_END.sub(b"", body)
    if b"  " in body or b"\t" in body:
        body = _BLANKS.sub(b" ", body)
    body = body.rstrip(b"\r\n") if body.endswith(b"\r\n\r\n") or body == b"\r\n" else body.removesuffix(b"\r\n")
    return body + b"\r\n" if body else b""


def _folded_names(names: bytes) -> bytes:
    lines, line = [], b""
    for name in names.split(b":"):
        if line and len(line) + len(name) + 1 > _LINE:
            lines.append(line + b":")
            line = name
        else:
            line = line + b":" + name if line else name
    return b"\r\n  ".join((*lines, line))


def read_signer(settings: EmailSettings) -> Signer | None:
    """The signer that the settings ask for, None without a key. Reads a file: call it in a thread.

    Raises:
        ConfigurationError: if the key cannot be read or used.
    """
    if not settings.dkim_key:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    where = f"mail account {settings.account}: dkim_key {settings.dkim_key!r}"
    try:
        key = load_pem_private_key(Path(settings.dkim_key).read_bytes(), None)
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror or error}") from None
    except TypeError:
        raise ConfigurationError(f"{where} is locked with a password; keep it without one, for us alone") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{where} is no private key in PEM; make one: openssl genrsa -out FILE 2048") from None
    domain = (settings.dkim_domain or settings.sender.rpartition("@")[2]).lower()
    return _signer(key, domain, settings.dkim_selector, where)


def _signer(key: object, domain: str, selector: str, where: str) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        edwards = key

        def by_edwards(data: bytes) -> bytes:
            return edwards.sign(hashlib.sha256(data).digest())

        return Signer(domain=domain, selector=selector, kind="ed25519", public=public, sign=by_edwards, slow=False)
    if isinstance(key, RSAPrivateKey) and key.key_size >= SHORTEST_RSA:
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        rsa, padding, digest = key, PKCS1v15(), SHA256()

        def by_rsa(data: bytes) -> bytes:
            return rsa.sign(data, padding, digest)

        return Signer(domain=domain, selector=selector, kind="rsa", public=public, sign=by_rsa, slow=True)
    raise ConfigurationError(f"{where} must be RSA of {SHORTEST_RSA} bits at least (better 2048), or Ed25519")
