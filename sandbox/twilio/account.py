"""One Twilio account: its numbers, services, templates, and the messages it keeps."""

import base64
import binascii
import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.clock import from_micros
from sandbox.twilio.errors import TwilioError

API_VERSION = "2010-04-01"
DEFAULT_SID = "AC" + "0123456789abcdef" * 2
DEFAULT_TOKEN = "sandbox-token-of-twilio"  # noqa: S105 - the sandbox's published token
DEFAULT_NUMBER = "+12025550100"


@dataclass(slots=True)
class TwilioSettings:
    """``prices`` in ``price_unit`` a segment (SMS) or a message (WhatsApp); ``unserved`` are dialling prefixes."""

    account_sid: str = DEFAULT_SID
    token: str = DEFAULT_TOKEN
    numbers: list[str] = field(default_factory=lambda: [DEFAULT_NUMBER])
    whatsapp_numbers: list[str] = field(default_factory=lambda: [DEFAULT_NUMBER])
    services: dict[str, list[str]] = field(default_factory=lambda: {"MG" + "0123456789abcdef" * 2: [DEFAULT_NUMBER]})
    contents: dict[str, str] = field(default_factory=dict)
    inbound_url: str | None = None
    advanced_opt_out: bool = False
    unserved: list[str] = field(default_factory=lambda: ["+98"])
    prices: dict[str, str] = field(default_factory=lambda: {"sms": "0.0079", "whatsapp": "0.0050"})
    price_unit: str = "USD"


@dataclass(slots=True)
class TwilioMessage:
    """One Message resource. Addresses are as on the wire (``whatsapp:+…``); instants in microseconds."""

    sid: str
    to: str
    sender: str | None
    body: str
    status: str
    created: int
    updated: int
    direction: str = "outbound-api"
    service: str | None = None
    num_media: int = 0
    media: list[str] = field(default_factory=list)
    num_segments: int = 1
    sent: int | None = None
    error: int | None = None
    price: str | None = None
    callback: str | None = None
    template: bool = False

    @property
    def channel(self) -> str:
        """sms or whatsapp."""
        return "whatsapp" if self.to.startswith("whatsapp:") else "sms"

    @property
    def number(self) -> str:
        """The recipient's bare number."""
        return self.to.removeprefix("whatsapp:")


class Account:
    """The message store. ``sid`` of a message follows from the recipient and its how-manieth message."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: Counter[str] = Counter()
        self.settings = TwilioSettings()
        self.messages: dict[str, TwilioMessage] = {}
        self.by_to: dict[str, list[TwilioMessage]] = {}

    def new_sid(self, kind: str, address: str) -> str:
        """``kind`` and 32 hex digits, the same in every run for the same address and place in its row."""
        self._counts[address] += 1
        text = f"{self._seed}:{kind}:{address}:{self._counts[address]}".encode()
        return kind + hashlib.blake2b(text, digest_size=16).hexdigest()

    def authenticate(self, request: web.Request) -> None:
        """TwilioError unless the request shows this account's credentials and asks for what is this account's."""
        settings = self.settings
        scheme, _, packed = request.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(packed, validate=True)
        except binascii.Error:
            given = b""
        wanted = f"{settings.account_sid}:{settings.token}".encode()
        if scheme.lower() != "basic" or not hmac.compare_digest(given, wanted):
            raise TwilioError(20003)
        if request.match_info["sid"] != settings.account_sid:
            raise TwilioError(20404, request.path)

    def keep(self, message: TwilioMessage) -> None:
        """Add a message to what can be fetched and listed."""
        self.messages[message.sid] = message
        self.by_to.setdefault(message.to, []).append(message)

    def as_json(self, message: TwilioMessage, error_text: str | None) -> dict[str, Any]:
        """The Message resource."""
        base = f"/{API_VERSION}/Accounts/{self.settings.account_sid}/Messages/{message.sid}"
        return {
            "account_sid": self.settings.account_sid,
            "api_version": API_VERSION,
            "body": message.body,
            "date_created": rfc2822(message.created),
            "date_sent": None if message.sent is None else rfc2822(message.sent),
            "date_updated": rfc2822(message.updated),
            "direction": message.direction,
            "error_code": message.error,
            "error_message": error_text,
            "from": message.sender,
            "messaging_service_sid": message.service,
            "num_media": str(message.num_media),
            "num_segments": "0" if message.sender is None else str(message.num_segments),
            "price": message.price,
            "price_unit": self.settings.price_unit,
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{base}/Media.json"},
            "to": message.to,
            "uri": f"{base}.json",
        }


def rfc2822(micros: int) -> str:
    """An instant as Twilio writes it, in whole seconds: ``Fri, 24 May 2019 17:44:46 +0000``."""
    return format_datetime(from_micros(micros).replace(microsecond=0))


def parse_date(text: str) -> tuple[datetime, bool]:
    """A DateSent filter: (instant, whether it is a whole day). ValueError when it is neither form."""
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)), len(text) <= 10
