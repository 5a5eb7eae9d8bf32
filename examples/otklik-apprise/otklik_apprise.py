"""Any service that Apprise knows, as a channel of Otklik that sends and never receives.

Apprise (https://github.com/caronc/apprise, read 2026-11-22) reaches over a hundred services, each by a URL. Quirks: its
answer is yes or no, so everything but yes is of unknown outcome here; it gives no id, so ours stands for it; it calls
services in threads, which a cancelled send leaves behind until their time-out.
"""

import importlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from otklik.plugin import (
    Capabilities,
    Channel,
    ConfigurationError,
    OutboundMessage,
    PermanentFailure,
    PermanentKind,
    Rate,
    Receipt,
    UnknownOutcome,
)

PLACE = "{address}"


@dataclass(frozen=True, slots=True)
class AppriseSettings:
    """One service. ``url`` is an Apprise URL with ``{address}`` where the customer's address goes.

    ``text_limit`` is in characters, ``rate`` in messages a second, ``timeout`` in seconds for each of connecting and
    reading.
    """

    account: str
    url: str = field(repr=False, metadata={"help": "an Apprise URL, such as ntfys://ntfy.example.org/{address}"})
    text_limit: int = 4000
    rate: float = 1.0
    timeout: float = 20.0
    sessions: int = 4

    def __post_init__(self) -> None:
        if PLACE not in self.url:
            raise ConfigurationError(f"url: write {PLACE} where the customer's address goes")
        if self.timeout <= 0 or self.rate <= 0 or self.sessions < 1 or self.text_limit < 1:
            raise ConfigurationError("timeout, rate, sessions and text_limit: must be above zero")


class AppriseAdapter:
    """Sends by Apprise."""

    def __init__(self, settings: AppriseSettings) -> None:
        self._settings = settings
        self._apprise: Any = None
        self.capabilities = Capabilities(
            channel="apprise",
            text_limit=settings.text_limit,
            subject=True,
            sessions=settings.sessions,
            rate=Rate(1, 1 / settings.rate),
        )

    @property
    def account(self) -> str:
        return self._settings.account

    async def open(self) -> None:
        """Import Apprise; no connection is made before a message needs one."""
        self._apprise = importlib.import_module("apprise").Apprise

    async def send(self, message: OutboundMessage) -> Receipt:
        """Notify once. ``provider_id`` is the message's own id, as Apprise tells none."""
        render(message, self._settings.text_limit)
        service = self._service(message.to.value)
        if service is None:
            raise PermanentFailure(PermanentKind.BAD_ADDRESS, "the address makes no URL that Apprise can read")
        if len(message.text) > service.body_maxlen:
            raise PermanentFailure(PermanentKind.CONTENT_REFUSED, f"the service takes {service.body_maxlen} characters")
        if not await service.async_notify(body=message.text, title=message.subject):
            raise UnknownOutcome("Apprise says no, and does not say whether anything had left")
        return Receipt(message.id)

    async def check(self) -> str:
        """Whether Apprise can read the URL. Nothing is asked of the service: all that Apprise can do is to notify."""
        service = self._service("someone")
        if service is None:
            raise ConfigurationError(f"url: Apprise cannot read it; see its list of services, and keep {PLACE}")
        return (
            f"{service.service_name or 'the service'} is known to Apprise; whether it answers shows the first message"
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _service(self, address: str) -> Any:
        """Apprise's service for one address, None where the URL cannot be read."""
        url = self._settings.url.replace(PLACE, quote(address, safe="@+"))
        seconds = self._settings.timeout
        service = self._apprise.instantiate(f"{url}{'&' if '?' in url else '?'}cto={seconds:g}&rto={seconds:g}")
        if service is not None:
            service.retry = 0  # to try again is dispatch's
        return service


def render(message: OutboundMessage, text_limit: int) -> None:
    """What cannot be carried is refused, not dropped."""
    if message.buttons or message.attachments or message.template is not None:
        raise PermanentFailure(PermanentKind.UNSUPPORTED, "this channel carries text only")
    if not message.text or len(message.text) > text_limit:
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, f"the text must have 1 to {text_limit} characters")


def normalise(text: str) -> str:
    """An address is a name that stands in a URL: a topic, a room, a device."""
    address = text.strip()
    if not address or any(letter.isspace() or not letter.isprintable() for letter in address):
        raise ValueError(f"{text!r} is no address: it is empty or has spaces")
    return address


channel = Channel(AppriseSettings, AppriseAdapter, normalise, title="Apprise")
