"""Composing: claimed messages become what the provider gets. Satisfies ``channels.dispatch.Composer``.

A batch needs a few queries, more only where its templates ask for more; rendering is pure.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from campaigns.composing.batch import Batch, Made, Reader
from campaigns.composing.choices import keep_choices
from campaigns.composing.companion import Companion
from campaigns.composing.files import FileContents
from campaigns.composing.happenings import load_happenings
from campaigns.composing.links import MessageLinks
from campaigns.composing.targets import LinkTargets
from campaigns.customers.columns import customers_by_id, orders_of
from campaigns.live import workspace_config
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.variables import NO_ORDERS
from campaigns.versions import bodies
from core.clock import Clock
from core.dispatching import Claim
from core.messages import OutboundMessage
from storage.outbox.unserved import country_of, unserved_now
from storage.store import Store

AT_ONCE = 8
"""Messages that are composed in one go: about a millisecond."""
BULK = 32
"""Messages of one batch from which on the way to another process and back is worth it."""


class Composer:
    """Composes for one worker; bulk by its ``companion``, where it has one."""

    def __init__(self, store: Store, clock: Clock, links: MessageLinks, companion: Companion | None = None) -> None:
        self._store = store
        self._clock = clock
        self._links = links
        self._companion = companion
        self._targets = LinkTargets(store)
        self._files = FileContents(store)

    async def compose(self, claims: Sequence[Claim]) -> Mapping[str, OutboundMessage | str]:
        """Per message id: what to send, or in words why it cannot be composed."""
        now = self._clock.now()
        customer_ids = {claim.customer_id for claim in claims}
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            by_version = await bodies(connection, {claim.version for claim in claims})
            customers = await customers_by_id(connection, customer_ids)
            orders = await orders_of(connection, customer_ids, now)
            numbers = any(claim.to.value.startswith("+") for claim in claims)
            unserved = await unserved_now(connection, now) if numbers else {}
            batch = Batch(config, by_version, now)
            _choose_letters(batch, claims, customers)
            happenings = await load_happenings(
                connection,
                batch.asks,
                customer_ids=customer_ids,
                enrolment_ids={claim.enrolment_id for claim in claims if claim.enrolment_id},
                titles={offer.name: offer.title for body in by_version.values() for offer in body.offers.values()},
                now=now,
            )
        readers = [
            Reader(
                customers.get(claim.customer_id, {}),
                orders.get(claim.customer_id, NO_ORDERS),
                happenings.known(claim.customer_id, claim.enrolment_id),
            )
            for claim in claims
        ]
        made = None
        if self._companion is not None and len(claims) >= BULK:
            made = await self._companion.made(batch, claims, readers)
        if made is None:
            made = await self._made_here(batch, claims, readers)
        await self._targets.keep(made.targets, now)
        if made.choices:
            await keep_choices(self._store, made.choices)
        await self._files.fill(made.messages)
        for claim in claims if unserved else ():
            country = country_of(claim.to.value)
            if country in unserved.get(claim.to.channel, ()):  # planned before that was known
                made.messages[claim.message_id] = f"{claim.to.channel} does not serve {country}"
        return made.messages

    async def _made_here(self, batch: Batch, claims: Sequence[Claim], readers: Sequence[Reader]) -> Made:
        made = Made()
        for number, (claim, reader) in enumerate(zip(claims, readers, strict=True), 1):
            if not number % AT_ONCE:  # others use the store meanwhile, and sockets
                await asyncio.sleep(0)
            batch.make(claim, reader, self._links, made)
        return made


def _choose_letters(batch: Batch, claims: Sequence[Claim], customers: Mapping[str, Mapping[str, Any]]) -> None:
    """Choose them before anything is asked for; what cannot be found is told of when it is rendered."""
    for claim in claims:
        if claim.content is None:
            with suppress(TemplateFailure, KeyError):
                batch.letter(claim, str(customers.get(claim.customer_id, {}).get("locale") or ""))
