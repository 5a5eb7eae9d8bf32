"""Many customers' replies, written down at once: their journeys end in a few statements for all of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.responding.attribution import Attribution
from campaigns.responding.responses import Incident, log_new_responses, settle_unknown
from campaigns.running.closing import close_enrolments
from core.machines.enrolment import ANSWER


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's reply and the open journeys that it ends; ``settles`` where its credited message was unknown."""

    key: str
    customer_id: str
    channel: str
    at: datetime
    inbound_message_id: str
    attribution: Attribution
    answers: tuple[str, ...] = ()
    settles: bool = False


async def record_replies(connection: AsyncConnection, replies: Sequence[Reply], now: datetime) -> None:
    """Log replies that nobody has logged before and end what they answer.

    The caller has locked the customers, and a journey is answered by one of the replies at most.

    Raises:
        IntegrityError: if one of them was logged before: then nothing of this transaction may stand.
    """
    answered: dict[str, list[str]] = defaultdict(list)
    for reply in replies:
        answered[reply.channel] += reply.answers
    closed: dict[str, None] = {}
    for channel, enrolment_ids in sorted(answered.items()):
        ended = await close_enrolments(connection, enrolment_ids, ANSWER, reason="reply", now=now, detail=channel)
        closed |= dict.fromkeys(ended)
    for message_id in sorted({reply.attribution.message_id or "" for reply in replies if reply.settles}):
        await settle_unknown(connection, message_id, now)
    await log_new_responses(connection, [(_incident(reply), _of(reply, closed)) for reply in replies])


def _of(reply: Reply, closed: dict[str, None]) -> list[str]:
    return [enrolment_id for enrolment_id in reply.answers if enrolment_id in closed]


def _incident(reply: Reply) -> Incident:
    return Incident(
        key=f"reply:{reply.key}",
        kind="reply",
        customer_id=reply.customer_id,
        at=reply.at,
        channel=reply.channel,
        attribution=reply.attribution,
        inbound_message_id=reply.inbound_message_id,
    )
