"""The channel contract over Apprise's own JSON service, on 127.0.0.1."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from otklik.contract import (
    ACCEPTED,
    CHECK,
    DROP,
    DROPPED,
    MESSAGE_ID,
    REFUSED_CONNECTION,
    SILENCE,
    SILENT,
    UNKNOWN,
    ChannelContract,
    Driver,
    Fact,
    Http,
    Running,
    accepted,
    closed_port,
    http_server,
)
from otklik.plugin import Address, OutboundMessage, Purpose

_HIDDEN = "Apprise answers yes or no"


class AppriseDriver(Driver):
    kind = "apprise"
    message = OutboundMessage(
        MESSAGE_ID, Address("apprise", "anna"), Purpose.MARKETING, "Still interested?", subject="Hello"
    )
    secrets = ("the-password-of-a-test",)
    facts = (
        Fact(ACCEPTED, Http(200), accepted(MESSAGE_ID)),
        Fact(SILENT, SILENCE, UNKNOWN),
        Fact(DROPPED, DROP, UNKNOWN),
        Fact("refused, for whatever reason", Http(403), UNKNOWN),
        Fact("server error", Http(500), UNKNOWN),
    )
    lacks = {
        "throttled": _HIDDEN,
        "wrong credentials": _HIDDEN,
        "content refused": _HIDDEN,
        REFUSED_CONNECTION: _HIDDEN,
        CHECK: "all that Apprise can do is to notify",
    }

    def _options(self, port: int | str) -> dict[str, object]:
        return {"url": f"json://shop:{self.secrets[0]}@127.0.0.1:{port}/{{address}}", "timeout": "0.5"}

    def unreachable(self) -> dict[str, object]:
        return self._options(closed_port())

    def patient(self, options: Mapping[str, object]) -> dict[str, object]:
        return {**options, "timeout": "2"}  # Apprise's thread outlives a cancelled send by so much

    @asynccontextmanager
    async def provider(self, script: Http) -> AsyncIterator[Running]:
        async with http_server(script) as server:
            yield server.running(self._options(server.port))


class TestApprise(ChannelContract):
    driver = AppriseDriver()
