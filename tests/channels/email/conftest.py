from contextlib import asynccontextmanager

import pytest

from channels.email.adapter import EmailAdapter
from channels.email.settings import EmailSettings
from core.ids import new_id
from core.messages import EMAIL, Address, OutboundMessage
from core.purposes import Purpose
from tests.bot.scene import Scene


@pytest.fixture
def mail():
    """Makes an ordinary message; keywords change it."""

    def make(**changes):
        fields = {
            "id": new_id(),
            "to": Address(EMAIL, "mina@example.net"),
            "purpose": Purpose.MARKETING,
            "text": "Hello",
            "subject": "Winter",
            **changes,
        }
        return OutboundMessage(**fields)

    return make


@pytest.fixture
def adapter():
    """Opens an adapter for a server's port, closes it after."""

    @asynccontextmanager
    async def open_adapter(port, **changes):
        fields = {"timeout": 30.0, "final_timeout": 30.0, "tls": "none", "local_hostname": "test", **changes}
        adapter = EmailAdapter(EmailSettings(host="127.0.0.1", port=port, sender="shop@example.org", **fields))
        await adapter.open()
        try:
            yield adapter
        finally:
            await adapter.close()

    return open_adapter


@pytest.fixture
def scene(store):
    """Customers in the store, on each database."""
    return Scene(store)
