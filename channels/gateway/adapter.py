"""An SMS account at a gateway that a file describes (docs/gateways.md).

One request a message, no retries of our own. What the file's tables do not name is read as HTTP means it, on the safe
side: what may have been taken is of unknown outcome.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from channels.accounts import read_settings
from channels.adapter import Capabilities, Rate, WebhookRequest
from channels.connection import never_left, reason
from channels.gateway import callbacks
from channels.gateway.description import NAMES, Call, Gateway
from channels.gateway.finding import data_of, found
from channels.gateway.outcomes import interpret
from channels.gateway.reading import read_gateway
from channels.gateway.rendering import render, values_of
from core.errors import ChannelFault, ConfigurationError, ProviderAway, SendFailure, UnknownOutcome
from core.messages import SMS, ChannelEvent, OutboundMessage, RawInbound, Receipt

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from yarl import URL

CONNECT_SECONDS = 10.0
LONGEST_ANSWER = 256 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """An account. ``gateway`` is the file; ``timeout`` (seconds), if any, stands over the file's.

    ``base_url`` takes the place of the scheme and host that the file names. ``public_url`` is how the world reaches us.
    """

    account: str
    gateway: str = field(metadata={"help": "the path of the file that describes the gateway"})
    sender: str = ""
    base_url: str = ""
    public_url: str = ""
    timeout: float = 0.0
    proxy: str = field(default="", repr=False)


def make_gateway(account: str, options: Mapping[str, object]) -> "GatewayAdapter":
    """The adapter of ``options``: settings of ours, and the secrets that the file asks for.

    Raises:
        ConfigurationError: what is wrong in the options or in the file, each on a line.
    """
    ours = {name: value for name, value in options.items() if name in GatewaySettings.__dataclass_fields__}
    settings = read_settings(GatewaySettings, account, ours)
    gateway = read_gateway(Path(settings.gateway), options)
    read_settings(GatewaySettings, account, {n: v for n, v in options.items() if n not in gateway.secrets or n in ours})
    return GatewayAdapter(settings, gateway)


class GatewayAdapter:
    """Sends by one request a message, receives by webhooks that show a shared secret."""

    def __init__(self, settings: GatewaySettings, gateway: Gateway) -> None:
        self._settings = settings
        self._gateway = gateway
        self._timeout = settings.timeout or gateway.timeout
        self._session: ClientSession | None = None
        webhook = gateway.webhook
        self.capabilities = Capabilities(
            channel=SMS,
            text_limit=gateway.text_limit,
            reports_delivery=webhook is not None and webhook.reports is not None,
            sessions=gateway.sessions,
            rate=Rate.of(gateway.rate),
            countries=gateway.countries,
            unserved=gateway.unserved,
        )
        self.webhook_methods = frozenset({webhook.method}) if webhook is not None else frozenset[str]()
        self.webhook_answer = ("text/plain; charset=utf-8", (webhook.answer if webhook is not None else "").encode())

    def __repr__(self) -> str:
        return f"GatewayAdapter({self.account!r}, {self._gateway.name})"

    @property
    def account(self) -> str:
        return self._settings.account

    async def open(self) -> None:
        if self._session is not None:
            return
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        self._session = ClientSession(
            connector=TCPConnector(limit=self._gateway.sessions),
            timeout=ClientTimeout(total=self._timeout, sock_connect=min(self._timeout, CONNECT_SECONDS)),
            cookie_jar=DummyCookieJar(),
            proxy=self._settings.proxy or None,
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, message: OutboundMessage) -> Receipt:
        gateway = self._gateway
        values = values_of(gateway, message, sender=self._settings.sender, callback=self._callback)
        answer = await self._ask(gateway.send, values)
        if isinstance(answer, SendFailure):
            raise answer
        status, headers, body = answer
        outcome = interpret(gateway.answers, status, headers, body, gateway=gateway.name)
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    async def check(self) -> str:
        gateway = self._gateway
        if gateway.check is None:
            return f"{gateway.name} is described; its file names no request to check the account with"
        answer = await self._ask(gateway.check.call, {"sender": self._settings.sender, "callback": self._callback})
        if isinstance(answer, SendFailure):
            raise ConfigurationError(f"{gateway.name} does not answer: {answer.detail}")
        status, headers, body = answer
        shown = found(gateway.check.shows, body, data_of(body))
        if 200 <= status < 300 and shown:
            return f"{gateway.name} answers: {' '.join(part for part in (shown, gateway.check.unit) if part)}"
        outcome = interpret(gateway.answers, status, headers, body, gateway=gateway.name)
        if isinstance(outcome, ChannelFault):
            raise outcome
        raise ConfigurationError(f"{gateway.name} answers {status}, and nothing of what the file looks for")

    def receive(self, request: WebhookRequest) -> list[RawInbound] | None:
        webhook = self._gateway.webhook
        return callbacks.receive(webhook, request, self.account) if webhook is not None else None

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        return callbacks.parse(self._gateway, raw)

    @property
    def _callback(self) -> str:
        """Where reports are awaited; with the proof in it where the gateway shows it in the address."""
        webhook, base = self._gateway.webhook, self._settings.public_url.rstrip("/")
        if webhook is None or not base:
            return ""
        from urllib.parse import urlencode

        proof = "?" + urlencode({webhook.proof_name: webhook.proof}) if webhook.proof_in == "query" else ""
        return f"{base}/webhooks/{self.account}{proof}"

    async def _ask(self, call: Call, values: Mapping[str, str]) -> tuple[int, Mapping[str, str], str] | SendFailure:
        """One request: status, headers and text of the answer, or what its failing means for a send."""
        if self._session is None:
            raise RuntimeError(f"{self!r} is not open")
        asked = render(call, {**dict.fromkeys(NAMES, ""), **values}, base_url=self._settings.base_url)
        try:
            async with self._session.request(
                asked.method, _encoded(asked.url), data=asked.body, headers=asked.headers, allow_redirects=False
            ) as answer:
                raw = bytearray()
                async for chunk in answer.content.iter_any():
                    raw += chunk
                    if len(raw) > LONGEST_ANSWER:
                        break
                return answer.status, answer.headers, raw.decode(_charset(answer.charset), "replace")
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - given back as a value: the chain would hold the address with its key
            return _failure(self._gateway.name, error)


def _failure(gateway: str, error: Exception) -> SendFailure:
    if never_left(error):
        return ProviderAway(f"cannot reach {gateway}: {reason(error)}")
    return UnknownOutcome(f"no answer from {gateway}: {reason(error)}")


def _encoded(url: str) -> "URL":
    from yarl import URL

    return URL(url, encoded=True)


def _charset(stated: str | None) -> str:
    """The answer's character set where it is one that Python decodes to text, else UTF-8."""
    import codecs

    try:
        return codecs.lookup(stated or "utf-8").name if "".encode(stated or "utf-8") == b"" else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"
