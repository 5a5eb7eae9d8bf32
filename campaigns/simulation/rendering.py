"""Rendering in a simulation: each message is composed as a worker does it, and put through its adapter's own rendering.

It takes most of a simulation's time, so it is done only where somebody asks for it. Links are made, and nothing is kept
of them: nobody can follow one into a simulation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from core.clock import Clock
from core.dispatching import Claim
from core.errors import PermanentFailure
from core.messages import SMS, TELEGRAM, WHATSAPP, Address, OutboundMessage
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Identity, Message

_MESSAGES, _IDENTITIES = table(Message), table(Identity)
REFUSED = "provider: "
"""Begins the reason of a message that its provider would not take; one that cannot be composed says ``template: ``."""


class Rendering:
    """Renders planned messages; ``links`` are those by whose length the parts of an SMS are counted."""

    def __init__(self, store: Store, clock: Clock, addresses: Addresses) -> None:
        self.links = MessageLinks(addresses)
        straight = MessageLinks(replace(addresses, track_clicks=False, track_opens=False))
        self._store = store
        self._composer = Composer(store, clock, straight)

    async def refused(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        """Those that a run would not get out, each with the reason."""
        async with self._store.read() as connection:
            rows = (await connection.execute(_CLAIMED, {IDS: list(message_ids)})).all()
        claims = [Claim(row[0], 0, *row[1:3], Address(*row[3:6]), *row[6:]) for row in rows]
        composed = await self._composer.compose(claims)
        found = {}
        for claim in claims:
            message = composed.get(claim.message_id, "template: nothing was composed")
            reason = message if isinstance(message, str) else _refusal(message)
            if reason:
                found[claim.message_id] = reason
        return found


_CLAIMED = (
    select(
        _MESSAGES.c.id, _MESSAGES.c.customer_id, _MESSAGES.c.identity_id,
        _IDENTITIES.c.channel, _IDENTITIES.c.address, _IDENTITIES.c.scope,
        _MESSAGES.c.purpose, _MESSAGES.c.campaign_id, _MESSAGES.c.enrolment_id, _MESSAGES.c.version, _MESSAGES.c.step,
        _MESSAGES.c.leg, _MESSAGES.c.template, _MESSAGES.c.send_at, _MESSAGES.c.content, _IDENTITIES.c.window_from,
    )
    .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
    .where(given_ids(_MESSAGES.c.id))
)  # fmt: skip


def _refusal(message: OutboundMessage) -> str:
    render = _RENDERINGS.get(message.to.channel)
    try:
        if render is not None:
            render(message)
    except PermanentFailure as failure:
        return f"{REFUSED}{failure.detail}"
    return ""


def _telegram(message: OutboundMessage) -> object:
    from channels.telegram.rendering import render

    return render(message)


def _twilio(message: OutboundMessage) -> object:
    from channels.twilio.rendering import render

    return render(message, message.to.channel)


_RENDERINGS: dict[str, Callable[[OutboundMessage], object]] = {TELEGRAM: _telegram, SMS: _twilio, WHATSAPP: _twilio}
