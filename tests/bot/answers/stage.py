"""A customer who asks, an index that answers, and what came of it."""

from dataclasses import dataclass, replace
from typing import Any

from bot.answers.index import Index
from bot.answers.turn import Outcome, take_turn
from bot.choices import chosen
from bot.conversations import log_inbound
from bot.senders import Sender, resolve
from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition.answers import Answer
from campaigns.workspace.answers import read_answers
from core.clock import VirtualClock
from core.dispatching import Claim
from core.machines.message import MessageState
from core.messages import TELEGRAM, Address, InboundMessage, OutboundMessage
from core.purposes import Purpose
from core.reading.problems import Problems
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Message, Question
from tests.bot.scene import SECRET, Person, Scene, written
from tests.conftest import NOW

LINKS = MessageLinks(Addresses("https://links.example.com", SECRET, reply_address="shop@example.org"))
DELIVERY = """---
buttons:
  - {label: Prices, url: "https://shop.example.com/prices"}
  - {label: How do I return a book?}
---
## Where is my order? {#track}
Look at the *link* in our message.

## My order has not arrived {#late}
Wait three days.
"""
RETURNS = """## How do I return a book? {#how}
Within 30 days: https://shop.example.com/returns
"""
RUSSIAN = """## Как вернуть книгу? {#how}
В течение 30 дней.
"""
COMPLAINTS = """---
escalate: true
feedback: false
---
## I want to complain {#complain}
We are sorry.
"""


def answers(**more: str) -> tuple[Answer, ...]:
    problems = Problems()
    texts = {"delivery": DELIVERY, "returns": RETURNS, "returns.ru": RUSSIAN, "complaints": COMPLAINTS, **more}
    found = read_answers({f"answers/{name}.md": text for name, text in texts.items()}, "en", problems)
    assert not problems.found
    return found


INDEX = Index.build(answers())


@dataclass
class Talk:
    """One customer on one channel."""

    scene: Scene
    person: Person
    address: Address
    index: Index = INDEX
    endpoint: bool = False
    message_id: str = ""
    conversation_id: str = ""

    async def says(self, text: str, **given: Any) -> Outcome:
        """What becomes of a message, from its sender to the bot's turn."""
        inbound = written(self.address, text, **given)
        context = self.scene.context()
        async with self.scene.store.write() as connection:
            sender = await resolve(connection, inbound, context)
            assert isinstance(sender, Sender)
            await lock_customers(connection, [sender.customer_id], shared=False)
            inbound, _ = await chosen(connection, inbound, sender, context)
            logged = await log_inbound(connection, inbound, sender, context)
            assert logged is not None
            self.message_id, self.conversation_id = logged
            return await take_turn(
                connection, inbound, sender, self.conversation_id, self.message_id, context, self.index,
                endpoint=self.endpoint,
            )  # fmt: skip

    async def planned(self) -> list[Any]:
        return [row for row in await self.scene.all(Message, direction="out") if row.state is MessageState.PLANNED]

    async def hears(self) -> OutboundMessage:
        """The last message that was planned, composed and marked as sent."""
        row = (await self.planned())[-1]
        claim = Claim(
            row.id, 1, row.customer_id, row.identity_id, self.address, Purpose.CONVERSATION, None, None, "", "", "", "",
            content=row.content,
        )  # fmt: skip
        made = (await Composer(self.scene.store, VirtualClock(NOW), LINKS).compose([claim]))[row.id]
        assert isinstance(made, OutboundMessage), made
        messages = table(Message)
        async with self.scene.store.write() as connection:
            await connection.execute(
                messages.update()
                .where(messages.c.id == row.id)
                .values(state=MessageState.DELIVERED, sent_at=NOW, account=row.channel)
            )
        return made

    async def questions(self) -> list[Any]:
        return sorted(await self.scene.all(Question), key=lambda row: row.message_id)


async def talk(scene: Scene, channel: str = TELEGRAM, **given: Any) -> Talk:
    person = await scene.person(**given)
    return Talk(scene, person, {"telegram": person.telegram, "email": person.email}[channel])


__all__ = ["INDEX", "InboundMessage", "Talk", "answers", "replace", "talk"]
