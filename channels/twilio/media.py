"""Files that customers sent: fetched from Twilio's own hosts, with our credentials, and from nowhere else.

``MediaUrl0`` is whatever stands in the callback. The API wants basic authentication and redirects to a store, which
must not see it (https://www.twilio.com/docs/messaging/api/media-resource, read 2026-11).
"""

from urllib.parse import urlsplit

from channels.media.hosts import Host
from core.errors import PermanentFailure, PermanentKind
from core.messages import Attachment

LARGEST = 16 * 1024 * 1024
HOSTS = (
    Host("api.twilio.com", "/2010-04-01/Accounts/", trusted=True),
    Host("mcs.us1.twilio.com", trusted=True),
    Host("media.twiliocdn.com"),
    Host("mms.twiliocdn.com"),
    Host("s3-external-1.amazonaws.com", "/media.twiliocdn.com/"),
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(base_url: str) -> bool:
    """Whether the API is a stand-in on this machine."""
    return urlsplit(base_url).hostname in _LOOPBACK


def hosts(base_url: str) -> tuple[Host, ...]:
    """Twilio's hosts, with the stand-in on this machine where ``base_url`` is one."""
    if not is_loopback(base_url):
        return HOSTS
    name = urlsplit(base_url).hostname or ""
    return (*HOSTS, Host(name, "/2010-04-01/Accounts/", trusted=True, local=True), Host(name, "/media/", local=True))


async def fetch_media(
    attachment: Attachment,
    *,
    account_sid: str,
    auth_token: str,
    base_url: str,
    timeout: float,  # noqa: ASYNC109
    proxy: str,
) -> bytes:
    """The bytes of ``attachment`` from its ``remote`` address; fails as :func:`channels.media.fetching.fetch` does."""
    if not attachment.remote:
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, f"{attachment.name} has no address")
    from channels.media.fetching import fetch

    return await fetch(
        attachment.remote,
        hosts(base_url),
        credentials=(account_sid, auth_token),
        limit=LARGEST,
        timeout=timeout,
        proxy=proxy,
    )
