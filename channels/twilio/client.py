"""Twilio's SDK with our HTTP underneath. Importing it is slow: only :meth:`TwilioAdapter.open` does, in a thread.

The SDK's own retries stay off: they would POST a message again after a 5xx, whose outcome nobody knows. What is sent
goes by :mod:`channels.http` where no proxy is between, and past the SDK's models: they cost more than the request.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
import twilio.rest.api  # noqa: F401  the SDK would import it on the loop, when the first message leaves
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, encode_basic_auth
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from channels.http import HttpClient

CONNECT_SECONDS = 10.0
TARGETS = 16
FORM = "application/x-www-form-urlencoded"
NAMES = {
    "to": "To",
    "from_": "From",
    "messaging_service_sid": "MessagingServiceSid",
    "body": "Body",
    "media_url": "MediaUrl",
    "content_sid": "ContentSid",
    "content_variables": "ContentVariables",
    "status_callback": "StatusCallback",
}
"""What we send, by the SDK's names, as the form has it
(https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource, read 2026-11)."""


class Refusal(Exception):
    """An answer other than 2xx. ``retry_after`` is seconds. Never leaves this folder."""

    def __init__(self, status: int, code: int | None, message: str, retry_after: float | None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc] # the SDK is untyped here
    """Our pool and time-outs, a base URL of our choice, and Retry-After kept."""

    def __init__(self, base_url: str, connections: int, timeout: float, proxy: str) -> None:
        super().__init__(pool_connections=False)
        self._base = urlsplit(base_url)
        self._targets: dict[str, URL] = {}
        self._proofs: dict[tuple[str, str], str] = {}
        self._heads: dict[tuple[Any, ...], bytes] = {}
        self._direct = None if proxy else HttpClient(base_url, connections=connections, timeout=timeout)
        self.session = ClientSession(
            connector=TCPConnector(limit=connections),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(
                total=timeout, connect=min(timeout, CONNECT_SECONDS * 1.5), sock_connect=CONNECT_SECONDS
            ),
            proxy=proxy or None,
        )

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        allow_redirects: bool = False,  # noqa: FBT001, FBT002
    ) -> Response:
        said = {**(headers or {}), **({"Authorization": self._proof(auth)} if auth else {})}
        form = urlencode(form_pairs(data)).encode() if data else None
        if self._direct is not None and form is not None and not params:
            given = await self._direct.request(self._head(self._direct, method.upper(), url, said), form)
            return _answer(given.status, given.body, given.headers)
        async with self.session.request(
            method.upper(),
            self._target(url),
            params=params or None,
            data=form,
            headers=said,
            allow_redirects=False,
        ) as answer:
            return _answer(answer.status, await answer.read(), {k.lower(): v for k, v in answer.headers.items()})

    async def close(self) -> None:
        if self._direct is not None:
            await self._direct.close()
        await super().close()

    def _head(self, direct: HttpClient, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        """The beginning of a request; sending asks for the same one again and again."""
        key = (method, url, *headers.items())
        known = self._heads.get(key)
        if known is None:
            known = direct.head(method, str(self._target(url)), {**headers, "Content-Type": FORM})
            if len(self._heads) < TARGETS:
                self._heads[key] = known
        return known

    def _target(self, url: str) -> URL:
        """The SDK's address at our base; sending asks for the same one again and again."""
        known = self._targets.get(url)
        if known is None:
            there = urlsplit(url)
            path = self._base.path.rstrip("/") + there.path
            known = URL(urlunsplit((self._base.scheme, self._base.netloc, path, there.query, "")))
            if not there.query and len(self._targets) < TARGETS:
                self._targets[url] = known
        return known

    def _proof(self, auth: tuple[str, str]) -> str:
        if auth not in self._proofs:
            self._proofs[auth] = encode_basic_auth(*auth, "utf-8")
        return self._proofs[auth]


class Created(NamedTuple):
    """What we need to know of a message that Twilio took."""

    sid: str
    status: str


class _Messages:
    """The SDK's list of messages, whose ``create_async`` builds no model of the answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._listed = client.api.v2010.account.messages
        self._url = client.api.v2010.absolute_url(f"Accounts/{client.account_sid}/Messages.json")

    async def create_async(self, **parameters: Any) -> Created:
        """Send; ``parameters`` as the SDK names them."""
        form = {NAMES[name]: value for name, value in parameters.items()}
        answer = await self._client.request_async("POST", self._url, data=form)
        try:
            told = orjson.loads(answer.text)
        except orjson.JSONDecodeError:
            told = None
        told = told if isinstance(told, dict) else {}
        return Created(str(told.get("sid") or ""), str(told.get("status") or ""))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listed, name)


class _Client(Client):  # type: ignore[misc] # as above
    """The SDK's client, with the messages above in place of its own."""

    @property
    def messages(self) -> Any:
        if self._sending is None:
            self._sending = _Messages(self)
        return self._sending

    _sending: _Messages | None = None


def open_client(
    account_sid: str, auth_token: str, *, base_url: str, connections: int, timeout: float, proxy: str
) -> Client:
    """A client of the SDK for one account; needs a running loop."""
    http_client = _HttpClient(base_url, connections, timeout, proxy)
    # A given environment keeps TWILIO_EDGE and TWILIO_REGION of the machine from moving the host.
    return _Client(account_sid, auth_token, http_client=http_client, environment={"otklik": "1"})


def form_pairs(data: Mapping[str, object]) -> list[tuple[str, str]]:
    """The form's fields; a list (several ``MediaUrl``) becomes a field for each."""
    return [(name, str(one)) for name, value in data.items() for one in (value if isinstance(value, list) else [value])]


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> Response:
    """An answer as the SDK has it; ``headers`` by their lower-case names.

    Raises:
        Refusal: it is not a 2xx.
    """
    text = body.decode("utf-8", "replace")
    if status >= 300:
        raise _refusal(status, text, headers.get("retry-after", ""))
    return Response(status, text, headers)


def _refusal(status: int, text: str, retry_after: str) -> Refusal:
    try:
        data: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        data = None
    stated = data if isinstance(data, dict) else {}
    code = stated.get("code")
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    return Refusal(status, code if isinstance(code, int) else None, str(stated.get("message") or ""), seconds)
