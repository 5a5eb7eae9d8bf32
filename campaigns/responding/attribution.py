"""Attribution: which message of ours a customer's message is credited to.

In this order: the signed plus-address (it proves itself), In-Reply-To, each of References (both only among that
customer's messages), then, on a messenger, the last campaign message to that very address within the window. A mail
whose only tie is its ``From:`` is credited to nothing: anybody can write that header.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import ANONYMOUS, ID_LENGTH
from core.messages import EMAIL, InboundMessage
from core.statuses import SENT
from core.tokens import Signer
from storage.outbox.columns import table
from storage.tables import Message

_MESSAGES = table(Message)
_OUR_MESSAGE_ID = re.compile(rf"<?([0-9a-v]{{{ID_LENGTH}}})@[^<>\s]+>?")
_MOST_REFERENCES = 50


@dataclass(frozen=True, slots=True)
class Attribution:
    """The message that is credited, and how it was found: token, in_reply_to, references, last_message.

    Everything is empty where nothing is credited.
    """

    message_id: str | None = None
    customer_id: str | None = None
    identity_id: str | None = None
    enrolment_id: str | None = None
    campaign_id: str | None = None
    version: str = ""
    step: str = ""
    by: str = ""

    def __bool__(self) -> bool:
        return self.message_id is not None


NOTHING = Attribution()


async def attribute_token(connection: AsyncConnection, inbound: InboundMessage, signer: Signer) -> Attribution:
    """The message whose signed reply address this mail was sent to. It also says who the customer is."""
    for token in inbound.reply_tokens:
        message_id = signer.verify(token)
        if message_id is not None:
            found = await _first(connection, [message_id], "token")
            if found:
                return found
    return NOTHING


async def attribute(
    connection: AsyncConnection,
    inbound: InboundMessage,
    *,
    customer_id: str | None,
    identity_id: str | None,
    since: datetime,
    signer: Signer,
) -> Attribution:
    """The message that ``inbound`` is credited to.

    Args:
        customer_id: whose message it is held to be; None for a stranger, to whom only a token can attribute.
        identity_id: the address that it came from.
        since: where the attribution window begins (business time).
        signer: of the reply addresses.
    """
    found = await attribute_token(connection, inbound, signer)
    if found or customer_id is None:
        return found
    own = _MESSAGES.c.customer_id == customer_id
    if inbound.sender.channel == EMAIL:
        for by, ids in (("in_reply_to", our_ids([inbound.in_reply_to])), ("references", our_ids(inbound.references))):
            found = await _first(connection, ids, by, own)
            if found:
                return found
        return NOTHING
    if inbound.in_reply_to:
        quoted = _MESSAGES.c.provider_id == inbound.in_reply_to
        found = await _one(connection, "in_reply_to", own, quoted, _MESSAGES.c.account == inbound.account)
        if found:
            return found
    return await _one(
        connection,
        "last_message",
        own,
        _MESSAGES.c.identity_id == identity_id,
        _MESSAGES.c.campaign_id.is_not(None),
        _MESSAGES.c.state.in_(SENT),
        _MESSAGES.c.sent_at >= since,
    )


def our_ids(headers: Iterable[str]) -> list[str]:
    """The message ids of ours among Message-IDs, the newest (last) first, bounded."""
    found = [match[1] for header in headers for match in _OUR_MESSAGE_ID.finditer(header[:4096])]
    return list(dict.fromkeys(reversed(found)))[:_MOST_REFERENCES]


async def _first(connection: AsyncConnection, ids: list[str], by: str, *conditions: ColumnElement[bool]) -> Attribution:
    for message_id in ids:
        found = await _one(connection, by, _MESSAGES.c.id == message_id, *conditions)
        if found:
            return found
    return NOTHING


async def _one(connection: AsyncConnection, by: str, *conditions: ColumnElement[bool]) -> Attribution:
    statement = (
        select(
            _MESSAGES.c.id, _MESSAGES.c.customer_id, _MESSAGES.c.identity_id, _MESSAGES.c.enrolment_id,
            _MESSAGES.c.campaign_id, _MESSAGES.c.version, _MESSAGES.c.step,
        )
        # what was sent to somebody who was erased since is credited to nobody
        .where(_MESSAGES.c.direction == "out", _MESSAGES.c.customer_id < ANONYMOUS, *conditions)
        .order_by(_MESSAGES.c.sent_at.desc(), _MESSAGES.c.id.desc())
        .limit(1)
    )  # fmt: skip
    row = (await connection.execute(statement)).first()
    if row is None:
        return NOTHING
    return Attribution(
        row.id, row.customer_id, row.identity_id, row.enrolment_id, row.campaign_id, row.version, row.step, by
    )


async def attribute_link(connection: AsyncConnection, message_id: str) -> Attribution:
    """The message whose own link or pixel was fetched."""
    return await _one(connection, "link", _MESSAGES.c.id == message_id)
