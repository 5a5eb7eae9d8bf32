"""Requests that leave the sandbox: webhooks, callbacks, links. Loopback addresses only, no cookies, bounded."""

import ipaddress
from dataclasses import dataclass

import aiohttp
from yarl import URL

BODY_LIMIT = 256 * 1024  # bytes of an answer that are read
KEPT_ALIVE = 2.0  # seconds; servers commonly close idle connections after 5, and a POST that crosses that is lost


class NotLoopbackError(ValueError):
    """The address is not on this machine; the sandbox never leaves it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``status`` 0: nobody answered, ``error`` says why and ``timed_out`` whether by time-out."""

    status: int
    body: bytes = b""
    content_type: str = ""
    location: str | None = None
    error: str | None = None
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` names this machine: localhost or an address of 127/8 or ::1."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_loopback(url: str) -> URL:
    """The parsed ``url``, or NotLoopbackError."""
    try:
        parsed = URL(url, encoded=True)
        host = parsed.host
    except ValueError as error:
        raise NotLoopbackError(f"{url!r} is not a URL") from error
    if parsed.scheme not in ("http", "https") or not is_loopback(host):
        raise NotLoopbackError(f"{url!r} is not on this machine; the sandbox only calls http://127.0.0.1")
    return parsed


class Outbound:
    """One HTTP client for everything. ``unanswered`` counts the requests that nobody answered."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self.unanswered = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        connect: float = 5.0,
        read: float = 15.0,
    ) -> Answer:
        """Send one request, without following redirects. Never raises for what the other side does."""
        target = require_loopback(url)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=KEPT_ALIVE),
                skip_auto_headers=("Accept-Encoding",),
            )
        timeout = aiohttp.ClientTimeout(total=connect + read, sock_connect=connect, sock_read=read)
        try:
            async with self._session.request(
                method, target, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await response.content.read(BODY_LIMIT)
                return Answer(response.status, body, response.content_type or "", response.headers.get("Location"))
        except TimeoutError as error:
            self.unanswered += 1
            return Answer(0, error=str(error) or "timed out", timed_out=True)
        except (aiohttp.ClientError, OSError) as error:
            self.unanswered += 1
            return Answer(0, error=str(error) or type(error).__name__)

    async def visit(self, url: str, hops: int = 5) -> tuple[Answer, str]:
        """GET ``url`` as a browser would, following redirects on this machine; (last answer, where it leads)."""
        answer = Answer(0)
        for _ in range(hops):
            answer = await self.request("GET", url, headers={"User-Agent": "Mozilla/5.0 (sandbox)"})
            if answer.location is None or not 300 <= answer.status < 400:
                return answer, url
            url = str(URL(url).join(URL(answer.location)))
            if not is_loopback(URL(url).host):
                return answer, url
        return answer, url

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
