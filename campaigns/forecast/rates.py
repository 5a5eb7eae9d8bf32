"""How many of a channel's messages are answered: this campaign's own past, or what ``staff`` expects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import WorkspaceConfig
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Message, Response

_MESSAGES, _RESPONSES = table(Message), table(Response)
ENOUGH = 100
"""Messages before a campaign's own past counts."""
_LEFT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ)


@dataclass(frozen=True, slots=True)
class Rate:
    """The share of a channel's messages that are answered; ``known`` by ``sent`` messages of this campaign."""

    channel: str
    share: float
    sent: int = 0

    @property
    def known(self) -> bool:
        """Whether it is the campaign's own."""
        return self.sent >= ENOUGH


async def answer_rates(
    connection: AsyncConnection, campaign_id: str, channels: Iterable[str], config: WorkspaceConfig
) -> Mapping[str, Rate]:
    """The rate of each channel."""
    sent = (
        select(_MESSAGES.c.channel, func.count().label("number"))
        .where(_MESSAGES.c.campaign_id == campaign_id, _MESSAGES.c.direction == "out", _MESSAGES.c.state.in_(_LEFT))
        .group_by(_MESSAGES.c.channel)
    )
    by_answer = exists().where(
        _RESPONSES.c.message_id == _MESSAGES.c.id, _RESPONSES.c.kind.in_(["reply", "click", "conversion"])
    )
    numbers = {row.channel: row.number for row in await connection.execute(sent)}
    answered = {row.channel: row.number for row in await connection.execute(sent.where(by_answer))}
    expected = float(config.staff.reply_rate)
    return {
        channel: Rate(channel, answered.get(channel, 0) / number, number)
        if (number := numbers.get(channel, 0)) >= ENOUGH
        else Rate(channel, expected, number)
        for channel in channels
    }
