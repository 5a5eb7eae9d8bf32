"""Mail that a provider hands over by HTTP: raw messages, as providers' inbound routes and local servers post them.

The body is the mail itself (``message/rfc822``), a form (``multipart/form-data`` or urlencoded) with it in a field, or
JSON with it under a name. A form is read by our own bounded reader, byte for byte: form libraries decode what is no
text.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qs, parse_qsl, urlsplit

import orjson

from channels.adapter import NotADelivery, WebhookRequest
from channels.email.headers import is_address
from channels.email.inbound import read_delivery
from channels.email.structure import LARGEST_MAIL, taken_apart
from core.messages import EMAIL, ChannelEvent, RawInbound

FIELDS = ("email", "body-mime", "rfc822", "raw", "mime", "message", "rawemail", "email_rfc822")
"""Names (lower-case) under which providers put the raw mail into a form or JSON."""
RECIPIENT_FIELDS = ("recipient", "recipients", "originalrecipient", "rcpt_to", "to", "envelope")
RECIPIENT_HEADERS = ("x-envelope-to", "x-original-to", "x-recipient")
"""Where they name whom it was delivered to, which the mail itself may not."""
_ADDRESSES = re.compile(r"[^\s<>(),:;\"'\[\]{}@]{1,64}@[A-Za-z0-9._-]{1,255}")
_MOST_RECIPIENTS = 20


class ReceivesRawMail:
    """The half of a mail account that providers call. A mail is proven by its head, before its bytes are read."""

    def __init__(self, account: str, secret: str) -> None:
        self._received_by = account
        self._inbound_secret = secret

    @property
    def largest_delivery(self) -> int:
        """Bytes of a request: a mail, and a third more where a form has it in base64."""
        return LARGEST_MAIL * 4 // 3

    def admits(self, head: WebhookRequest) -> bool:
        """Whether whoever calls knows the secret."""
        return is_trusted(head, self._inbound_secret)

    def receive(self, request: WebhookRequest) -> list[RawInbound] | None:
        """The mail in the request; None without the secret.

        Raises:
            NotADelivery: there is no mail in it.
        """
        return [delivery(request, self._received_by)] if self.admits(request) else None

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        """What a mail means."""
        return read_delivery(raw)


def is_trusted(request: WebhookRequest, secret: str) -> bool:
    """Whether the request knows the secret: a bearer token, basic authentication's password, or the query's ``token``.

    Compared in constant time; without a secret nobody is trusted. Reads the head only.
    """
    if not secret:
        return False
    return any(hmac.compare_digest(given.encode(), secret.encode()) for given in _given(request))


def _given(request: WebhookRequest) -> list[str]:
    found = parse_qs(urlsplit(request.url).query).get("token", [])[:3]
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip())
    elif scheme.lower() == "basic":
        with suppress(Base64Error, ValueError):
            found.append(b64decode(value.strip(), validate=True).decode("utf-8", "replace").partition(":")[2])
    return found


def delivery(request: WebhookRequest, account: str) -> RawInbound:
    """The mail in a request, keyed by its hash, so that a repeated call is stored once.

    Raises:
        NotADelivery: there is none in it.
    """
    raw, named = _mail_and_recipients(request)
    if not raw.strip():
        raise NotADelivery("the request has no mail in it: post it as message/rfc822, or in a field named email")
    meta: dict[str, object] = {"size": len(raw)}
    named += [request.headers.get(name, "") for name in RECIPIENT_HEADERS]
    recipients = [address for value in named for address in _ADDRESSES.findall(value[:4000]) if is_address(address)]
    if recipients:
        meta["recipients"] = list(dict.fromkeys(recipients))[:_MOST_RECIPIENTS]
    return RawInbound(account, EMAIL, "mail:" + hashlib.sha256(raw).hexdigest(), raw, meta)


def _mail_and_recipients(request: WebhookRequest) -> tuple[bytes, list[str]]:
    """(raw mail, texts that name recipients)."""
    content_type = request.headers.get("content-type", "").strip()
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields = _form(content_type, request.body)
    elif kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(request.body.decode("latin-1"), encoding="latin-1", max_num_fields=200)
        fields = {name.lower(): value.encode("latin-1", "replace") for name, value in pairs}
    elif kind == "application/json":
        fields = _json(request.body)
    else:
        return request.body, []
    raw = next((fields[name] for name in FIELDS if name in fields), b"")
    return raw, [fields[name].decode("utf-8", "replace") for name in RECIPIENT_FIELDS if name in fields]


def _form(content_type: str, body: bytes) -> dict[str, bytes]:
    form = taken_apart(b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + body)
    fields: dict[str, bytes] = {}
    for part in form.leaves:
        name = part.parameter("name", "content-disposition")
        if name:
            fields.setdefault(name, part.body)
    return fields


def _json(body: bytes) -> dict[str, bytes]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotADelivery("the request says that it is JSON and is not") from None
    if not isinstance(said, Mapping):
        raise NotADelivery("the request's JSON is no object")
    texts = {str(name).lower(): value for name, value in said.items()}
    return {
        name: (value if isinstance(value, str) else orjson.dumps(value).decode()).encode("utf-8", "replace")
        for name, value in texts.items()
    }
