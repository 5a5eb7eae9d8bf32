"""How much of it: who says stop is stopped everywhere at once, and may then choose to stop less."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.choices import Choice
from bot.senders import Sender
from campaigns.customers.consents import ConsentChange, Proof, grant, refuse_topic
from campaigns.templates.leaving import STOP_CHANNEL, STOP_EVERYTHING, STOP_TOPIC
from core import catalogue
from storage.outbox.columns import table, topic_in_force
from storage.tables import Campaign, Identity, Message

_CAMPAIGNS, _IDENTITIES, _MESSAGES = table(Campaign), table(Identity), table(Message)


async def ways_to_stop_less(
    connection: AsyncConnection, sender: Sender, channel: str, change: ConsentChange, language: str
) -> dict[str, Any]:
    """What the confirmation of a stop offers beside its text: buttons, and what they would give back.

    Nothing for whom nobody vouches, or who had agreed to nothing.
    """
    if not (sender.verified and change.agreed):
        return {}
    topic = await connection.scalar(
        select(topic_in_force(_CAMPAIGNS)).where(_CAMPAIGNS.c.id == (sender.attribution.campaign_id or ""))
    )
    elsewhere = await connection.scalar(
        select(_IDENTITIES.c.id).where(_IDENTITIES.c.id.in_(change.agreed), _IDENTITIES.c.channel != channel).limit(1)
    )
    values = [STOP_TOPIC] if topic else []
    values += [STOP_CHANNEL] if elsewhere else []
    if not values:
        return {}
    return {
        "buttons": [
            {"label": catalogue.text(language, value.replace(":", ".")), "value": value}
            for value in (*values, STOP_EVERYTHING)
        ],
        "narrows": {"agreed": list(change.agreed), "topic": topic or "", "channel": channel},
    }


async def stop_less(connection: AsyncConnection, choice: Choice, sender: Sender, proof: Proof) -> str:
    """Do what was chosen; gives the id of the text that says so, empty where the choice means nothing any more."""
    content = await connection.scalar(
        select(_MESSAGES.c.content).where(
            _MESSAGES.c.id == choice.message_id, _MESSAGES.c.customer_id == sender.customer_id
        )
    )
    narrows = (content or {}).get("narrows")
    if not narrows:
        return ""
    if choice.value == STOP_EVERYTHING:
        return "stop.kept"
    given_back = list(narrows["agreed"])
    if choice.value == STOP_CHANNEL:
        other = select(_IDENTITIES.c.id).where(
            _IDENTITIES.c.id.in_(given_back), _IDENTITIES.c.channel != narrows["channel"]
        )
        given_back = list(await connection.scalars(other))
    await grant(connection, sender.customer_id, given_back, proof)
    topic = narrows.get("topic") or narrows.get("campaign", "")  # as confirmations said before there were topics
    if choice.value == STOP_TOPIC and topic:
        await refuse_topic(connection, sender.customer_id, topic, proof)
        return "stop.narrowed.topic"
    return "stop.narrowed.channel"
