"""Twilio's webhook signature (https://www.twilio.com/docs/usage/security, read 2026-11).

HMAC-SHA1 over the public URL and the sorted form fields; a JSON body is covered by ``bodySHA256`` in the query instead.
It has no time in it: dropping repeats by MessageSid is the only defence against a replay.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import SplitResult, parse_qs, urlsplit

HEADER = "x-twilio-signature"
AGAIN = "rc=5&rp=ct,rt,5xx"
"""Connection overrides, an address's fragment: call up to five times more where nobody answers, or the answer is "not
stored". Without them Twilio calls once more, and only where it could not connect
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides, read 2026-11)."""
_DEFAULT_PORTS = {"https": 443, "http": 80}


def is_genuine(
    auth_token: str, signature: str, url: str, *, form: Iterable[tuple[str, str]] | None, body: bytes = b""
) -> bool:
    """Whether Twilio signed this request to ``url``; ``form`` is None for a body that is no form.

    The URL is tried with and without its port, since Twilio signs either, and with the fragment that we ask for.
    """
    parts = urlsplit(url)
    if form is None:
        stated = parse_qs(parts.query).get("bodySHA256", [""])[0]
        if not hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), stated.encode()):
            return False
    given, fields = signature.encode(), list(form or ())
    bare = dict.fromkeys((url, _without_port(parts), _with_port(parts)))
    candidates = [*bare, *(f"{one}#{AGAIN}" for one in bare)]
    return any(hmac.compare_digest(sign(auth_token, candidate, fields), given) for candidate in candidates)


def sign(auth_token: str, url: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """The signature of one URL with form fields: names sorted, each name's distinct values sorted."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest())


def _without_port(parts: SplitResult) -> str:
    host, colon, port = parts.netloc.rpartition(":")
    return parts._replace(netloc=host).geturl() if colon and port.isdigit() else parts.geturl()


def _with_port(parts: SplitResult) -> str:
    _, colon, port = parts.netloc.rpartition(":")
    if (colon and port.isdigit()) or parts.scheme not in _DEFAULT_PORTS:
        return parts.geturl()
    return parts._replace(netloc=f"{parts.netloc}:{_DEFAULT_PORTS[parts.scheme]}").geturl()
