"""How many strangers may begin to write within an hour: each becomes a customer, so that nobody may make them by heaps.

Counted is who says their first words, not who opens a window. Networks are told apart by the beginning of their
addresses: one person has many, in IPv6 more than can be counted.
"""

import ipaddress
from collections import Counter, deque

from core.clock import uptime

HOUR = 3600.0
_PREFIX = {4: 24, 6: 48}


class NewVisitors:
    """Counts them for this process, over the last hour: ``most`` in all, ``per_network`` from one network."""

    def __init__(self, most: int, per_network: int) -> None:
        self._most = most
        self._per_network = per_network
        self._came: deque[tuple[float, str]] = deque()
        self._from: Counter[str] = Counter()

    def admit(self, network: str) -> bool:
        """Count one more from ``network`` (empty where it is not known), unless that would be one too many."""
        now = uptime()
        while self._came and now - self._came[0][0] >= HOUR:
            _, gone = self._came.popleft()
            self._from[gone] -= 1
            if not self._from[gone]:
                del self._from[gone]
        if len(self._came) >= self._most or (network and self._from[network] >= self._per_network):
            return False
        self._came.append((now, network))
        self._from[network] += 1
        return True


def network_of(address: str) -> str:
    """The network of a client's address: IPv4 by 24 bits, IPv6 by 48; empty of one that is not public.

    Behind a proxy that does not say for whom it asks, all have the proxy's: they are not told apart.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if not parsed.is_global:
        return ""
    return str(ipaddress.ip_network((parsed, _PREFIX[parsed.version]), strict=False))
