"""Which addresses may be asked for a file that somebody else named. Pure."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_NAT64 = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
_CARRIER = ipaddress.ip_network("100.64.0.0/10")


@dataclass(frozen=True, slots=True)
class Host:
    """A host that may be asked over https: ``path`` is how an address there must begin; ``trusted`` gets credentials.

    ``local`` is for a stand-in on this machine: any scheme, any port, any address.
    """

    name: str
    path: str = "/"
    trusted: bool = False
    local: bool = False


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet, with what it may hide (IPv4 inside IPv6) looked at."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        hidden = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if hidden is not None:
            return is_public(str(hidden))
        if any(parsed in network for network in _NAT64):
            return False
    elif parsed in _CARRIER:
        return False
    return parsed.is_global and not parsed.is_multicast


def allowed(url: str, hosts: Collection[Host]) -> Host | None:
    """The host of ``hosts`` that ``url`` is at, None where it may not be asked. Names are compared whole."""
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.password is not None or "\\" in url or ".." in unquote(parts.path):
        return None
    for host in hosts:
        usual = parts.scheme == "https" and port in (None, 443)
        if (
            host.name == name
            and (usual or (host.local and parts.scheme == "http"))
            and parts.path.startswith(host.path)
        ):
            return host
    return None
