"""Webhooks of campaigns: a signed POST to the shop's own systems, tried again until it is taken.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over ``id.timestamp.body``
with the workspace's secret. A receiver drops what it has seen by ``webhook-id``: a call may come twice.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select

from campaigns.running.commands import Finish, OpenCommand
from core.clock import Clock, machine_now
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Customer

if TYPE_CHECKING:
    from aiohttp import ClientSession

_CUSTOMERS, _CAMPAIGNS = table(Customer), table(Campaign)
SECONDS = 15.0
LONGEST_ANSWER = 2_000


class WebhookRefused(Exception):
    """The other side did not take the call."""


def signature(secret: str, id_: str, at: datetime, body: bytes) -> str:
    """The value of ``webhook-signature``; the key is derived from the workspace's ``secret``."""
    key = hashlib.blake2b(b"campaign webhook", key=hashlib.sha256(secret.encode()).digest()).digest()
    signed = b"%b.%d.%b" % (id_.encode(), int(at.timestamp()), body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


class WebhookCaller:
    """Carries out ``webhook`` commands. ``close`` ends its connections."""

    def __init__(self, store: Store, clock: Clock, secret: str) -> None:
        self._store = store
        self._clock = clock
        self._secret = secret
        self._session: ClientSession | None = None

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        """POST once.

        Raises:
            WebhookRefused: with the status, for anything but 2xx; a redirect is not followed.
        """
        body = orjson.dumps(await self._content(command))
        at = machine_now()
        headers = {
            "content-type": "application/json",
            "webhook-id": command.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature(self._secret, command.id, at, body),
        }
        url = str(command.payload["url"])
        async with self._http().post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = (await answer.content.read(LONGEST_ANSWER)).decode("utf-8", "replace")
            if not 200 <= answer.status < 300:
                raise WebhookRefused(f"{url} answered {answer.status}: {said[:200]}")
        async with self._store.write() as connection:
            await finish(connection)

    async def _content(self, command: OpenCommand) -> dict[str, Any]:
        told = command.payload
        async with self._store.read() as connection:
            customer = (
                await connection.execute(select(_CUSTOMERS.c.external_id).where(_CUSTOMERS.c.id == told["customer_id"]))
            ).first()
            campaign = await connection.scalar(select(_CAMPAIGNS.c.name).where(_CAMPAIGNS.c.id == told["campaign_id"]))
        return {
            "type": "campaign.step",
            "timestamp": self._clock.now().isoformat(),
            "data": {
                "campaign": campaign,
                "step": told["step"],
                "enrolment": told["enrolment_id"],
                "customer": {"id": told["customer_id"], "external_id": customer.external_id if customer else None},
                **dict(told.get("data") or {}),
            },
        }

    def _http(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout

        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=SECONDS))
        return self._session

    async def close(self) -> None:
        """End open connections."""
        if self._session is not None:
            await self._session.close()
