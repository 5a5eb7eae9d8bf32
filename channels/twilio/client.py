"""Twilio's SDK with our HTTP underneath. Importing it is slow: only :meth:`TwilioAdapter.open` does, in a thread.

The SDK's own retries stay off: they would POST a message again after a 5xx, whose outcome nobody knows.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, encode_basic_auth
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

CONNECT_SECONDS = 10.0
TARGETS = 16


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
        async with self.session.request(
            method.upper(),
            self._target(url),
            params=params or None,
            data=urlencode(form_pairs(data)).encode() if data else None,
            headers={**(headers or {}), **({"Authorization": self._proof(auth)} if auth else {})},
            allow_redirects=False,
        ) as answer:
            text = (await answer.read()).decode("utf-8", "replace")
            if answer.status >= 300:
                raise _refusal(answer.status, text, answer.headers.get("Retry-After", ""))
            return Response(answer.status, text, answer.headers)

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


def open_client(
    account_sid: str, auth_token: str, *, base_url: str, connections: int, timeout: float, proxy: str
) -> Client:
    """A client of the SDK for one account; needs a running loop."""
    http_client = _HttpClient(base_url, connections, timeout, proxy)
    # A given environment keeps TWILIO_EDGE and TWILIO_REGION of the machine from moving the host.
    return Client(account_sid, auth_token, http_client=http_client, environment={"otklik": "1"})


def form_pairs(data: Mapping[str, object]) -> list[tuple[str, str]]:
    """The form's fields; a list (several ``MediaUrl``) becomes a field for each."""
    return [(name, str(one)) for name, value in data.items() for one in (value if isinstance(value, list) else [value])]


def _refusal(status: int, text: str, retry_after: str) -> Refusal:
    try:
        data: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        data = None
    stated = data if isinstance(data, dict) else {}
    code = stated.get("code")
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    return Refusal(status, code if isinstance(code, int) else None, str(stated.get("message") or ""), seconds)
