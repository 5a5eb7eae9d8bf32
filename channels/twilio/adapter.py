"""An SMS or WhatsApp sender at Twilio.

Messages API: https://www.twilio.com/docs/messaging/api/message-resource (read 2026-11). Quirks: no idempotency key, so
a lost answer is an unknown outcome; the first status has no callback; WhatsApp takes free text only within 24 hours of
the customer's last message and a content template otherwise (templates in ``Body`` fail since 2025-04-01).
"""

import asyncio
import importlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from channels.adapter import Capabilities, Rate, WebhookRequest
from channels.connection import never_left, reason
from channels.media.links import MediaLinks
from channels.twilio.callbacks import FORM, fields_of, parse, raw_callback
from channels.twilio.charges import Charge, charges_in
from channels.twilio.codes import failure_of
from channels.twilio.media import fetch_media, is_loopback
from channels.twilio.reconciling import MessageFacts, the_match
from channels.twilio.rendering import TEXT_LIMIT, addressed, render
from channels.twilio.signatures import AGAIN, HEADER, is_genuine
from core.errors import ChannelFault, ConfigurationError, ProviderAway, SendFailure, TransientFailure, UnknownOutcome
from core.messages import WHATSAPP, Attachment, ChannelEvent, OutboundMessage, RawInbound, Receipt

_SID = re.compile(r"AC[0-9a-fA-F]{32}")
WINDOW_SECONDS = 24 * 3600.0
LISTED = 50
CHARGED = 20_000
"""Messages of one stretch of time that are looked at for their prices."""
QUEUE = timedelta(hours=1)
"""So long a message may wait at Twilio before it is sent."""


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """One sender of one account. ``rate`` is messages a second; ``timeout`` is seconds.

    ``sender`` is a number in E.164 or an alphanumeric name; a ``messaging_service`` (MG…) may stand in for it.
    ``public_url`` is where the world reaches us: callbacks are asked for, and files are fetched, below it.
    ``answers_opt_outs``: Twilio answers STOP, START and HELP by SMS itself, unless its support turned that off.
    ``media_secret`` signs the addresses of files; it is the workspace's, no setting.
    """

    account: str
    account_sid: str = field(metadata={"help": "the account sid from Twilio's console, AC and 32 hex digits"})
    auth_token: str = field(repr=False, metadata={"help": "the account's auth token from Twilio's console"})
    sender: str = ""
    messaging_service: str = ""
    public_url: str = ""
    status_callback_url: str = ""
    base_url: str = "https://api.twilio.com"
    sessions: int = 8
    rate: int = 10
    timeout: float = 30.0
    proxy: str = field(default="", repr=False)
    countries: frozenset[str] = frozenset()
    unserved: frozenset[str] = frozenset({"IR"})  # Twilio carries nothing to Iran since 2025
    answers_opt_outs: bool = True
    media_secret: str = field(default="", repr=False, metadata={"ours": True})

    def __post_init__(self) -> None:
        if not _SID.fullmatch(self.account_sid):
            raise ConfigurationError("account_sid: is not an account sid; it is AC and 32 hex digits")
        if not self.sender and not self.messaging_service:
            raise ConfigurationError("sender: is missing; write a number like +12025550100, or set messaging_service")

    @property
    def can_give_files(self) -> bool:
        """Whether Twilio (or its stand-in on this machine) can fetch files from us."""
        near = is_loopback(self.base_url)
        return bool(self.media_secret) and (self.public_url.startswith("https://") or (near and bool(self.public_url)))

    @property
    def callback(self) -> str:
        """Where status callbacks go, empty for none."""
        if self.status_callback_url or not self.public_url:
            return self.status_callback_url
        return f"{self.public_url.rstrip('/')}/webhooks/{self.account}#{AGAIN}"


class TwilioAdapter:
    """Sends by the Messages API, receives by signed webhooks."""

    webhook_answer = ("text/xml; charset=utf-8", b'<?xml version="1.0" encoding="UTF-8"?><Response/>')

    def __init__(self, settings: TwilioSettings, channel: Literal["sms", "whatsapp"]) -> None:
        self._settings = settings
        self._channel = channel
        self._client: Any = None
        self._media = MediaLinks(settings.media_secret, settings.public_url) if settings.can_give_files else None
        whatsapp = channel == WHATSAPP
        self.capabilities = Capabilities(
            channel=channel,
            text_limit=TEXT_LIMIT,
            attachments=self._media is not None,
            reports_delivery=True,
            reports_reading=whatsapp,
            window=WINDOW_SECONDS if whatsapp else None,
            sessions=settings.sessions,
            rate=Rate.of(settings.rate),
            countries=settings.countries,
            unserved=settings.unserved,
        )

    def __repr__(self) -> str:
        return f"TwilioAdapter({self.account!r}, {self._channel}, {self._settings.account_sid})"

    @property
    def account(self) -> str:
        return self._settings.account

    async def open(self) -> None:
        if self._client is not None:
            return
        client = await asyncio.to_thread(importlib.import_module, "channels.twilio.client")
        settings = self._settings
        self._client = client.open_client(
            settings.account_sid,
            settings.auth_token,
            base_url=settings.base_url.rstrip("/"),
            connections=settings.sessions,
            timeout=settings.timeout,
            proxy=settings.proxy,
        )

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.http_client.close()

    async def send(self, message: OutboundMessage) -> Receipt:
        parameters = render(message, self._channel, self._media.url if self._media else None) | self._sender()
        if self._settings.callback:
            parameters["status_callback"] = self._settings.callback
        client = self._opened()
        try:
            sent = await client.messages.create_async(**parameters)
        except Exception as error:  # noqa: BLE001 - interpreted as a value, raised below without its chain
            failure = interpret(error)
        else:
            if sent.sid:
                return Receipt(str(sent.sid), str(sent.status or ""))
            failure = UnknownOutcome("Twilio took the message and gave it no sid")
        raise failure  # outside the handler: the chain would hold the request

    async def check(self) -> str:
        settings = self._settings
        try:
            fetched = await self._opened().api.accounts(settings.account_sid).fetch_async()
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        else:
            if fetched.status == "active":
                return f"Twilio account {fetched.friendly_name!r} is active; {self._channel} is sent by {self._shown()}"
            raise ConfigurationError(f"{self.account}: the Twilio account is {fetched.status}; see Twilio's console")
        if isinstance(failure, ChannelFault):
            raise failure
        raise ConfigurationError(f"Twilio at {settings.base_url} does not answer: {failure}")

    async def find(self, facts: MessageFacts) -> str | None:
        """The provider id of a message of unknown outcome, None where none or several fit: it then stays held.

        Raises:
            TransientFailure, ChannelFault: Twilio could not be asked.
        """
        to = addressed(self._channel, facts.message.to.value)
        window = {
            "date_sent_after": facts.not_before - timedelta(minutes=1),
            "date_sent_before": facts.not_after + timedelta(days=1),  # a queue may hold it for a while
        }
        sender = {name: value for name, value in self._sender().items() if name == "from_"}
        try:
            listed = await self._opened().messages.list_async(to=to, **sender, **window, limit=LISTED)
            return the_match(facts, listed, to=to) if len(listed) < LISTED else None
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        if isinstance(failure, ChannelFault):
            raise failure
        raise TransientFailure(failure.detail, code=failure.code)  # asking again harms nobody

    async def charges(self, since: datetime, until: datetime) -> list[Charge]:
        """What Twilio charged for messages sent in that time, as far as it says so yet.

        Raises:
            TransientFailure, ChannelFault: Twilio could not be asked.
        """
        window = {"date_sent_after": since, "date_sent_before": until + QUEUE}
        sender = {name: value for name, value in self._sender().items() if name == "from_"}
        try:
            listed = await self._opened().messages.list_async(**sender, **window, limit=CHARGED, page_size=1000)
            return list(charges_in(listed))
        except Exception as error:  # noqa: BLE001 - as in send
            failure = interpret(error)
        if isinstance(failure, ChannelFault):
            raise failure
        raise TransientFailure(failure.detail, code=failure.code)

    def receive(self, request: WebhookRequest) -> list[RawInbound] | None:
        is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
        form = fields_of(request.body) if is_form else None
        if is_form and form is None:
            return None
        signature = request.headers.get(HEADER, "")
        if not is_genuine(self._settings.auth_token, signature, request.url, form=form, body=request.body):
            return None
        return [raw_callback(self.account, self._channel, request.body)]

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        return parse(raw, words_answered=self._settings.answers_opt_outs)

    async def fetch(self, attachment: Attachment) -> bytes:
        """The bytes of a file that came in.

        Raises:
            PermanentFailure: it is not at Twilio, is gone, or too large.
            TransientFailure: Twilio could not be asked.
        """
        settings = self._settings
        return await fetch_media(
            attachment,
            account_sid=settings.account_sid,
            auth_token=settings.auth_token,
            base_url=settings.base_url,
            timeout=settings.timeout,
            proxy=settings.proxy,
        )

    def _sender(self) -> dict[str, str]:
        if self._settings.messaging_service:
            return {"messaging_service_sid": self._settings.messaging_service}
        sender = self._settings.sender
        return {"from_": addressed(self._channel, sender) if self._channel == WHATSAPP else sender}

    def _shown(self) -> str:
        return self._settings.messaging_service or self._settings.sender

    def _opened(self) -> Any:
        if self._client is None:
            raise RuntimeError(f"{self!r} is not open")
        return self._client


def interpret(error: Exception) -> SendFailure | ChannelFault:
    """What an exception of the client means for the message at hand."""
    from channels.twilio.client import Refusal

    if isinstance(error, Refusal):
        return failure_of(error.status, error.code, error.message, error.retry_after)
    if never_left(error):
        return ProviderAway(f"cannot reach Twilio: {reason(error)}")
    return UnknownOutcome(f"no answer from Twilio: {reason(error)}")
