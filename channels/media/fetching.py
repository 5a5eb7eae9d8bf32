"""Fetching a file whose address a stranger may have written: only from named hosts, to addresses looked up once.

Against server-side request forgery: the host must be one of those given, every address that its name has must be a
public one, the connection goes to just those addresses (no second look-up in between), and each redirect is judged
anew. Credentials go only where they belong. What is fetched is bounded in bytes and in time.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, encode_basic_auth
from aiohttp.abc import AbstractResolver, ResolveResult

from channels.connection import reason
from channels.media.hosts import Host, allowed, is_public
from core.errors import PermanentFailure, PermanentKind, TransientFailure

REDIRECTS = 3
CHUNK = 64 * 1024


class OncePinned(AbstractResolver):
    """Looks a name up once in the life of a fetch; one address that is not public refuses the name."""

    def __init__(self, local: Collection[str]) -> None:
        self._local = local
        self._known: dict[tuple[str, int], list[ResolveResult]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if (host, port) not in self._known:
            self._known[host, port] = await self._look_up(host, port)
        return self._known[host, port]

    async def _look_up(self, host: str, port: int) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        results = [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
            for family, _, _, _, address in found
        ]
        if host not in self._local and not all(is_public(one["host"]) for one in results):
            raise _NotPublic
        return results

    async def close(self) -> None:
        """Nothing is held."""


class _NotPublic(Exception):
    """A name of an allowed host led into a private network."""


async def fetch(
    url: str,
    hosts: Collection[Host],
    *,
    credentials: tuple[str, str],
    limit: int,
    timeout: float,  # noqa: ASYNC109
    proxy: str = "",
) -> bytes:
    """The bytes at ``url``, at most ``limit``, within ``timeout`` seconds in all.

    Raises:
        PermanentFailure: the address may not be asked, or what is there is gone, refused or too large.
        TransientFailure: nobody answered; ask again later.
    """
    resolver = OncePinned({host.name for host in hosts if host.local})
    async with ClientSession(
        connector=TCPConnector(resolver=resolver, limit=1, force_close=True),
        timeout=ClientTimeout(total=timeout),
        proxy=proxy or None,
    ) as session:
        try:
            for _ in range(1 + REDIRECTS):
                host = allowed(url, hosts)
                if host is None:
                    raise _refused(f"files are not fetched from {_shown(url)}")
                proof = {"Authorization": encode_basic_auth(*credentials)} if host.trusted else {}
                async with session.get(url, headers=proof, allow_redirects=False) as answer:
                    if answer.status not in (301, 302, 303, 307, 308):
                        return await _body(
                            answer.status, answer.headers, aiter(answer.content.iter_chunked(CHUNK)), limit
                        )
                    url = urljoin(url, answer.headers.get("Location", ""))
        except _NotPublic:
            pass
        except (ClientError, TimeoutError, OSError) as error:
            if not isinstance(error.__cause__ or error, _NotPublic):
                raise TransientFailure(f"the file could not be fetched: {reason(error)}") from None
        else:
            raise _refused("the file's address redirects too often")
    raise _refused(f"{_shown(url)} leads into a private network")


async def _body(status: int, headers: Mapping[str, str], chunks: AsyncIterator[bytes], limit: int) -> bytes:
    if status == 429 or status >= 500:
        raise TransientFailure(f"the file could not be fetched: HTTP {status}", code=str(status))
    if status != 200:
        raise _refused(f"the file is not there: HTTP {status}", str(status))
    stated = headers.get("Content-Length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        raise _refused(f"the file has {stated} bytes; {limit} are taken")
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > limit:
            raise _refused(f"the file has more than {limit} bytes")
    return bytes(content)


def _refused(words: str, code: str = "") -> PermanentFailure:
    return PermanentFailure(PermanentKind.CONTENT_REFUSED, words, code=code)


def _shown(url: str) -> str:
    """The host alone: an address may carry secrets."""
    try:
        parts: SplitResult = urlsplit(url)
        return repr((parts.hostname or "")[:100])
    except ValueError:
        return "an unreadable address"
