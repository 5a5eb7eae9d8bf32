"""What pytest loads for the channel contract: readable assertions, and a guard that keeps tests on this machine.

It stands beside the package, so that pytest can have the package's assertions rewritten before it is imported.
"""

import ipaddress
import sys
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("otklik.contract")

_seen: list[str] | None = None
"""Addresses elsewhere that somebody tried to reach, while the guard is up."""
_hooked = False


def _elsewhere(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or host in {"", "localhost"}:
        return False
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None or event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    target = arguments[1] if event == "socket.connect" else arguments[0]
    host = target[0] if isinstance(target, tuple) else target if event == "socket.getaddrinfo" else ""
    if _elsewhere(host):
        _seen.append(str(host))
        raise OSError(f"a contract test reaches no further than 127.0.0.1, and this was {host}")


@pytest.fixture
def loopback_only() -> Iterator[None]:
    """Fails the test if anything but this machine was looked up or connected to, and stops the attempt."""
    global _seen, _hooked  # noqa: PLW0603 - an audit hook is the interpreter's and cannot be taken back
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked = True
    _seen = []
    try:
        yield
        reached = sorted(set(_seen))
    finally:
        _seen = None
    assert not reached, f"the adapter does not go where its settings lead, but to {', '.join(reached)}"
