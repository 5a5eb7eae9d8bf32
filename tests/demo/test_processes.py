"""The sender's port is its own for the whole demo, also before it starts and while it is down."""

import socket
import sys

import pytest

from otklik.demo.processes import kept_port


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let nobody listen beside us")
def test_a_port_is_kept_for_who_knows_its_number() -> None:
    with kept_port() as port:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
                stranger.bind(("127.0.0.1", port))
            with socket.socket() as child:
                child.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                child.bind(("127.0.0.1", port))
                child.listen()
                socket.create_connection(("127.0.0.1", port)).close()
